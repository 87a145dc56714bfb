"""Snapshots of a guest: what becomes of its file (pure), and the order of the steps around it.

A snapshot is a section of the file with the configuration of its moment, and a state of that name on each volume. The
file says where a step that was interrupted stood: the key ``lock`` and the section's ``snapstate``.
Source: conformance area ``guest-config``, families ``snapshot-*``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.formats.keyvalue import GuestFile, GuestSection
from hostd.guests.changes import free_unused
from hostd.guests.options import is_unused

LOCK, DELETE_LOCK, ROLLBACK_LOCK = "snapshot", "snapshot-delete", "rollback"
PREPARE, DELETE = "prepare", "delete"
_STATE: Final = "vmstate"
# What belongs to the moment or to the guest, not to the configuration that is kept.
_OWN: Final = frozenset({"snapstate", "snaptime", _STATE, "lock"})
_RUNNING: Final = ("runningmachine", "runningcpu", "running-nets-host-mtu")
Volumes = Callable[[Mapping[str, str]], Mapping[str, str]]


class Steps(Protocol):
    """What taking, removing and rolling back does to the world. Volumes by their ids, in the order of their drives."""

    def save(self, file: GuestFile) -> None:
        """Write the file."""

    def volumes(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """Key → volume of everything that a state is kept of."""

    def now_s(self) -> int: ...

    def require_feature(self, values: Mapping[str, str]) -> None:
        """Conflict where a volume cannot keep states."""

    def is_running(self) -> bool: ...

    def allocate_memory(self, name: str) -> Mapping[str, str]:
        """Make a volume for the memory; the lines that say where it is and as what the guest runs."""

    def freeze(self, *, memory: str) -> None:
        """Hold the guest still for the states of its volumes, its memory saved to the volume ``memory`` if given."""

    def thaw(self) -> None:
        """Let it go on; harmless where it was not held."""

    def take(self, volume: str, name: str) -> None: ...

    def remove(self, volume: str, name: str) -> None: ...

    def free_memory(self, volume: str) -> None: ...

    def require_rollback(self, volume: str, name: str) -> None:
        """Conflict where a volume cannot go back to that state."""

    def activate(self, section: GuestSection) -> None:
        """Make the storages of a snapshot's volumes usable."""

    def stop(self) -> None:
        """End the guest."""

    def roll_back(self, volume: str, name: str) -> None: ...

    def new_generation(self) -> str:
        """A generation id, by which the guest's system learns that its time has jumped."""


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """``memory``: the volume to start from, or ""; ``running``: as what the guest ran when it was saved."""

    file: GuestFile
    memory: str
    running: Mapping[str, str]


# --- the file


def require_free_name(file: GuestFile, name: str) -> None:
    """Conflict where there is a snapshot of that name, or it means the present state."""
    if name in file.snapshots or name == "current":
        raise Conflict(f"snapshot name '{name}' already used")


def find(file: GuestFile, name: str) -> GuestSection:
    section = file.snapshots.get(name)
    if section is None:
        raise NotFound(f"snapshot '{name}' does not exist")
    return section


def _kept(values: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in values.items() if k not in _OWN and not is_unused(k)}


def prepared(file: GuestFile, name: str, *, comment: str, now_s: int, extra: Mapping[str, str]) -> GuestFile:
    """With the new section, and locked. Conflict for a name that is taken."""
    if name in file.snapshots or name == "current":
        raise Conflict(f"snapshot name '{name}' already used")
    if file.current.get("template") == "1":
        raise Conflict("a template has no snapshots")
    values = {**_kept(file.current), **extra, "snapstate": PREPARE, "snaptime": str(now_s)}
    section = GuestSection(comment=comment, values=values, raw=file.raw)
    return replace(
        file,
        current={**file.current, "lock": LOCK},
        snapshots={**file.snapshots, name: section},
    )


def committed(file: GuestFile, name: str) -> GuestFile:
    """The snapshot is complete: the guest descends from it."""
    if file.current.get("lock") != LOCK:
        raise Conflict("the guest is not locked for a snapshot")
    section = find(file, name)
    if (state := section.values.get("snapstate")) != PREPARE:
        raise Conflict(f"snapshot '{name}' is not being made (state {state or 'complete'})")
    done = replace(section, values={k: v for k, v in section.values.items() if k != "snapstate"})
    current = {k: v for k, v in file.current.items() if k != "lock"} | {"parent": name}
    return replace(file, current=current, snapshots={**file.snapshots, name: done})


def deleting(file: GuestFile, name: str) -> GuestFile:
    """Marked as being removed, and locked."""
    section = find(file, name)
    marked = replace(section, values={**section.values, "snapstate": DELETE})
    return replace(file, current={**file.current, "lock": DELETE_LOCK}, snapshots={**file.snapshots, name: marked})


def without_volume(file: GuestFile, name: str, key: str, volume: str) -> GuestFile:
    """One volume's state is gone: the section names the volume as unused, so that it is not forgotten."""
    section = find(file, name)
    values = {k: v for k, v in section.values.items() if k != key}
    if key != _STATE and volume not in values.values():
        values[free_unused(values)] = volume
    return replace(file, snapshots={**file.snapshots, name: replace(section, values=values)})


def deleted(file: GuestFile, name: str, orphans: Mapping[str, str], volumes: Volumes) -> GuestFile:
    """Without the section; its descendants get its parent. ``orphans``: volumes that only it may have named."""
    section = find(file, name)
    parent = section.values.get("parent")
    rest = {n: replace(s, values=_adopted(s.values, name, parent)) for n, s in file.snapshots.items() if n != name}
    current = {k: v for k, v in _adopted(file.current, name, parent).items() if k != "lock"}
    for volume in orphans.values():
        named = (volumes(current).values(), *(volumes(s.values).values() for s in rest.values()))
        unused = {v for k, v in current.items() if is_unused(k)}
        if not any(volume in values for values in named) and volume not in unused:
            current[free_unused(current)] = volume
    return replace(file, current=current, snapshots=rest)


