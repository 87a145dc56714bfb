"""Which disks go together for a RAID level, and which can be booted from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hostd.core.errors import Conflict
from installer.answers import Filesystem, RaidLevel
from installer.machine import Disk, Firmware

LEAST_DISKS: Final = {
    RaidLevel.RAID0: 1,
    RaidLevel.RAID1: 2,
    RaidLevel.RAID10: 4,
    RaidLevel.RAIDZ1: 3,
    RaidLevel.RAIDZ2: 4,
    RaidLevel.RAIDZ3: 5,
}
# Disks of one mirror or RAIDZ may differ by this part of the first one's size.
SIZE_TOLERANCE: Final = 0.1


def check_disk_count(level: RaidLevel, disks: Sequence[Disk]) -> None:
    """Raises Conflict where there are too few disks for the level, or one of them is named twice."""
    least = LEAST_DISKS[level]
    if len(disks) < least:
        raise Conflict(f"{level} needs at least {least} disks; {len(disks)} found")
    paths = [disk.path for disk in disks]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise Conflict(f"disk {', '.join(twice)} is named twice")


def check_raid_disks(filesystem: Filesystem, level: RaidLevel, disks: Sequence[Disk]) -> None:
    """Check the disks of a ZFS pool or btrfs: number, no repetition, and (ZFS) equal size within a mirror or RAIDZ.

    RAID10 on ZFS mirrors disks in pairs in the order given, so it takes an even number. Raises Conflict.
    """
    check_disk_count(level, disks)
    if filesystem is not Filesystem.ZFS or level is RaidLevel.RAID0:
        return
    if level is RaidLevel.RAID10:
        if len(disks) % 2:
            raise Conflict(f"{level} needs an even number of disks; {len(disks)} found")
        groups = [disks[i : i + 2] for i in range(0, len(disks), 2)]
    else:
        groups = [disks]
    for first, *others in groups:
        for other in others:
            if abs(first.size_bytes - other.size_bytes) > first.size_bytes * SIZE_TOLERANCE:
                raise Conflict(
                    f"{first.path} ({first.size_gib:.1f} GiB) and {other.path} ({other.size_gib:.1f} GiB)"
                    " differ too much in size to mirror each other"
                )


def check_boot_disks(firmware: Firmware, disks: Sequence[Disk]) -> None:
    """BIOS boots only from disks with blocks of 512 bytes; an unknown size is taken as that. Raises Conflict."""
    if firmware is Firmware.EFI:
        return
    for disk in disks:
        if disk.block_size == 4096:
            raise Conflict(f"BIOS cannot boot from {disk.path}: its blocks have 4096 bytes (4Kn); boot in UEFI mode")
