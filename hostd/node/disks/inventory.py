"""Disks described: pure, from what udev, sysfs and the tools tell (``Facts``) to what lists show (``Disk``).

Source: conformance area ``storage`` (disk-list).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from hostd.node.disks.smart import Smart, life_left, plain_number

SECTOR: Final = 512
_DISK: Final = re.compile(r"(?:h|s|x?v)d[a-z]+|nvme\d+n\d+|cciss[!/]c\d+d\d+")
_BY_ID: Final = re.compile(r"/dev/disk/by-id/(?:ata|scsi|nvme(?!-eui))")
_OSD: Final = re.compile(r"/var/lib/ceph/osd/ceph-(\d+)")
_UNKNOWN: Final = "unknown"
# GPT's types of partitions (lower case), by what they say about the use.
_BIOS_BOOT: Final = "21686148-6449-6e6f-744e-656564454649"
_EFI: Final = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
_ZFS_RESERVED: Final = "6a945a3b-1dd2-11b2-99a6-080020736631"
_ZFS_TYPES: Final = ("6a898cc3-1dd2-11b2-99a6-080020736631", "516e7cba-6ecf-11d6-8ff8-00022d09712b")
_LVM_TYPE: Final = "e6d6d379-f507-44c2-a23c-238f2a3df928"
_CEPH_TYPES: Final[Mapping[str, str]] = {
    "45b0969e-9b03-4f30-b4c6-b4b80ceff106": "journal",
    "30cd0809-c2b2-499c-8879-2d6b785292be": "db",
    "5ce17fce-4087-4169-b7ff-056cc58f473f": "wal",
    "cafecafe-9b03-4f30-b4c6-b4b80ceff106": "block",
}


@dataclass(frozen=True, kw_only=True)
class CephPart:
    """What Ceph keeps on a device: ``kind`` is block or data (an OSD itself), journal, db or wal."""

    kind: str
    osd: str = ""
    encrypted: bool = False


@dataclass(frozen=True, kw_only=True)
class Block:
    """A disk or partition as the kernel and udev see it. ``name`` as in sysfs (``cciss!c0d0``)."""

    name: str
    udev: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    rotational: bool | None = None
    vendor: str = ""
    model: str = ""
    held: bool = False
    partitions: tuple[Block, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Uses by device path: mount points, members of pools and volume groups, types of partitions and contents."""

    disks: tuple[Block, ...]
    mounts: Mapping[str, str] = field(default_factory=dict)
    zfs: frozenset[str] = frozenset()
    lvm: frozenset[str] = frozenset()
    ceph: Mapping[str, tuple[CephPart, ...]] = field(default_factory=dict)
    partition_types: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Disk:
    """What lists show. ``rpm`` -1 and ``wearout`` None: not told; ``used`` empty: free for everything.

    ``osds``: ids of Ceph's OSDs on it, in order.
    """

    name: str
    devpath: str
    type: str
    size_bytes: int
    used: str
    gpt: bool
    model: str = _UNKNOWN
    serial: str = _UNKNOWN
    vendor: str = _UNKNOWN
    wwn: str = _UNKNOWN
    by_id: str = ""
    rpm: int = -1
    health: str = "UNKNOWN"
    wearout: float | None = None
    mounted: bool = False
    parent: str = ""
    osds: tuple[str, ...] = ()
    bluestore: bool = False
    encrypted: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)


# Asked for a device path and whether its health alone is wanted.
ReadSmart = Callable[[str, bool], Smart]


def is_disk(name: str) -> bool:
    """Whether a name of /sys/block is a disk's (not a loop device, a RAID or the like)."""
    return _DISK.fullmatch(name) is not None


def describe(facts: Facts, smart: ReadSmart | None, *, only: str = "", partitions: bool = False) -> list[Disk]:
    """The disks (one of them: ``only``, by name or path), each followed by its partitions if wanted."""
    found: list[Disk] = []
    for block in facts.disks:
        if (disk := _disk(block)) is None or only.removeprefix("/dev/") not in ("", disk.name):
            continue
        parts = [_partition(facts, part, disk) for part in block.partitions]
        disk = _with_use(facts, block, disk, parts, partitions)
        found.append(_with_health(disk, smart) if smart else disk)
        found += parts if partitions else []
    return found


def _disk(block: Block) -> Disk | None:
    """None for what is no disk after all: optical drives, what udev does not know."""
    udev = block.udev
    path = udev.get("DEVNAME", "")
    if not path or udev.get("DEVTYPE") != "disk" or "ID_CDROM" in udev:
        return None
    links = [link for link in udev.get("DEVLINKS", "").split(" ") if _BY_ID.match(link)]
    rpm = udev.get("ID_ATA_ROTATION_RATE_RPM", "")
    type, turns = _type(block, int(rpm) if rpm.isdecimal() else -1)
    return Disk(
        name=path.removeprefix("/dev/"),
        devpath=path,
        type=type,
        rpm=turns,
        size_bytes=block.size_bytes,
        used="",
        gpt=udev.get("ID_PART_TABLE_TYPE") == "gpt",
        model=udev.get("ID_MODEL") or block.model or _UNKNOWN,
        serial=udev.get("ID_SERIAL_SHORT") or udev.get("ID_SERIAL") or _UNKNOWN,  # virtio has but the long one
        vendor=block.vendor or _UNKNOWN,
        wwn=udev.get("ID_WWN") or _UNKNOWN,
        by_id=links[0] if links else "",
    )


