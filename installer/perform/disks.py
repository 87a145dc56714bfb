"""Wiping and partitioning."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from hostd.core.errors import TimedOut
from installer.actions import MakeFilesystem, PartitionDisk, WipeDisk
from installer.perform.context import Context
from installer.perform.devices import partitions

SETTLE: Final = ["udevadm", "settle", "--timeout=60"]
LINK_WAIT_S: Final = 30.0


def wipe_disk(ctx: Context, action: WipeDisk) -> None:
    """Erase what would be recognised: file systems, LVM, ZFS and RAID labels on the partitions and the disk."""
    zfs = (ctx.sys / "module/zfs").is_dir()
    for device in [*partitions(action.disk, ctx.sys), action.disk]:
        if zfs:  # writes over all four labels; says no where there is none
            ctx.run(["zpool", "labelclear", "-f", device], check=False)
        ctx.run(["wipefs", "--all", "--force", device])
    ctx.run(["sgdisk", "--zap-all", action.disk], check=False)  # code 2: there was no table it could read
    ctx.run(SETTLE, timeout_s=90)


def sgdisk_argv(action: PartitionDisk) -> list[str]:
    argv = ["sgdisk", "--clear"]
    for part in action.partitions:
        end = f"+{part.size_mib}M" if part.size_mib else "0"
        argv += [
            f"--new={part.number}:0:{end}",
            f"--typecode={part.number}:{part.kind}",
            f"--change-name={part.number}:{part.name}",
            f"--partition-guid={part.number}:{part.uuid}",
        ]
    return [*argv, action.disk]


def partition_disk(ctx: Context, action: PartitionDisk) -> None:
    """Raises TimedOut where the new partitions do not appear."""
    ctx.run(sgdisk_argv(action))
    ctx.run(SETTLE, timeout_s=90)
    for part in action.partitions:
        wait_for(Path(part.device))
        # An earlier system's partition may have begun at the same place.
        ctx.run(["wipefs", "--all", "--force", part.device])


def wait_for(path: Path, wait_s: float = LINK_WAIT_S) -> None:
    deadline = time.monotonic() + wait_s
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimedOut(f"{path} did not appear within {wait_s:g} s")
        time.sleep(0.1)


def mkfs_argv(kind: str, device: str, label: str) -> list[str]:
    match kind:
        case "vfat":
            return ["mkfs.vfat", "-F", "32", "-n", label, device]
        case "ext4":
            return ["mkfs.ext4", "-q", "-F", "-L", label, device]
        case "xfs":
            return ["mkfs.xfs", "-q", "-f", "-L", label, device]
        case "swap":
            return ["mkswap", "--force", "--label", label, device]
        case _:
            raise ValueError(f"no program known that makes '{kind}'")


def make_filesystem(ctx: Context, action: MakeFilesystem) -> None:
    wait_for(Path(action.device))
    ctx.run(mkfs_argv(action.kind, action.device, action.label), timeout_s=900)
