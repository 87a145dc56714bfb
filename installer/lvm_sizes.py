"""Sizes of the logical volumes: swap, root, and the thin pool for guests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from installer.answers import LvmOptions

MIB: Final = 1024  # in KiB, as all sizes below
GIB: Final = 1024 * MIB
# LVM hands out whole extents; sizes are rounded down to them, and one is kept back where rounding could go wrong.
EXTENT: Final = 4 * MIB

# Below this much room after swap, everything goes to root.
LEAST_TO_DIVIDE: Final = 12 * GIB
# Up to this much, root gets half; above, a quarter plus 12 GiB (the two meet here).
HALF_UP_TO: Final = 48 * GIB
MOST_ROOT_GIB: Final = 96
# A thin pool needs more room than this to be worth its metadata.
LEAST_POOL: Final = 4 * GIB
LEAST_METADATA: Final = 1 * GIB
MOST_METADATA: Final = 16 * GIB


@dataclass(frozen=True, kw_only=True)
class LvmSizes:
    """KiB. ``data_kib`` and ``metadata_kib`` are 0 where there is no thin pool (LVM keeps a spare of the metadata)."""

    swap_kib: int
    root_kib: int
    data_kib: int = 0
    metadata_kib: int = 0


def lvm_sizes(
    *, disk_kib: int, partition_kib: int, memory_mib: int, options: LvmOptions, product: str = "pve"
) -> LvmSizes:
    """Divide a physical volume of ``partition_kib`` on a disk of ``disk_kib``.

    Only a host for guests (``product`` "pve") has a thin pool; elsewhere root gets all but a reserve. ``root_kib`` is
    0 or less where the disk is too small: the caller has to look. Sources: the reference's administration guide,
    "Advanced LVM configuration options", and its results in the conformance cases.
    """
    swap = swap_kib(disk_gib=disk_kib // GIB, memory_mib=memory_mib, wanted_gib=options.swapsize_gib)
    rest = partition_kib - swap
    reserve = _reserve_kib(partition_kib)
    if product != "pve":
        free = reserve if options.minfree_gib is None else _kib(options.minfree_gib)
        return LvmSizes(swap_kib=swap, root_kib=_extents(rest - free))
    if rest < LEAST_TO_DIVIDE:
        return LvmSizes(swap_kib=swap, root_kib=_extents(rest - EXTENT))
    root = _extents(min(_root_kib(rest), _kib(options.maxroot_gib or MOST_ROOT_GIB)))
    rest -= root
    free = reserve
    if options.minfree_gib is not None and _kib(options.minfree_gib) < rest:
        free = _kib(options.minfree_gib)
    pool = rest - free
    if options.maxvz_gib is not None:
        pool = min(pool, _kib(options.maxvz_gib))
    if pool <= LEAST_POOL:
        return LvmSizes(swap_kib=swap, root_kib=root)
    metadata = _extents(min(max(pool // 100, LEAST_METADATA), MOST_METADATA))
    return LvmSizes(
        swap_kib=swap, root_kib=root, data_kib=_extents(pool - 2 * metadata - EXTENT), metadata_kib=metadata
    )


def swap_kib(*, disk_gib: int, memory_mib: int, wanted_gib: float | None = None) -> int:
    """As much as there is memory, within bounds that grow with the disk: at most an eighth of it, and 8 GiB."""
    if wanted_gib is not None:
        return _kib(wanted_gib)
    if disk_gib >= 64:
        size = max(memory_mib, 4096)
    elif disk_gib >= 32:
        size = max(memory_mib, 2048)
    elif disk_gib <= 16:
        size = min(memory_mib, 1024)
    else:
        size = memory_mib
    return min(max(size, 512), disk_gib * 128, 8192) * MIB


def _root_kib(rest: int) -> int:
    return rest // 2 if rest < HALF_UP_TO else rest // 4 + 12 * GIB


def _reserve_kib(partition_kib: int) -> int:
    """Room left free in the volume group for snapshots: 16 GiB on large disks, an eighth on others, none on small."""
    gib = partition_kib // GIB
    if gib > 128:
        return 16 * GIB
    return EXTENT if gib <= 32 else gib * GIB // 8


def _kib(gib: float) -> int:
    return int(gib * GIB)


def _extents(kib: int) -> int:
    return kib // EXTENT * EXTENT
