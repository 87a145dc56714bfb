"""Command lines that make something of a disk: partition table, file system, volume group, thin pool, ZFS pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hostd.core.errors import Invalid

# How many devices each layout needs at least, and whether their number must be even.
LAYOUTS: Final = {
    "single": 1, "mirror": 2, "raid10": 4, "raidz": 3, "raidz2": 4, "raidz3": 5, "draid": 3, "draid2": 4, "draid3": 5,
}  # fmt: skip


def gpt_argv(device: str, uuid: str) -> list[str]:
    """A new GPT with that id, or a random one (``R``)."""
    return ["sgdisk", "-o", "-U", uuid or "R", "--", device]


def whole_partition_argv(device: str) -> list[str]:
    """One partition over all of a disk, of type Linux file system."""
    return ["sgdisk", "-n", "1:0:0", "-t", "1:8300", "--", device]


def wipe_argv(devices: Sequence[str]) -> list[str]:
    """Remove all signatures that tools look for; partitions before their disk."""
    return ["wipefs", "--all", "--force", "--", *devices]


def settle_argv() -> list[str]:
    return ["udevadm", "settle", "--timeout", "20"]


def make_filesystem_argv(device: str, type: str) -> list[str]:
    """``ext4`` or ``xfs``; xfs refuses a device with signatures, of which there are none when this is called."""
    return [f"mkfs.{type}", "-q", device]


def uuid_argv(device: str) -> list[str]:
    return ["blkid", "-p", "-s", "UUID", "-o", "value", "--", device]


def group_argv(name: str, device: str) -> list[str]:
    return ["vgcreate", "--yes", "--metadatasize", "1M", name, device]


def thin_pool_argv(group: str, name: str) -> list[str]:
    """The whole group as one pool; LVM chooses the size of its metadata and keeps a spare of it."""
    return ["lvcreate", "--yes", "--type", "thin-pool", "-l", "100%FREE", "-n", name, group]


def pool_argv(
    name: str, level: str, devices: Sequence[str], *, ashift: int, compression: str, data: int = 0, spares: int = 0
) -> list[str]:
    """``zpool create``. ``data`` and ``spares`` are those of dRAID. Raises Invalid for a number that does not fit."""
    count = len(devices)
    if count < LAYOUTS[level] or (level == "raid10" and count % 2) or (level == "single" and count != 1):
        wants = {"single": "one device", "raid10": "an even number of devices, at least 4"}
        need = wants.get(level, f"at least {LAYOUTS[level]} devices")
        raise Invalid({"devices": f"'{level}' needs {need}, got {count}"})
    if level.startswith("draid"):
        parity = int(level[5:] or 1)
        if data and data + parity + spares > count:
            more = f"{data} data, {parity} parity and {spares} spares are more than {count} devices"
            raise Invalid({"draid-config": more})
        word = f"{level}{f':{data}d' if data else ''}:{count}c:{spares}s"
        layout = [word, *devices]
    elif level == "raid10":
        layout = [part for first in range(0, count, 2) for part in ("mirror", *devices[first : first + 2])]
    else:
        layout = [*([] if level == "single" else [level]), *devices]
    properties = ["-o", f"ashift={ashift}", "-O", f"compression={compression}"]
    return ["zpool", "create", *properties, name, *layout]
