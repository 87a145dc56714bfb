"""Guests: virtual machines (``qemu``) and containers (``lxc``), their files, lists and live values."""