def _type(block: Block, rpm: int) -> tuple[str, int]:
    """A disk that turns is one only if it says how fast; a disk behind USB mostly says nothing."""
    if block.rotational is False:
        return ("nvme" if block.name.startswith("nvme") else "ssd"), 0
    if rpm != -1:
        return "hdd", rpm
    return ("usb", 0) if block.udev.get("ID_BUS") == "usb" else ("unknown", -1)


def _use(facts: Facts, path: str) -> str:
    """What a device is used for, the most telling first; empty where nothing is known."""
    kind = facts.partition_types.get(path, "")
    if path in facts.lvm or kind == _LVM_TYPE:
        return "LVM"
    if path in facts.zfs or kind in _ZFS_TYPES:
        return "ZFS"
    reserved = {_BIOS_BOOT: "BIOS boot", _EFI: "EFI", _ZFS_RESERVED: "ZFS reserved"}
    return reserved.get(kind) or facts.contents.get(path) or ("mounted" if path in facts.mounts else "")


def _partition(facts: Facts, part: Block, disk: Disk) -> Disk:
    path = part.udev.get("DEVNAME") or f"/dev/{part.name.replace('!', '/')}"
    found = Disk(
        name=path.removeprefix("/dev/"),
        devpath=path,
        type="partition",
        size_bytes=part.size_bytes,
        used=_use(facts, path) or ("Device Mapper" if part.held else ""),
        gpt=disk.gpt,
        mounted=path in facts.mounts,
        parent=disk.devpath,
    )
    return _with_ceph(facts, found, [path])


def _with_use(facts: Facts, block: Block, disk: Disk, parts: Iterable[Disk], shown: bool) -> Disk:
    """A disk is used for what is on itself, else for what its first used partition is used for."""
    parts = list(parts)
    used = _use(facts, disk.devpath)
    if parts and shown:
        used = "partitions"
    for part in parts:
        used = used or part.used
    used = used or ("partitions" if parts else "Device Mapper" if block.held else "")
    whole = replace(disk, used=used, mounted=disk.devpath in facts.mounts)
    return _with_ceph(facts, whole, [disk.devpath, *(part.devpath for part in parts)])


def _with_ceph(facts: Facts, disk: Disk, paths: Iterable[str]) -> Disk:
    osds: list[str] = []
    counts: dict[str, int] = {}
    bluestore = encrypted = False
    for path in paths:
        parts = facts.ceph.get(path, ())
        for part in parts:
            if part.kind in ("block", "data"):
                osds += [part.osd] if part.osd else []
                bluestore |= bool(part.osd) and part.kind == "block"
                encrypted |= bool(part.osd) and part.encrypted
            else:
                counts[part.kind] = counts.get(part.kind, 0) + 1
        if parts:
            continue
        if mounted := _OSD.fullmatch(facts.mounts.get(path, "")):
            osds.append(mounted[1])
        kind = _CEPH_TYPES.get(facts.partition_types.get(path, ""), "")
        bluestore |= kind == "block"
        if kind and kind != "block":
            counts[kind] = counts.get(kind, 0) + 1
    return replace(disk, osds=tuple(osds), bluestore=bluestore, encrypted=encrypted, counts=counts)


def _with_health(disk: Disk, read: ReadSmart) -> Disk:
    """Wear is a matter of flash alone; of other disks the short question is enough."""
    flash = disk.type in ("ssd", "nvme")
    smart = read(disk.devpath, not flash)
    return replace(disk, health=smart.health, wearout=life_left(smart) if flash else None)


def shown(disk: Disk) -> dict[str, object]:
    """As the API tells it; of partitions only what they have. An OSD's id is -1 where there is none."""
    found: dict[str, object] = {
        "devpath": disk.devpath,
        "type": disk.type,
        "size": disk.size_bytes,
        "gpt": int(disk.gpt),
        "osdid": int(disk.osds[0]) if disk.osds else -1,
        "osdid-list": list(disk.osds) or None,
    }
    if not disk.parent:
        wearout = "N/A" if disk.wearout is None else plain_number(disk.wearout)
        found |= {
            "model": disk.model,
            "serial": disk.serial,
            "vendor": disk.vendor,
            "wwn": disk.wwn,
            "rpm": disk.rpm,
            "health": disk.health,
            "wearout": wearout,
        }
    optional: dict[str, object] = {
        "used": disk.used,
        "by_id_link": disk.by_id,
        "parent": disk.parent,
        "mounted": int(disk.mounted),
    }
    found |= {key: value for key, value in optional.items() if value}
    if disk.osds:
        found |= {"bluestore": int(disk.bluestore), "osdencrypted": int(disk.encrypted)}
    return found | {{"journal": "journals"}.get(kind, kind): count for kind, count in disk.counts.items()}
