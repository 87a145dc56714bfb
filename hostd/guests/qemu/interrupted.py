"""Operations whose process was killed: the guest's file tells what was under way, and whoever comes next ends it.

All that is done to a machine's disks happens under the node's lock on the guest, which ends with the process. So a file
that is marked by one of our marks (key ``lock``) while that lock is free belongs to somebody who is dead. Volumes that
were made and not yet named by the file become unused disks: nothing is ever removed here that could hold data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hostd.core.errors import NotFound
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import snapshots
from hostd.guests.changes import free_unused
from hostd.guests.config import StoredGuest
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import handover
from hostd.guests.qemu.connection import LibvirtMachines, Machines
from hostd.guests.qemu.snapshotting import MachineSteps
from hostd.guests.qemu.volumes import all_volumes, where
from hostd.guests.volumes import catalog_of, unreferenced_volumes
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

MAKING: Final = ("create", "clone")
_OURS: Final = frozenset({*MAKING, snapshots.LOCK, snapshots.DELETE_LOCK, snapshots.ROLLBACK_LOCK})


def opened(
    host: Host, log: TaskLog, vmid: int, *, skip_lock: bool = False, machines: Machines | None = None
) -> StoredGuest:
    """The guest, after what a killed process left is settled. Conflict while it is locked by an operation."""
    guest = settle(host, log, files.load(host.store, where(host, vmid)), machines)
    files.check_unlocked(guest, skip=skip_lock)
    return guest


def held(host: Host, guest: StoredGuest, mark: str, undo: Undo) -> StoredGuest:
    """Mark the guest while volumes are made that its file does not name yet."""
    marked = files.save(host.store, guest, replace(guest.file, current={**guest.file.current, "lock": mark}))
    undo.add(_unmark, host, marked)
    return marked


def _unmark(host: Host, guest: StoredGuest) -> None:
    now = files.load(host.store, guest.where)
    files.save(host.store, now, replace(now.file, current={k: v for k, v in now.file.current.items() if k != "lock"}))


def settle(host: Host, log: TaskLog, guest: StoredGuest, machines: Machines | None = None) -> StoredGuest:
    """The guest as it is once the operation that its mark tells of is ended. The caller holds the node's lock."""
    mark = guest.file.current.get("lock", "")
    if mark == handover.LOCK:
        return handover.settle(host, log, guest, machines or LibvirtMachines())
    if mark not in _OURS:
        return guest
    vmid = guest.where.vmid
    log.info(f"VM {vmid} is marked '{mark}' by a process that is gone; settling that")
    steps = MachineSteps(host, log, guest, machines)
    if mark in MAKING:
        adopt(host, log, guest)
        return files.load(host.store, guest.where)
    if mark == snapshots.ROLLBACK_LOCK:
        if name := steps.rollback_target():
            snapshots.roll_back(steps, guest.file, name)
            steps.forget_target()
        return steps.guest
    half = [name for name, part in guest.file.snapshots.items() if "snapstate" in part.values]
    for name in half:
        snapshots.delete(steps, steps.guest.file, name, force=mark == snapshots.LOCK)
    if not half:
        _unmark(host, guest)
        return files.load(host.store, guest.where)
    return steps.guest


def missing_volumes(host: Host, guest: StoredGuest) -> list[str]:
    """Volumes of the guest's id on this node's storages that its file does not name."""
    known = set(all_volumes(guest.file, guest.where.vmid))
    return [name for name in unreferenced_volumes(host, guest.where.vmid) if name not in known]


def adopt(host: Host, log: TaskLog, guest: StoredGuest) -> list[str]:
    """Name every volume of the guest's id that its file does not name as unused, and take the mark away; their ids.

    A volume that had just become the base of a template is found again under its new name.
    """
    lost = missing_volumes(host, guest)
    current = {k: v for k, v in guest.file.current.items() if k != "lock" or v not in MAKING}
    for key, name in keys.state_volumes(current).items():
        base = base_name(name)
        if _exists(host, name):
            continue
        if base in lost:
            current[key] = current[key].replace(name, base, 1)
            lost.remove(base)
        elif guest.file.current.get("lock") in MAKING:
            log.warn(f"{key}: '{name}' does not exist; it was being given to another machine ({current.pop(key)})")
    for name in lost:
        key = free_unused(current)
        current[key] = name
        log.warn(f"'{name}' was not in the configuration; it is now {key}")
    if current != guest.file.current:
        files.save(host.store, guest, replace(guest.file, current=current))
    return lost


def base_name(volume: str) -> str:
    """What a volume is called once it is a base: ``a:100/vm-100-disk-0.raw`` → ``a:100/base-100-disk-0.raw``."""
    head, slash, tail = volume.rpartition("/")
    if not slash:
        head, slash, tail = volume.partition(":")
    return f"{head}{slash}base-{tail.removeprefix('vm-')}"


def _exists(host: Host, volume: str) -> bool:
    parsed = VolumeId.parse(volume)
    try:
        catalog_of(host).volume(parsed)
    except NotFound:
        return False
    return True
