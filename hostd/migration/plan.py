"""How a machine is moved: which volumes go along by which way, or everything that is in the way. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hostd.core.errors import Conflict
from hostd.guests.config import GuestKind
from hostd.guests.qemu.devices import disk
from hostd.migration.preconditions import Report, Volume
from hostd.storage.config import StorageFile
from hostd.storage.streams import stream_kind, why_not
from hostd.storage.volume import VolumeId

SAME: Final = "1"  # in ``targetstorage``: each to the storage of the same name


class How(StrEnum):
    """``MIRROR``: QEMU copies it while the machine runs. ``COPY``: its contents do not change meanwhile."""

    MIRROR = "mirror"
    COPY = "copy"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked for. ``storages``: storage here → storage there, ``""`` for all others; none: the same."""

    target: str
    online: bool = False
    with_local_disks: bool = False
    storages: Mapping[str, str] = field(default_factory=dict)

    def storage(self, here: str) -> str:
        return self.storages.get(here) or self.storages.get("") or here


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A volume that is made anew on the target, on ``storage``. ``slot``: the line that names it.

    ``stream``: the kind of stream that carries it with its states, "" for one that has none.
    """

    volume: VolumeId
    storage: str
    how: How
    slot: str
    stream: str = ""


@dataclass(frozen=True, kw_only=True)
class MovePlan:
    """``shared``: volumes that the target uses where they are."""

    transfers: tuple[Transfer, ...]
    shared: tuple[VolumeId, ...]

    @property
    def mirrored(self) -> tuple[Transfer, ...]:
        return tuple(one for one in self.transfers if one.how is How.MIRROR)


def parse_storages(pairs: str) -> dict[str, str]:
    """``targetstorage``: ``a:b,c:d``, one name for all, or ``1`` for the same names."""
    found: dict[str, str] = {}
    for pair in pairs.replace(";", ",").replace(" ", ",").split(","):
        here, colon, there = pair.partition(":")
        if colon:
            found[here] = there
        elif here and here != SAME:
            found[""] = here
    return found


# Per kind of guest: what to do about one that runs, what of this node it may use, what its volumes are to a storage.
_RUNNING: Final = {GuestKind.QEMU: "move it online", GuestKind.LXC: "move it with 'restart'"}
_RESOURCES: Final = {GuestKind.QEMU: "devices", GuestKind.LXC: "folders or devices"}
_CONTENT: Final = {GuestKind.QEMU: "images", GuestKind.LXC: "rootdir"}
_TAKEN: Final = {"images": "disks", "rootdir": "volumes of containers"}


def plan(
    vmid: int,
    found: Report,
    storages: StorageFile,
    wish: Wish,
    *,
    running: bool,
    kind: GuestKind = GuestKind.QEMU,
) -> MovePlan:
    """Conflict with everything that is in the way, each with what to do about it."""
    wrong = [] if wish.target in found.unavailable else [f"node '{wish.target}' is not there"]
    if running and not wish.online:
        wrong.append(f"it is running: {_RUNNING[kind]}, or shut it down first")
    if keys := (*found.resources, *found.mapped):
        wrong.append(f"it uses {_RESOURCES[kind]} of this node: {', '.join(keys)}")
    shared = tuple(volume.id for volume in found.volumes if volume.shared)
    for name in sorted({volume.storage for volume in shared}):
        if not _is_there(storages, name, wish.target):
            wrong.append(f"node '{wish.target}' does not have storage '{name}'")
    transfers, live = [], running and kind is GuestKind.QEMU
    for volume in found.local:
        reasons = _in_the_way(volume, storages, wish, running=live, content=_CONTENT[kind])
        wrong += reasons
        if not reasons:
            mirrored = live and volume.current and not volume.cdrom and disk.parse_slot(volume.key) is not None
            how = How.MIRROR if mirrored else How.COPY
            there = wish.storage(volume.id.storage)
            stream = stream_kind(storages.get(volume.id.storage), volume.id.name) if _has_states(volume) else ""
            transfers.append(Transfer(volume=volume.id, storage=there, how=how, slot=volume.key, stream=stream))
    if wrong:
        raise Conflict(f"can't migrate {kind.label} {vmid}: {'; '.join(wrong)}")
    return MovePlan(transfers=tuple(transfers), shared=shared)


def _is_there(storages: StorageFile, name: str, node: str) -> bool:
    storage = storages.storages.get(name)
    return storage is not None and storage.used_on(node)


def _has_states(volume: Volume) -> bool:
    """A snapshot that names a volume holds a state of it, unless the volume is what is in a drive, or saved memory."""
    return volume.kept and not volume.cdrom and volume.key != "vmstate"


def _in_the_way(volume: Volume, storages: StorageFile, wish: Wish, *, running: bool, content: str) -> list[str]:
    """Why a volume of this node cannot go along."""
    name, there = f"'{volume.id}'", wish.storage(volume.id.storage)
    if not volume.owned:
        return [f"{volume.key} holds {name}, which is on this node only and not the guest's own: take it out"]
    if volume.id.name.rpartition("/")[2].startswith(("base-", "basevol-")):
        return [f"{name} is a template's, on which clones may stand: move a clone instead"]
    if running and volume.key == "tpmstate0":
        return [f"the TPM's state {name} is on this node only and cannot be moved while the machine runs"]
    wrong = []
    if running and not wish.with_local_disks:
        wrong.append(f"{name} is on this node only: allow copying local disks, or move it to shared storage")
    if not _is_there(storages, there, wish.target):
        wrong.append(f"node '{wish.target}' does not have storage '{there}' for {name}")
    elif content not in storages.storages[there].content:
        wrong.append(f"storage '{there}' takes no {_TAKEN[content]} ({name})")
    elif _has_states(volume) and (why := _why_without(volume, storages, there, running=running)):
        wrong.append(f"{name} has snapshots, which {why}")
    return wrong


def _why_without(volume: Volume, storages: StorageFile, there: str, *, running: bool) -> str:
    """Why its states cannot go along, and what to do."""
    if running:
        return "cannot be taken along while the machine runs: shut it down, or delete them"
    return why_not(storages.get(volume.id.storage), volume.id.name, storages.get(there))
