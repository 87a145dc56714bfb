"""Volume names of every storage type, also of those that we have no driver for: what a name tells, which one is free.

Source: conformance area ``storage`` (parse-volname-*, free-disk-name).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hostd.core.errors import NotFound, ParseError
from hostd.storage.volume import (
    Content,
    VolumeName,
    free_name,
    parse_block_name,
    parse_dataset_name,
    parse_file_name,
    parse_thick_name,
    safe_name,
)

_RBD: Final = re.compile(r"(?:(base-(\d+)-[^/\s]+)/)?((base|vm)-(\d+)-[^/\s]+)\Z")
_LUN: Final = re.compile(r"\d+\.\d+\.\d+\.(\S+)\Z")
_DIRECT_LUN: Final = re.compile(r"lun(\d+)\Z")
_SNAPSHOT_GROUP: Final = re.compile(r"backup/([^/\s_]+)/([^/\s_]+)/(\d+-\d+-\d+T\d+:\d+:\d+Z)\Z")


def parse_rbd_name(name: str) -> VolumeName:
    """A Ceph image: ``vm-100-disk-0``, a linked clone with its base before it; ParseError otherwise."""
    match = _RBD.match(name)
    if match is None:
        raise ParseError(f"unable to parse rbd volume name '{name}'")
    base, base_vmid, own, kind, vmid = match.groups()
    return VolumeName(
        content=Content.IMAGES,
        name=own,
        format="raw",
        vmid=int(vmid),
        is_base=kind == "base",
        base=base or "",
        base_vmid=int(base_vmid) if base_vmid else None,
    )


def parse_lun_name(name: str) -> VolumeName:
    """A LUN of an iSCSI target, ``channel.id.lun.device``: the device's name is what counts. No guest owns it."""
    match = _LUN.match(name)
    if match is None or not safe_name(match.group(1)):
        raise ParseError(f"unable to parse iscsi volume name '{name}'")
    return VolumeName(content=Content.IMAGES, name=match.group(1), format="raw")


def parse_direct_lun_name(name: str) -> VolumeName:
    """``lun1``: a LUN that QEMU itself opens."""
    match = _DIRECT_LUN.match(name)
    if match is None:
        raise ParseError(f"unable to parse iscsi volume name '{name}'")
    return VolumeName(content=Content.IMAGES, name=match.group(1), format="raw")


def parse_backup_server_name(name: str) -> VolumeName:
    """``backup/<type>/<id>/<time>``: the owner is known where the id is a number."""
    match = _SNAPSHOT_GROUP.match(name)
    if match is None or not safe_name(name):
        raise ParseError(f"unable to parse backup server volume name '{name}'")
    kind, id, time = match.groups()
    return VolumeName(
        content=Content.BACKUP,
        name=f"{kind}/{id}/{time}",
        format=f"pbs-{kind}",
        vmid=int(id) if id.isdecimal() else None,
    )


PARSERS: Final[Mapping[str, Callable[[str], VolumeName]]] = {
    **dict.fromkeys(("dir", "nfs", "cifs", "cephfs", "btrfs"), parse_file_name),
    **dict.fromkeys(("zfspool", "zfs"), parse_dataset_name),
    "lvm": parse_thick_name,
    "lvmthin": parse_block_name,
    "rbd": parse_rbd_name,
    "iscsi": parse_lun_name,
    "iscsidirect": parse_direct_lun_name,
    "pbs": parse_backup_server_name,
}
# Types that can hold subvolumes, which then count as taken numbers.
_SUBVOLS: Final = frozenset(("dir", "btrfs", "zfspool"))


def parse_name(type: str, name: str) -> VolumeName:
    """What a name tells on a storage of that type. Raises NotFound for an unknown type, ParseError."""
    if type not in PARSERS:
        raise NotFound(f"unknown storage type '{type}'; known: {', '.join(sorted(PARSERS))}")
    return PARSERS[type](name)


def free_disk_name(type: str, vmid: int, format: str, taken: Iterable[str], *, suffix: bool) -> str:
    """The lowest free name of a guest's disk; ``taken`` are names present, with or without folders before them."""
    return free_name(vmid, format, taken, suffix=suffix, subvols=type in _SUBVOLS)
