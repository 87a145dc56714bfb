"""Operations whose process was killed: the container's file tells what was under way, and whoever comes next ends it.

As with machines (``guests/qemu/interrupted.py``): all of it happens under the node's lock on the guest, so a file with
one of our marks while that lock is free belongs to somebody who is dead; nothing that could hold data is removed. A
creation that was cut off keeps its mark: the container is incomplete, and removing it is all that can be done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hostd.core.errors import NotFound
from hostd.guests import config as files
from hostd.guests import handover, notes, snapshots
from hostd.guests.changes import free_unused
from hostd.guests.config import StoredGuest
from hostd.guests.lxc import config as keys
from hostd.guests.lxc.engine import Engine
from hostd.guests.lxc.handover import settle as settle_move
from hostd.guests.lxc.ownership import all_volumes, where
from hostd.guests.lxc.snapshotting import ContainerSteps
from hostd.guests.marks import unmarked
from hostd.guests.stills import end_left
from hostd.guests.volumes import base_id, catalog_of, unreferenced_volumes
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

# While volumes are made, copied or renamed that the file does not name yet.
DISK_LOCK: Final = "disk"
_OURS: Final = frozenset({DISK_LOCK, snapshots.LOCK, snapshots.DELETE_LOCK, snapshots.ROLLBACK_LOCK})


def opened(
    host: Host, log: TaskLog, vmid: int, *, skip_lock: bool = False, engine: Engine | None = None
) -> StoredGuest:
    """The guest, after what a killed process left is settled. Conflict while it is locked by an operation."""
    guest = settle(host, log, files.load(host.store, where(host, vmid)), engine)
    files.check_unlocked(guest, skip=skip_lock)
    return guest


def settle(host: Host, log: TaskLog, guest: StoredGuest, engine: Engine | None = None) -> StoredGuest:
    """The guest as it is once the operation that its mark tells of is ended. The caller holds the node's lock."""
    vmid = guest.where.vmid
    end_left(ContainerSteps(host, log, guest, engine), vmid, keys.state_volumes(guest.file.current).values())
    mark = guest.file.current.get("lock", "")
    if mark == handover.LOCK:
        return settle_move(host, log, guest)
    if mark not in _OURS:
        return guest
    log.info(f"CT {vmid} is marked '{mark}' by a process that is gone; settling that")
    if mark == DISK_LOCK:
        adopt(host, log, guest)
        return files.load(host.store, guest.where)
    steps = ContainerSteps(host, log, guest, engine)
    if mark == snapshots.ROLLBACK_LOCK:
        if name := notes.read(vmid, notes.ROLLBACK):
            snapshots.roll_back(steps, guest.file, name)
            notes.drop(vmid, notes.ROLLBACK)
        return steps.guest
    half = [name for name, part in guest.file.snapshots.items() if "snapstate" in part.values]
    for name in half:
        snapshots.delete(steps, steps.guest.file, name, force=mark == snapshots.LOCK)
    return steps.guest if half else unmarked(host, guest)


def missing_volumes(host: Host, guest: StoredGuest) -> list[str]:
    """Volumes of the guest's id on this node's storages that its file does not name."""
    known = set(all_volumes(guest.file, guest.where.vmid))
    return [name for name in unreferenced_volumes(host, guest.where.vmid) if name not in known]


def adopt(host: Host, log: TaskLog, guest: StoredGuest) -> list[str]:
    """Name every volume of the guest's id that its file does not name as unused, and take our mark away; their ids.

    A volume that had just become the base of a template is found again under its new name; one that was being given
    to another container is not named any more.
    """
    lost = missing_volumes(host, guest)
    current = {k: v for k, v in guest.file.current.items() if (k, v) != ("lock", DISK_LOCK)}
    for key, name in keys.state_volumes(current).items():
        if _exists(host, name):
            continue
        if (base := base_id(name)) in lost:
            current[key] = current[key].replace(name, base, 1)
            lost.remove(base)
        elif guest.file.current.get("lock") == DISK_LOCK and key != "rootfs":
            log.warn(f"{key}: '{name}' does not exist; it was being given to another container ({current.pop(key)})")
    for name in lost:
        key = free_unused(current)
        current[key] = name
        log.warn(f"'{name}' was not in the configuration; it is now {key}")
    if current != guest.file.current:
        files.save(host.store, guest, replace(guest.file, current=current))
    return lost


def _exists(host: Host, volume: str) -> bool:
    parsed = VolumeId.parse(volume)
    try:
        catalog_of(host).volume(parsed)
    except NotFound:
        return False
    return True
