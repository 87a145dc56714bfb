"""How much memory the cache of ZFS (ARC) may take."""

from __future__ import annotations

from typing import Final

LEAST_MIB: Final = 64
MOST_DEFAULT_MIB: Final = 16 * 1024
# What the system itself needs whatever is asked for.
KEPT_MIB: Final = 1024
SMALL_MEMORY_MIB: Final = 2048


def default_arc_mib(total_memory_mib: int, product: str = "pve") -> int:
    """A tenth of the memory on a host for guests, 64 MiB to 16 GiB; elsewhere half of it, unless memory is small."""
    if product == "pve" or total_memory_mib < SMALL_MEMORY_MIB:
        return min(max(round(total_memory_mib / 10), LEAST_MIB), MOST_DEFAULT_MIB)
    return round(total_memory_mib / 2)


def clamp_arc_mib(wanted_mib: int, total_memory_mib: int) -> int:
    """Keep a wish between 64 MiB and all memory but 1 GiB. 0 stays 0: ZFS decides by itself."""
    if wanted_mib == 0:
        return 0
    return max(min(wanted_mib, total_memory_mib - KEPT_MIB), LEAST_MIB)