def _adopted(values: Mapping[str, str], gone: str, parent: str | None) -> dict[str, str]:
    if values.get("parent") != gone:
        return dict(values)
    rest = {k: v for k, v in values.items() if k != "parent"}
    return rest | ({"parent": parent} if parent else {})


def rolling_back(file: GuestFile) -> GuestFile:
    return replace(file, current={**file.current, "lock": ROLLBACK_LOCK})


def rolled_back(file: GuestFile, name: str, volumes: Volumes, generation: Callable[[], str]) -> RolledBack:
    """The file as the snapshot has it. Notes and unused disks stay; disks that it does not know become unused."""
    if file.current.get("lock") != ROLLBACK_LOCK:
        raise Conflict("the guest is not locked for a rollback")
    section = find(file, name)
    memory = section.values.get(_STATE, "")
    running = {k: section.values[k] for k in _RUNNING if k in section.values}
    then = {k: v for k, v in _kept(section.values).items() if k not in _RUNNING}
    back = set(volumes(then).values())
    current = {k: v for k, v in file.current.items() if is_unused(k) and v not in back}
    if memory and not running and "machine" not in file.current:
        then.pop("machine", None)  # old files: the machine of the saved memory stood where the chosen one does
    if then.get("vmgenid", "0") != "0":
        then["vmgenid"] = generation()
    current |= then | {"parent": name}
    for volume in volumes(file.current).values():
        if volume not in back and volume not in current.values():
            current[free_unused(current)] = volume
    return RolledBack(
        file=replace(file, current=current, raw=section.raw, pending={}),
        memory=memory,
        running=running,
    )


# --- the steps


def prepare(steps: Steps, file: GuestFile, name: str, *, comment: str = "", memory: bool = False) -> GuestFile:
    """Write the new section and the lock; the memory's volume is made before that."""
    require_unlocked(file)
    prepared(file, name, comment=comment, now_s=0, extra={})  # refusals come before anything is made
    steps.require_feature(file.current)
    extra = steps.allocate_memory(name) if memory and steps.is_running() else {}
    file = prepared(file, name, comment=comment, now_s=steps.now_s(), extra=extra)
    try:
        steps.save(file)
    except BaseException:
        if _STATE in extra:
            steps.free_memory(extra[_STATE])
        raise
    return file


def commit(steps: Steps, file: GuestFile, name: str) -> GuestFile:
    file = committed(file, name)
    steps.save(file)
    return file


def create(steps: Steps, file: GuestFile, name: str, *, comment: str = "", memory: bool = False) -> GuestFile:
    """Take a snapshot. What was made is removed again when a step fails."""
    file = prepare(steps, file, name, comment=comment, memory=memory)
    values = file.snapshots[name].values
    taken: dict[str, str] = {}
    try:
        steps.activate(file.snapshots[name])
        try:
            if steps.is_running():
                steps.freeze(memory=values.get(_STATE, ""))
            for key, volume in steps.volumes(values).items():
                steps.take(volume, name)
                taken[key] = volume
        finally:
            steps.thaw()
        return commit(steps, file, name)
    except BaseException:
        _remove(steps, deleting(file, name), name, taken, force=True)
        raise


def delete(steps: Steps, file: GuestFile, name: str, *, force: bool = False) -> GuestFile:
    """Remove a snapshot. ``force``: also where a volume's state cannot be removed."""
    section = find(file, name)
    if file.current.get("template") == "1":
        raise Conflict("a template has no snapshots")
    # One that was interrupted may be removed in spite of its lock.
    if not (file.current.get("lock") in (LOCK, DELETE_LOCK) and "snapstate" in section.values):
        require_unlocked(file)
    file = deleting(file, name)
    steps.save(file)
    return _remove(steps, file, name, steps.volumes(section.values), force=force)


def _remove(steps: Steps, file: GuestFile, name: str, volumes: Mapping[str, str], *, force: bool) -> GuestFile:
    if state := find(file, name).values.get(_STATE):
        try:
            steps.free_memory(state)
        except NotFound:
            pass
        except HostError:
            if not force:
                raise
        if not force:
            file = without_volume(file, name, _STATE, state)
            steps.save(file)
    for key, volume in volumes.items():
        try:
            steps.remove(volume, name)
        except HostError:
            if not force:
                raise
        if not force:
            file = without_volume(file, name, key, volume)
            steps.save(file)
    file = deleted(file, name, volumes, steps.volumes)
    steps.save(file)
    return file


def roll_back(steps: Steps, file: GuestFile, name: str) -> RolledBack:
    """Back to a snapshot; the guest is stopped. One that fails half-way stays locked, and may be repeated."""
    section = find(file, name)
    if state := section.values.get("snapstate"):
        raise Conflict(f"snapshot '{name}' is incomplete (state {state})")
    if file.current.get("template") == "1":
        raise Conflict("a template has no snapshots")
    if file.current.get("lock") != ROLLBACK_LOCK:
        require_unlocked(file)
    volumes = steps.volumes(section.values)
    for volume in volumes.values():
        steps.require_rollback(volume, name)
    steps.activate(section)
    if steps.is_running():
        steps.stop()
    file = rolling_back(file)
    steps.save(file)
    for volume in volumes.values():
        steps.roll_back(volume, name)
    done = rolled_back(file, name, steps.volumes, steps.new_generation)
    steps.save(done.file)
    return done


def require_unlocked(file: GuestFile) -> None:
    if mark := file.current.get("lock"):
        raise Conflict(f"the guest is locked ({mark})")
