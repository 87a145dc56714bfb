"""Disks and CD drives: ``scsi0: local-lvm:vm-100-disk-0,size=32G`` to ``<disk>`` and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from hostd.core.errors import Conflict, Invalid, ParseError, Unsupported
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.core.units import check_size, format_size, parse_size
from hostd.guests.qemu.devices import slots
from hostd.guests.qemu.devices.machine import MachineType
from hostd.guests.qemu.devices.xml import Overrides, element
from hostd.storage.volume import VolumeId

# Bus and number of slots, as in the reference.
BUSES: Final[Mapping[str, int]] = {"ide": 4, "sata": 6, "scsi": 31, "virtio": 16}
_SLOT = re.compile(r"(ide|sata|scsi|virtio)(\d+)\Z")
_MODEL_LENGTH: Final = 40  # of QEMU's
_PLAIN_SCSI_DISKS: Final = 7  # ids 0 to 6 on one controller; 7 is the controller itself
_MODELS: Final[Mapping[str, str]] = {
    "lsi": "lsilogic",
    "virtio-scsi-pci": "virtio-scsi",
    "virtio-scsi-single": "virtio-scsi",
    "megasas": "lsisas1078",
    "pvscsi": "vmpvscsi",
}
SCSI_HARDWARE: Final = ("lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi")


def check_drive(value: str) -> str:
    """A volume, ``none`` or ``cdrom`` for drives without one, a path, or ``<storage>:<GiB>`` for a new volume."""
    if value in ("none", "cdrom") or (value.startswith("/") and ".." not in value.split("/")):
        return ""
    try:
        VolumeId.parse(value)
    except ParseError as err:
        return str(err)
    return ""


DRIVE: Final = Kind(format="pve-volume-id-or-qm-path", check=check_drive)
SIZE: Final = Kind(format="disk-size", check=check_size)
# Texts that end in the machine's XML as they stand: not URL-encoded, and with no white space but blanks.
_TEXTS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "ide": {"model": Kind(max_length=120)},
    "scsi": {
        "product": Kind(pattern="[A-Za-z0-9\\-_ ]{1,16}"),
        "vendor": Kind(pattern="[A-Za-z0-9\\-_ ]{1,8}"),
    },
}
_OWN: Final[Mapping[str, Kind]] = {"file": DRIVE, "size": SIZE, "serial": Kind(max_length=60)}
FORMATS: Final[Mapping[str, Format]] = {
    bus: Format(name=f"inline:{bus}", own={**_OWN, **_TEXTS.get(bus, {})}) for bus in BUSES
}


_NOT_GIVEN: Final[Mapping[str, str]] = {
    "snapshot": "throwing away what is written",
    "scsiblock": "handing SCSI commands to a disk of the host",
}


@dataclass(frozen=True, kw_only=True)
class Disk:
    """One drive. ``file``: a volume id, a path, ``none`` (an empty drive) or ``cdrom`` (the host's own).

    ``values``: every part as text, so that what we do not use is written back.
    """

    slot: str
    bus: str
    index: int
    file: str
    values: Mapping[str, str]

    @property
    def is_cdrom(self) -> bool:
        return self.values.get("media") == "cdrom"

    @property
    def volume(self) -> VolumeId | None:
        """The volume on a storage, or None for a path or an empty drive."""
        if self.file in ("none", "cdrom") or self.file.startswith("/"):
            return None
        return VolumeId.parse(self.file)

    @property
    def size_bytes(self) -> int:
        """As the configuration tells it; 0 where it does not."""
        size = self.values.get("size", "")
        return parse_size(size) if size and not check_size(size) else 0

    def flag(self, key: str, default: bool = False) -> bool:
        text = self.values.get(key)
        return default if text is None else propstring.boolean(text)

    @property
    def not_given(self) -> str:
        """A part of it that asks for what cannot be given yet, with what that is; "" for none."""
        return next((f"{key} ({what})" for key, what in _NOT_GIVEN.items() if self.flag(key)), "")

    def with_volume(self, volume: VolumeId, size_bytes: int | None) -> Disk:
        """The drive with another volume and the size to remember (None: an image that is only read)."""
        dropped = ("file", "format", "import-from", "size")
        values = {k: v for k, v in self.values.items() if k not in dropped} | {"file": str(volume)}
        if size_bytes is not None:
            values["size"] = format_size(size_bytes)
        return Disk(slot=self.slot, bus=self.bus, index=self.index, file=str(volume), values=values)

    def text(self) -> str:
        """The value as the file writes it."""
        return propstring.format(self.values, default_key="file")


def parse_slot(key: str) -> tuple[str, int] | None:
    """``scsi3`` → (``scsi``, 3); None for other keys and numbers beyond the bus."""
    match = _SLOT.match(key)
    if match is None or int(match.group(2)) >= BUSES[match.group(1)]:
        return None
    return match.group(1), int(match.group(2))


def parse_disk(slot: str, text: str) -> Disk:
    """Raises ParseError or Invalid."""
    place = parse_slot(slot)
    if place is None:
        raise ParseError(f"'{slot}' is no drive")
    values = propstring.parse(text, default_key="file", aliases=FORMATS[place[0]].compiled.aliases)
    if "file" not in values:
        raise ParseError(f"{slot}: no volume given")
    return Disk(slot=slot, bus=place[0], index=place[1], file=values["file"], values=values)


def disks(config: Mapping[str, str]) -> list[Disk]:
    """Every drive of a configuration: by bus as in BUSES, then by number."""
    slots = [f"{bus}{n}" for bus, count in BUSES.items() for n in range(count)]
    return [parse_disk(slot, config[slot]) for slot in slots if slot in config]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a volume is on this node: ``path``, image ``format``, and whether it is a block device.

    ``aio``: how QEMU should write there unless the configuration says otherwise; ``aio_cached``: the same with the
    host's cache in between ("": no different). ``backing``: images below this one, nearest first. ``hosts``: the
    servers (name, port) of an RBD image, whose ``path`` is pool and name.
    """

    path: str
    format: str
    block: bool
    aio: str = "io_uring"
    aio_cached: str = ""
    backing: tuple[str, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()


def disk_element(disk: Disk, source: Source | None, *, boot: int | None, machine: MachineType, scsihw: str) -> Element:
    """``<disk>``; ``source`` None: an empty CD drive. ``boot``: place in the boot order, from 1.

    Source: libvirt domain format, "Hard drives, floppy disks, CDROMs"; defaults as observed at the reference:
    no host cache, zeroes detected, discard only if asked for.
    """
    _check_kind(disk, source)
    return element(
        "disk",
        _driver(disk, source, scsihw),
        None if source is None else _source(source),
        *_backing(source),
        _target(disk, machine.q35),
        _limits(disk),
        element("readonly") if disk.is_cdrom or disk.flag("ro") else None,
        element("boot", order=boot) if boot is not None else None,
        element("serial", text=disk.values["serial"]) if "serial" in disk.values else None,
        element("wwn", text=disk.values["wwn"].removeprefix("0x")) if "wwn" in disk.values else None,
        element("vendor", text=disk.values["vendor"]) if "vendor" in disk.values else None,
        element("product", text=disk.values["product"]) if "product" in disk.values else None,
        element("alias", name=f"ua-{disk.slot}"),
        _address(disk, machine, scsihw),
        type_=_kind(source),
        device="cdrom" if disk.is_cdrom else "disk",
    )


def _kind(source: Source | None) -> str:
    if source is not None and source.hosts:
        return "network"
    return "block" if source is not None and source.block else "file"


def _source(source: Source) -> Element:
    if source.hosts:
        hosts = [element("host", name=name, port=port) for name, port in source.hosts]
        return element("source", *hosts, protocol="rbd", name=source.path)
    return element("source", **{"dev" if source.block else "file": source.path})


def _backing(source: Source | None) -> list[Element]:
    """The images below, each in the other: libvirt must not look into images that a guest could have written."""
    if source is None or not source.backing:
        return []
    below = element("backingStore")
    for path in reversed(source.backing):
        place = element("source", **{"dev" if source.block else "file": path})
        kind = "block" if source.block else "file"
        below = element("backingStore", element("format", type_=source.format), place, below, type_=kind)
    return [below]


def _check_kind(disk: Disk, source: Source | None) -> None:
    if source is None and not disk.is_cdrom:
        raise Conflict(f"{disk.slot}: '{disk.file}' is only possible with media=cdrom")
    if disk.is_cdrom and disk.bus == "virtio":
        raise Conflict(f"{disk.slot}: a CD drive needs bus ide, sata or scsi")
    if disk.volume is not None and disk.volume.name.startswith("iso/") and not disk.is_cdrom:
        raise Conflict(f"{disk.slot}: an ISO image can only be used with media=cdrom")
    if "import-from" in disk.values:
        raise Unsupported(f"{disk.slot}: 'import-from' is not supported yet")


def _driver(disk: Disk, source: Source | None, scsihw: str) -> Element | None:
    if source is None:
        return element("driver", name="qemu", type_="raw")
    cache = disk.values.get("cache", "writeback" if disk.is_cdrom else "none")
    cached = cache not in ("none", "directsync")
    aio = disk.values.get("aio", source.aio_cached if cached and source.aio_cached else source.aio)
    if aio == "native" and cached:
        aio = "threads"  # native needs the host's cache out of the way
    discard = disk.values.get("discard") == "on"
    zeroes = None if disk.is_cdrom or not disk.flag("detect_zeroes", True) else ("unmap" if discard else "on")
    threads = disk.bus == "virtio" and disk.flag("iothread")
    return element(
        "driver",
        name="qemu",
        type_=source.format,
        cache=cache if not disk.is_cdrom else None,
        io=None if source.hosts else aio,
        discard="unmap" if discard else "ignore" if not disk.is_cdrom else None,
        detect_zeroes=zeroes,
        error_policy=disk.values.get("werror"),
        rerror_policy=disk.values.get("rerror"),
        iothread=iothread_number(disk) if threads else None,
    )


def has_scsi_bridge(drives: list[Disk], scsihw: str) -> bool:
    """Whether each SCSI disk has a controller of its own, and these a bus of their own."""
    return scsihw == "virtio-scsi-single" and any(d.bus == "scsi" for d in drives)


def iothread_number(disk: Disk) -> int:
    """Which I/O thread serves a drive: numbers from 1, no two drives share one."""
    return disk.index + 1 + (BUSES["scsi"] if disk.bus == "virtio" else 0)


def iothreads(drives: list[Disk], scsihw: str) -> list[int]:
    """I/O threads that the drives ask for: virtio drives, and SCSI ones that have a controller of their own."""
    able = [d for d in drives if d.bus == "virtio" or (d.bus == "scsi" and scsihw == "virtio-scsi-single")]
    return sorted(iothread_number(d) for d in able if d.flag("iothread"))


def _target(disk: Disk, q35: bool) -> Element:
    """libvirt wants a name per drive: unique, of the bus's family. It is not what the guest calls the disk."""
    family = {"ide": "sd" if q35 else "hd", "sata": "sd", "scsi": "sd", "virtio": "vd"}[disk.bus]
    offset = {"ide": 40 if q35 else 0, "sata": 50, "scsi": 0, "virtio": 0}[disk.bus]
    bus = "sata" if disk.bus == "ide" and q35 else disk.bus
    rotation = 1 if disk.flag("ssd") and not disk.is_cdrom else None
    return element("target", dev=family + letters(disk.index + offset), bus=bus, rotation_rate=rotation)


def shown_models(drives: list[Disk]) -> Overrides:
    """``model``, URL-encoded: what drives of IDE say that they are; libvirt has no word for it. Invalid if too long."""
    found: Overrides = {}
    for drive in drives:
        if text := unquote(drive.values.get("model", "")):
            if len(text) > _MODEL_LENGTH or not text.isprintable():
                raise Invalid({drive.slot: f"model: at most {_MODEL_LENGTH} printable characters, found '{text}'"})
            found[f"ua-{drive.slot}"] = [("model", "string", text)]
    return found


def letters(number: int) -> str:
    """0 → ``a``, 25 → ``z``, 26 → ``aa``: how drives are numbered."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("a") + rest) + name
    return name


_MEGABYTE = 1024 * 1024


def _rates() -> dict[str, tuple[str, float]]:
    """Part of a drive → libvirt's name and the factor between them: MB/s, bytes/s, operations/s."""
    found: dict[str, tuple[str, float]] = {}
    for suffix, kind in (("", "total"), ("_rd", "read"), ("_wr", "write")):
        found[f"mbps{suffix}"] = (f"{kind}_bytes_sec", _MEGABYTE)
        found[f"mbps{suffix}_max"] = (f"{kind}_bytes_sec_max", _MEGABYTE)
        found[f"bps{suffix}"] = (f"{kind}_bytes_sec", 1)
        found[f"iops{suffix}"] = (f"{kind}_iops_sec", 1)
        found[f"iops{suffix}_max"] = (f"{kind}_iops_sec_max", 1)
        found[f"bps{suffix}_max_length"] = (f"{kind}_bytes_sec_max_length", 1)
        found[f"iops{suffix}_max_length"] = (f"{kind}_iops_sec_max_length", 1)
    return found


LIMITS: Final = _rates()


def limits(disk: Disk) -> dict[str, int]:
    """Limits by libvirt's names; those that the drive does not have are 0, which is no limit."""
    found = dict.fromkeys((name for name, _ in LIMITS.values()), 0)
    for key, (name, factor) in LIMITS.items():
        if key in disk.values:
            found[name] = int(float(disk.values[key]) * factor)
    return found


def _limits(disk: Disk) -> Element | None:
    """``<iotune>``."""
    rows = [element(name, text=value) for name, value in limits(disk).items() if value]
    return element("iotune", *rows) if rows else None


def _address(disk: Disk, machine: MachineType, scsihw: str) -> Element | None:
    q35 = machine.q35
    if disk.bus == "virtio":
        return slots.address(disk.slot, machine)
    if disk.bus == "ide":
        bus, unit = (0, disk.index) if q35 else (disk.index // 2, disk.index % 2)
        return element("address", type_="drive", controller=0, bus=bus, target=0, unit=unit)
    if disk.bus == "sata":
        return element("address", type_="drive", controller=1 if q35 else 0, bus=0, target=0, unit=disk.index)
    controller = scsi_controller(disk, scsihw)
    number = disk.index % _PLAIN_SCSI_DISKS
    if "virtio" in scsihw:
        target, unit = 0, disk.index
    elif scsihw == "lsi":  # libvirt counts the ids of this one as units
        target, unit = 0, number
    else:
        target, unit = number, 0
    return element("address", type_="drive", controller=controller, bus=0, target=target, unit=unit)


def scsi_controller(disk: Disk, scsihw: str) -> int:
    """Which controller serves a SCSI drive."""
    if scsihw == "virtio-scsi-single":
        return disk.index
    return 0 if scsihw == "virtio-scsi-pci" else disk.index // _PLAIN_SCSI_DISKS


def controller_elements(drives: list[Disk], *, machine: MachineType, scsihw: str) -> list[Element]:
    """``<controller>`` for SCSI and SATA drives. Raises Unsupported for hardware that libvirt does not know."""
    found = []
    scsi = [d for d in drives if d.bus == "scsi"]
    for index in sorted({scsi_controller(d, scsihw) for d in scsi}):
        if scsihw not in _MODELS:
            raise Unsupported(f"scsihw '{scsihw}' is not supported; use virtio-scsi-pci or virtio-scsi-single")
        own = [d for d in scsi if scsi_controller(d, scsihw) == index]
        thread = iothread_number(own[0]) if scsihw == "virtio-scsi-single" and own[0].flag("iothread") else None
        queues = own[0].values.get("queues") if scsihw == "virtio-scsi-single" else None
        driver = element("driver", iothread=thread, queues=queues) if thread is not None or queues else None
        place = slots.address(f"virtioscsi{index}" if scsihw == "virtio-scsi-single" else f"scsihw{index}", machine)
        found.append(element("controller", driver, place, type_="scsi", index=index, model=_MODELS[scsihw]))
    if any(d.bus == "sata" for d in drives):
        found.append(element("controller", slots.address("ahci", machine), type_="sata", index=int(machine.q35)))
    return found
