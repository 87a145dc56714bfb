"""What stands in the way of moving a machine to another node. Pure: configuration and storages in, a report out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hostd.core.errors import ParseError
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile
from hostd.guests.options import is_unused
from hostd.guests.qemu.devices import disk
from hostd.storage.config import StorageFile
from hostd.storage.interface import StorageConfig
from hostd.storage.volume import VolumeId

_ALIAS: Final = {"volume": propstring.Alias(to="file")}
_OWN: Final = re.compile(r"(?:^|/)(?:vm|base)-\d+-[^/]*\Z")
_LOCAL: Final = re.compile(r"(hostpci|usb|serial|parallel|virtiofs)\d+|ivshmem")


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume that the machine uses. ``shared``: every node sees it.

    ``key``: the first line that names it. ``current``: that line counts now. ``owned``: it is the machine's own, not an
    image that it only reads. ``kept``: a snapshot names it.
    """

    id: VolumeId
    cdrom: bool
    unused: bool
    shared: bool
    key: str = ""
    current: bool = True
    owned: bool = True
    kept: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """``resources``: keys of devices of this node. ``mapped``: keys of devices that other nodes may have as well.

    ``unavailable``: node → storages that it does not have.
    """

    volumes: tuple[Volume, ...]
    resources: tuple[str, ...]
    mapped: tuple[str, ...]
    unavailable: Mapping[str, tuple[str, ...]]

    @property
    def local(self) -> tuple[Volume, ...]:
        return tuple(volume for volume in self.volumes if not volume.shared)

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(node for node, missing in self.unavailable.items() if not missing)


def report(file: GuestFile, storages: StorageFile, others: Sequence[str]) -> Report:
    """For a machine and the nodes it could go to. Volumes of snapshots count, too; volumes that it does not own too."""
    volumes = _volumes(file, storages)
    devices = sorted(key for key, value in file.current.items() if _is_local(key, value))
    mapped = tuple(key for key in devices if "mapping" in _parts(file.current[key]) or key.startswith("virtiofs"))
    used = {volume.id.storage for volume in volumes}
    return Report(
        volumes=volumes,
        resources=tuple(key for key in devices if key not in mapped),
        mapped=mapped,
        unavailable={node: missing(used, storages, node) for node in others},
    )


def missing(used: set[str], storages: StorageFile, node: str) -> tuple[str, ...]:
    """Those of some storages that a node does not have."""
    return tuple(sorted(name for name in used if not _has(storages.storages.get(name), node)))


def _has(storage: StorageConfig | None, node: str) -> bool:
    return storage is not None and storage.used_on(node)


def _volumes(file: GuestFile, storages: StorageFile) -> tuple[Volume, ...]:
    found: dict[str, Volume] = {}
    states = [section.values for section in file.snapshots.values()]
    for values in (file.current, file.pending, *states):
        for key, value in values.items():
            volume = _volume(key, value, storages)
            if volume is not None:
                first = found.setdefault(str(volume.id), replace(volume, current=values is file.current))
                kept = first.kept or any(values is state for state in states)
                found[str(volume.id)] = replace(first, kept=kept)
    return tuple(found[name] for name in sorted(found))


def _volume(key: str, value: str, storages: StorageFile) -> Volume | None:
    if not (disk.parse_slot(key) or key in ("efidisk0", "tpmstate0", "vmstate") or is_unused(key)):
        return None
    try:
        parts = propstring.parse(value, default_key="file", aliases=_ALIAS)
        volume = VolumeId.parse(parts.get("file", ""))
    except ParseError:  # an empty drive, a path of the host
        return None
    storage = storages.storages.get(volume.storage)
    return Volume(
        id=volume,
        cdrom=parts.get("media") == "cdrom",
        unused=is_unused(key),
        shared=storage is not None and storage.shared,
        key=key,
        owned=_OWN.search(volume.name) is not None,
    )


def _parts(value: str) -> Mapping[str, str]:
    try:
        return propstring.parse(value, default_key="host")
    except ParseError:
        return {}


def _is_local(key: str, value: str) -> bool:
    """A serial line that is a socket, and a USB device of a SPICE viewer, are of no node."""
    if _LOCAL.fullmatch(key) is None:
        return False
    return value != "socket" and _parts(value).get("host", "").lower() != "spice"
