"""Glue between conformance cases and production code, one module per area; ``OPERATIONS`` maps op -> function."""
