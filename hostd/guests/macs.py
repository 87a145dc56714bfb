"""Addresses of guests' network cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

# Locally administered, and what KVM guests are known by.
_PREFIX: Final = "52:54:00"


def new_mac(random: Callable[[int], bytes]) -> str:
    """An address for a new card; three bytes of it come from ``random``."""
    return ":".join([_PREFIX, *(f"{byte:02X}" for byte in random(3))])
