"""What several suites share: a small guest operating system, a client of the API, container templates."""
