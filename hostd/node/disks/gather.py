"""The disks of this host as facts: udev, sysfs, the mount table, and what LVM, ZFS and lsblk say. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hostd.core.errors import CommandFailed, NotFound
from hostd.core.run import Run
from hostd.node.disks import uses
from hostd.node.disks.inventory import SECTOR, Block, Disk, Facts, describe, is_disk
from hostd.node.disks.smart import Smart, parse_smart, smartctl_argv

_TOOL_S: Final = 20.0
_NOT_INSTALLED: Final = 127
Wanted = Callable[[str], bool]


def gather(run: Run, wanted: Wanted = is_disk, sys: Path = Path("/sys"), mounts: str = "/proc/mounts") -> Facts:
    """Needs root for what is on the devices. ``wanted``: which names of /sys/block are disks."""
    udev = _udev()
    names = sorted(name for name in os.listdir(sys / "block") if wanted(name))
    types, contents = uses.parse_lsblk(_told(run, uses.LSBLK))
    return Facts(
        disks=tuple(_block(sys / "block" / name, udev) for name in names),
        mounts=_mounts(mounts),
        zfs=uses.parse_zpools(_told(run, uses.ZPOOLS)),
        lvm=uses.parse_pvs(_told(run, uses.PVS)),
        ceph=uses.parse_ceph_volumes(_told(run, uses.CEPH_VOLUMES)),
        partition_types=types,
        contents=contents,
    )


def _udev() -> Mapping[str, Mapping[str, str]]:
    """Properties of all block devices by name."""
    import pyudev  # here: the daemons that never look at disks must not load it

    devices = pyudev.Context().list_devices(subsystem="block")
    return {d.sys_name: {str(key): str(value) for key, value in d.properties.items()} for d in devices}


def _told(run: Run, argv: list[str]) -> str:
    """What a tool says; nothing where it is not installed or its kernel part is missing (then nothing is used by it).

    A tool that fails while it is there would make used disks look free, so that is an error.
    """
    result = run(argv, timeout_s=_TOOL_S, check=False) if _installed(argv[0]) else None
    if result is None or "modules cannot be auto-loaded" in result.stderr or "/dev/zfs" in result.stderr:
        return ""
    if result.code and result.code != _NOT_INSTALLED:
        raise CommandFailed(argv, result.code, result.stderr)
    return result.stdout


def _installed(program: str) -> bool:
    return any(os.access(f"{folder}/{program}", os.X_OK) for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"))


def _mounts(path: str) -> Mapping[str, str]:
    """Mount points by device path, by the names under which disks are known."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        pairs = [line.split()[:2] for line in file if line.startswith("/")]
    return {os.path.realpath(device): point for device, point in pairs}


def _block(folder: Path, udev: Mapping[str, Mapping[str, str]]) -> Block:
    name = folder.name
    parts = sorted(
        (p for p in folder.iterdir() if (p / "partition").exists()), key=lambda p: int(_read(p, "partition"))
    )
    rotational = _read(folder, "queue/rotational")
    return Block(
        name=name,
        udev=udev.get(name, {}),
        size_bytes=int(_read(folder, "size") or 0) * SECTOR,
        rotational=rotational == "1" if rotational else None,
        vendor=_read(folder, "device/vendor"),
        model=_read(folder, "device/model"),
        held=_held(folder),
        partitions=tuple(
            Block(
                name=part.name,
                udev=udev.get(part.name, {}),
                size_bytes=int(_read(part, "size") or 0) * SECTOR,
                held=_held(part),
            )
            for part in parts
        ),
    )


def _held(folder: Path) -> bool:
    holders = folder / "holders"
    return holders.is_dir() and any(holders.iterdir())


def _read(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(errors="replace").strip()
    except OSError:
        return ""


def read_smart(run: Run, device: str, *, health_only: bool = False) -> Smart:
    """What a disk says; its exit code tells of its health, not of failure. Unknown without smartctl."""
    if not _installed("smartctl"):
        return Smart()
    return parse_smart(run(smartctl_argv(device, health_only=health_only), timeout_s=_TOOL_S, check=False).stdout)


def list_disks(
    run: Run, *, smart: bool = True, only: str = "", partitions: bool = False, wanted: Wanted = is_disk
) -> list[Disk]:
    """The disks of this host (or one of them)."""

    def read(device: str, health_only: bool) -> Smart:
        return read_smart(run, device, health_only=health_only)

    return describe(gather(run, wanted), read if smart else None, only=only, partitions=partitions)


def find(run: Run, path: str, wanted: Wanted = is_disk) -> Disk:
    """The disk or partition at a path, which may be a link to it; NotFound naming what there is."""
    device = os.path.realpath(path)
    known = list_disks(run, smart=False, partitions=True, wanted=wanted)
    for disk in known:
        if disk.devpath == device:
            return disk
    names = ", ".join(disk.devpath for disk in known) or "none"
    raise NotFound(f"'{path}' is no disk or partition of this host; there are: {names}")
