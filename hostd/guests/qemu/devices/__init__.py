"""One file for each kind of device: its keys, its configuration as a dataclass, its XML."""
