"""Names of volumes: ``local-zfs:vm-100-disk-0``, ``local:iso/debian.iso``, and what they tell.

A name never leaves its storage: every parser here refuses slashes and dots where they could climb.
Source: conformance area ``storage`` (parse-volid, parse-volname-*, free-disk-name).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from hostd.core.errors import Conflict, ParseError

_VOLUME_ID = re.compile(r"([a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]):(\S(?:.*\S)?)\Z")
_SUFFIX = r"\.(raw|qcow2|vmdk|subvol)"
_IMAGE_FILE = re.compile(rf"([^/\s]+{_SUFFIX})\Z")
_DISK = re.compile(r"(vm|base|subvol|basevol)-(\d+)-disk-(0|[1-9]\d*)(?:\.[a-z0-9]+)?\Z")
_COMPRESSED = r"(?:\.(?:gz|lzo|zst|bz2))?"
_FILES = {
    "iso": re.compile(r"[^/]+\.(?:iso|img)\Z", re.IGNORECASE),
    "vztmpl": re.compile(r"[^/]+\.tar(?:\.(?:gz|xz|zst|bz2))?\Z"),
    "backup": re.compile(rf"[^/]+?\.(tgz|(?:tar|vma){_COMPRESSED})\Z"),
    "snippets": re.compile(r"[^/]+\Z"),
    "import": re.compile(r"[^/]+\.(ova|ovf|qcow2|raw|vmdk)\Z"),
}
_BACKUP_GUEST = re.compile(r"vzdump-(?:lxc|openvz|qemu)-(\d+)-(\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d)\.")
# A backup that somebody renamed still tells its guest, though not its time.
_BACKUP_OWNER = re.compile(r"vzdump-(?:lxc|openvz|qemu)-(\d+)-.")
_FREE_NUMBERS = 1000


class Content(StrEnum):
    """What a volume is for. Texts are those of storage.cfg."""

    IMAGES = "images"
    ROOTDIR = "rootdir"
    ISO = "iso"
    TEMPLATE = "vztmpl"
    BACKUP = "backup"
    SNIPPETS = "snippets"
    IMPORT = "import"


@dataclass(frozen=True, order=True)
class VolumeId:
    """``storage:name``. The name's grammar is the driver's; here it only has to be one line that cannot climb."""

    storage: str
    name: str

    def __str__(self) -> str:
        return f"{self.storage}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> VolumeId:
        """Raises ParseError for anything that is no volume id."""
        match = _VOLUME_ID.match(text)
        if match is None or not safe_name(match.group(2)):
            raise ParseError(f"unable to parse volume ID '{text}'")
        return cls(match.group(1), match.group(2))


@dataclass(frozen=True, kw_only=True)
class VolumeName:
    """What a name tells. ``base`` and ``base_vmid``: the template a linked clone stands on."""

    content: Content
    name: str
    format: str
    vmid: int | None = None
    is_base: bool = False
    base: str = ""
    base_vmid: int | None = None

    @property
    def owner(self) -> str:
        """The guest's id as the name writes it: ``vm-0100-disk-0`` is nobody's, since no id begins with 0."""
        written = re.match(r"(?:vm|base|subvol|basevol)-(0\d*)-", self.name)
        return written[1] if written else "" if self.vmid is None else str(self.vmid)


def archive_format(filename: str) -> str:
    """``tar.zst``, ``vma.gz``, ``tgz``: what follows the name of a backup."""
    match = _FILES["backup"].match(filename)
    return match.group(1) if match else ""


def safe_name(name: str) -> bool:
    """Whether a name stays inside its storage: no control characters, no absolute path, no ``.`` or ``..`` part."""
    return not name.startswith("/") and name.isprintable() and not {".", ".."} & set(name.split("/"))


def parse_file_name(name: str) -> VolumeName:
    """A name on a storage of files: ``100/vm-100-disk-0.qcow2``, ``iso/x.iso``; ParseError otherwise."""
    parts = name.split("/")
    if safe_name(name):
        if len(parts) == 4 and parts[0].isdecimal() and parts[2].isdecimal():
            base = _image_file(parts[1])
            clone = _image_file(parts[3])
            if base and clone and base.is_base:
                return replace(clone, vmid=int(parts[2]), base=base.name, base_vmid=int(parts[0]))
        if len(parts) == 2 and parts[0].isdecimal() and (image := _image_file(parts[1])):
            return replace(image, vmid=int(parts[0]))
        if len(parts) == 3 and parts[0] == "import" and (inside := _packed(parts[1], parts[2])):
            return inside
        if len(parts) == 2 and parts[0] in _FILES and (match := _FILES[parts[0]].match(parts[1])):
            guest = _BACKUP_OWNER.match(parts[1]) if parts[0] == "backup" else None
            return VolumeName(
                content=Content(parts[0]),
                name=parts[1],
                format=match.group(1) if parts[0] == "import" else "raw",
                vmid=int(guest.group(1)) if guest else None,
            )
    raise ParseError(f"unable to parse directory volume name '{name}'")


def _packed(archive: str, disk: str) -> VolumeName | None:
    """A disk inside of an OVA: ``x.ova/disk-1.vmdk``."""
    match = _FILES["import"].match(disk)
    if not archive.endswith(".ova") or archive == ".ova" or match is None or match.group(1) in ("ova", "ovf"):
        return None
    return VolumeName(content=Content.IMPORT, name=f"{archive}/{disk}", format=f"ova+{match.group(1)}")


def _image_file(name: str) -> VolumeName | None:
    match = _IMAGE_FILE.match(name)
    if match is None:
        return None
    is_base = name.startswith(("base-", "basevol-"))
    return VolumeName(content=Content.IMAGES, name=name, format=match.group(2), is_base=is_base)


_BLOCK = re.compile(r"(vm|base)-(\d+)-[a-zA-Z0-9_.+-]+\Z")
_DATASET = re.compile(r"(vm|base|subvol|basevol)-(\d+)-[a-zA-Z0-9_.:+@-]+\Z")


def parse_block_name(name: str) -> VolumeName:
    """A thin logical volume: ``vm-100-disk-0``, ``base-100-disk-0``; ParseError otherwise."""
    match = _BLOCK.match(name)
    if match is None:
        raise ParseError(f"unable to parse lvm volume name '{name}'")
    is_base = match.group(1) == "base"
    return VolumeName(content=Content.IMAGES, name=name, format="raw", vmid=int(match.group(2)), is_base=is_base)


def parse_thick_name(name: str) -> VolumeName:
    """A plain logical volume: no templates, and ``.qcow2`` at its end tells what is inside."""
    parsed = parse_block_name(name)
    if parsed.is_base:
        raise ParseError(f"unable to parse lvm volume name '{name}'")
    return replace(parsed, format="qcow2" if name.endswith(".qcow2") else "raw")


def parse_dataset_name(name: str) -> VolumeName:
    """A ZFS volume or file system, a linked clone with its base before it (``base-1-disk-0/vm-2-disk-0``)."""
    base, slash, own = name.rpartition("/")
    match = _DATASET.match(own)
    parent = _DATASET.match(base)
    if match is None or (slash and (parent is None or not parent.group(1).startswith("base"))):
        raise ParseError(f"unable to parse zfs volume name '{name}'")
    return VolumeName(
        content=Content.IMAGES,
        name=own,
        format="subvol" if match.group(1) in ("subvol", "basevol") else "raw",
        vmid=int(match.group(2)),
        is_base=match.group(1).startswith("base"),
        base=base,
        base_vmid=int(parent.group(2)) if parent else None,
    )


def free_name(vmid: int, format: str, taken: Iterable[str], *, suffix: bool, subvols: bool) -> str:
    """The lowest free ``vm-<vmid>-disk-<n>`` (``subvol-…`` for that format), with ``.format`` where files need it.

    ``taken``: names present, folders before them are ignored. ``subvols``: whether subvolumes count as taken, which
    they do on storages that can hold them. Raises Conflict when every number is in use.
    """
    kinds = ("vm", "base", "subvol", "basevol") if subvols else ("vm", "base")
    numbers = set()
    for name in taken:
        match = _DISK.match(name.rpartition("/")[2])
        if match and match.group(1) in kinds and int(match.group(2)) == vmid:
            numbers.add(int(match.group(3)))
    number = next((n for n in range(_FREE_NUMBERS) if n not in numbers), None)
    if number is None:
        raise Conflict(f"no free disk name left for guest {vmid}")
    return f"{'subvol' if format == 'subvol' else 'vm'}-{vmid}-disk-{number}" + (f".{format}" if suffix else "")


def check_disk_name(name: str, vmid: int) -> None:
    """A wished name must be of this guest: ``vm-<vmid>-…`` or ``subvol-<vmid>-…``, one part. ParseError otherwise."""
    if not re.match(rf"(?:vm|subvol)-{vmid}-[a-zA-Z0-9_.+-]+\Z", name):
        raise ParseError(f"illegal name '{name}': it should look like 'vm-{vmid}-…'")


def base_name(name: str) -> str:
    """What a guest's volume is called once it is a base: ``vm-…`` becomes ``base-…``, ``subvol-…`` ``basevol-…``."""
    for prefix, base in (("vm-", "base-"), ("subvol-", "basevol-")):
        if name.startswith(prefix):
            return base + name.removeprefix(prefix)
    raise ParseError(f"'{name}' is no volume that could become a base")
