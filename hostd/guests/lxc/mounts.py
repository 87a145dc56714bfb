"""Volumes of containers: ``rootfs: local-lvm:vm-100-disk-0,size=8G`` and ``mp0: local:100/…,mp=/srv``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import ParseError
from hostd.core.formats import propstring
from hostd.core.formats.propstring import Format
from hostd.core.schema import Kind
from hostd.core.units import check_size, format_size, parse_size
from hostd.storage.volume import VolumeId

COUNT: Final = 256


def check_path(value: str) -> str:
    """A volume or a path: one line, no part that climbs."""
    parts = value.split("/")
    bad = not value or not value.isprintable() or bool({".", ".."} & set(parts))
    return "invalid path or volume: it must be one line without '.' and '..' parts" if bad else ""


_OWN: Final[Mapping[str, Kind]] = {
    "volume": Kind(format="pve-lxc-mp-string", check=check_path),
    "size": Kind(format="disk-size", check=check_size),
}
ROOTFS_FORMAT: Final = Format(name="inline:rootfs", own=_OWN)
MOUNT_FORMAT: Final = Format(name="pve-ct-mountpoint", own={**_OWN, "mp": _OWN["volume"]})
UNUSED_FORMAT: Final = Format(name="inline:unused-2")


@dataclass(frozen=True, kw_only=True)
class MountPoint:
    """A volume in a container. ``target``: where it is inside, ``/`` for the root. ``values``: every part as text."""

    key: str
    target: str
    values: Mapping[str, str]

    @property
    def source(self) -> str:
        """A volume id, or a path on the host."""
        return self.values["volume"]

    @property
    def is_path(self) -> bool:
        return self.source.startswith("/")

    @property
    def volume(self) -> VolumeId:
        """ParseError for a path on the host."""
        return VolumeId.parse(self.source)

    @property
    def size_bytes(self) -> int:
        """As the configuration tells it; 0 where it does not."""
        size = self.values.get("size", "")
        return parse_size(size) if size and not check_size(size) else 0

    @property
    def read_only(self) -> bool:
        return propstring.boolean(self.values.get("ro", "0"))

    @property
    def options(self) -> list[str]:
        """Options of mount(8) that the configuration asks for."""
        chosen = [word for word in self.values.get("mountoptions", "").split(";") if word]
        if "acl" in self.values:
            chosen.append("acl" if propstring.boolean(self.values["acl"]) else "noacl")
        return chosen + (["ro"] if self.read_only else [])

    def with_volume(self, volume: VolumeId, size_bytes: int) -> MountPoint:
        """The same place with an allocated volume; ``size_bytes`` 0: without limit."""
        values = {**self.values, "volume": str(volume), "size": format_size(size_bytes) if size_bytes else "0T"}
        return MountPoint(key=self.key, target=self.target, values=values)

    def text(self) -> str:
        return propstring.format(self.values, default_key="volume")


def parse_mount(key: str, text: str) -> MountPoint:
    """Raises Invalid or ParseError."""
    values = propstring.validate(text, ROOTFS_FORMAT if key == "rootfs" else MOUNT_FORMAT)
    target = "/" if key == "rootfs" else "/" + "/".join(part for part in values["mp"].split("/") if part)
    if key != "rootfs" and target == "/":
        raise ParseError(f"{key}: the path inside must not be the root")
    return MountPoint(key=key, target=target, values=values)


def mount_points(config: Mapping[str, str]) -> list[MountPoint]:
    """Root first, then the others by number: what is mounted later may lie inside what came before."""
    keys = ["rootfs", *(f"mp{n}" for n in range(COUNT))]
    return [parse_mount(key, config[key]) for key in keys if key in config]


def around(point: MountPoint, points: Sequence[MountPoint]) -> MountPoint:
    """On which mount point's files another one is mounted: the deepest folder around it."""
    others = [one for one in points if one.key == "rootfs" or point.target.startswith(f"{one.target}/")]
    return max((one for one in others if one.key != point.key), key=lambda one: len(one.target))


def below(point: MountPoint, around: MountPoint) -> str:
    """A mount point's path in the files that it is mounted on, with a leading slash."""
    return point.target if around.target == "/" else point.target.removeprefix(around.target)


def owned_volume(key: str, value: str, vmid: int) -> str:
    """The volume that a container owns by this line, detached ones too; "" for other lines and others' volumes."""
    if not value or not re.fullmatch(r"rootfs|mp\d+|unused\d+", key):
        return ""
    try:
        volume = VolumeId.parse(propstring.parse(value, default_key="volume").get("volume", ""))
    except ParseError:
        return ""
    mine = re.search(rf"(?:^|/)(?:vm|base|subvol|basevol)-{vmid}-", volume.name)
    return str(volume) if mine else ""


_NEW = re.compile(r"([a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]):(\d+(?:\.\d+)?)\Z")


def new_volume(source: str) -> tuple[str, float] | None:
    """``local:8`` → (``local``, 8.0): a volume to allocate, in GiB; None for a volume that exists."""
    match = _NEW.match(source)
    return (match.group(1), float(match.group(2))) if match else None
