"""Disks of the host: what there is, how it is, what it is used for, and turning unused ones into storage."""
