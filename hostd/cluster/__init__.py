"""The configuration tree that all nodes share, and what reads and writes it."""
