"""What stands in the way of moving a machine to another node. Pure: configuration and storages in, a report out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import Conflict, ParseError, Unsupported
from hostd.core.formats import propstring
from hostd.core.formats.keyvalue import GuestFile
from hostd.guests.options import is_unused
from hostd.guests.qemu.devices import disk
from hostd.storage.config import StorageFile
from hostd.storage.interface import StorageConfig
from hostd.storage.volume import VolumeId

_ALIAS: Final = {"volume": propstring.Alias(to="file")}
_LOCAL: Final = re.compile(r"(hostpci|usb|serial|parallel|virtiofs)\d+|ivshmem")


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A volume that the machine uses. ``shared``: every node sees it."""

    id: VolumeId
    cdrom: bool
    unused: bool
    shared: bool


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
        unavailable={node: _missing(used, storages, node) for node in others},
    )


def _missing(used: set[str], storages: StorageFile, node: str) -> tuple[str, ...]:
    return tuple(sorted(name for name in used if not _has(storages.storages.get(name), node)))


def _has(storage: StorageConfig | None, node: str) -> bool:
    return storage is not None and storage.used_on(node)


def _volumes(file: GuestFile, storages: StorageFile) -> tuple[Volume, ...]:
    found: dict[str, Volume] = {}
    for values in (file.current, file.pending, *(section.values for section in file.snapshots.values())):
        for key, value in values.items():
            if not (disk.parse_slot(key) or key in ("efidisk0", "tpmstate0", "vmstate") or is_unused(key)):
                continue
            try:
                parts = propstring.parse(value, default_key="file", aliases=_ALIAS)
                volume = VolumeId.parse(parts.get("file", ""))
            except ParseError:  # an empty drive, a path of the host
                continue
            storage = storages.storages.get(volume.storage)
            found.setdefault(
                str(volume),
                Volume(
                    id=volume,
                    cdrom=parts.get("media") == "cdrom",
                    unused=is_unused(key),
                    shared=storage is not None and storage.shared,
                ),
            )
    return tuple(found[name] for name in sorted(found))


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


def require_movable(found: Report, vmid: int, target: str, *, running: bool) -> None:
    """Conflict or Unsupported with everything that is in the way; what cannot be done yet says so."""
    wrong = []
    if target not in found.unavailable:
        wrong.append(f"node '{target}' is not there")
    elif missing := found.unavailable[target]:
        wrong.append(f"node '{target}' does not have storage {', '.join(missing)}")
    if keys := (*found.resources, *found.mapped):
        wrong.append(f"it uses devices of this node: {', '.join(keys)}")
    if wrong:
        raise Conflict(f"can't migrate VM {vmid}: {'; '.join(wrong)}")
    if running:
        raise Unsupported(f"can't migrate VM {vmid}: moving running machines is not supported yet; shut it down first")
    if found.local:
        names = ", ".join(f"'{volume.id}'" for volume in found.local)
        raise Unsupported(f"can't migrate VM {vmid}: local volumes are not copied yet, move them first: {names}")
