"""Versions: ours, and the reference API level that we are compatible with (the shared schema's release)."""

VERSION = "0.1.0"
COMPATIBLE_RELEASE = "9.2"
COMPATIBLE_VERSION = "9.2.11"
