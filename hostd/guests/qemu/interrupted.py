"""Operations whose process was killed: the guest's file tells what was under way, and whoever comes next ends it.

All that is done to a machine's disks happens under the node's lock on the guest, which ends with the process. So a file
that is marked by one of our marks (key ``lock``) while that lock is free belongs to somebody who is dead. Volumes that
were made and not yet named by the file become unused disks: nothing is ever removed here that could hold data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hostd.guests import config as files
from hostd.guests import handover, notes, snapshots
from hostd.guests.changes import free_unused
from hostd.guests.config import StoredGuest
from hostd.guests.marks import unmarked
from hostd.guests.options import is_unused
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import plan as planning
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.definitions import disk_paths
from hostd.guests.qemu.handover import settle as settle_move
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.snapshotting import MachineSteps
from hostd.guests.qemu.volumes import lost_memory, missing_volumes, where
from hostd.guests.stills import end_left
from hostd.guests.volumes import base_id, catalog_of, free_volumes
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


def settle(host: Host, log: TaskLog, guest: StoredGuest, machines: Machines | None = None) -> StoredGuest:
    """The guest as it is once what was begun with it is ended. The caller holds the node's lock, alone."""
    held, vmid = keys.state_volumes(guest.file.current).values(), guest.where.vmid
    end_left(MachineSteps(host, log, guest, machines), vmid, held)
    mark = guest.file.current.get("lock", "")
    if mark == handover.LOCK:
        return settle_move(host, log, guest, machines or LibvirtMachines())
    if mark not in _OURS:
        return guest
    log.info(f"VM {vmid} is marked '{mark}' by a process that is gone; settling that")
    steps = MachineSteps(host, log, guest, machines)
    if mark in MAKING:
        adopt(host, log, guest, _running_disks(guest, machines or LibvirtMachines()))
        return files.load(host.store, guest.where)
    if mark == snapshots.ROLLBACK_LOCK:
        if name := notes.read(vmid, notes.ROLLBACK):
            snapshots.roll_back(steps, guest.file, name)
            notes.drop(vmid, notes.ROLLBACK)
        return steps.guest
    half = [name for name, part in guest.file.snapshots.items() if "snapstate" in part.values]
    for name in half:
        snapshots.delete(steps, steps.guest.file, name, force=mark == snapshots.LOCK)
    if mark == snapshots.LOCK:
        free_volumes(host, log, lost_memory(host, steps.guest))
    if not half:
        return unmarked(host, guest)
    return steps.guest


def _running_disks(guest: StoredGuest, machines: Machines) -> Mapping[str, str]:
    """Drive → path that a running machine uses, once copies of its disks that nobody waits for are given up."""
    vmid = guest.where.vmid
    if machines.state(vmid) is None:
        return {}
    machines.abandon_copies(vmid)
    return disk_paths(machines.definition(vmid))


def adopt(host: Host, log: TaskLog, guest: StoredGuest, running: Mapping[str, str] | None = None) -> list[str]:
    """Name every volume of the guest's id that its file does not name as unused, and take the mark away; their ids.

    A volume that had just become the base of a template is found again under its new name. One that the machine
    already runs from (``running``: drive → path) takes the drive's place. An unused disk that is gone is forgotten.
    """
    catalog = catalog_of(host)
    lost = missing_volumes(host, guest)
    current = {k: v for k, v in guest.file.current.items() if k != "lock" or v not in MAKING}
    marked = guest.file.current.get("lock") in MAKING
    for name in list(lost):
        path = catalog.path(VolumeId.parse(name))
        key = next((key for key, used in (running or {}).items() if used == path and key in current), "")
        if key:
            old = keys.state_volumes(current).get(key, "")
            volume = VolumeId.parse(name)
            current[key] = planning.with_volume(key, current[key], volume, catalog.volume(volume).size_bytes)
            log.warn(f"{key}: the machine runs from '{name}' already")
            lost[lost.index(name)] = old
    for key, name in keys.state_volumes(current).items():
        base = base_id(name)
        if catalog.has(VolumeId.parse(name)):
            continue
        if base in lost:
            current[key] = current[key].replace(name, base, 1)
            lost.remove(base)
        elif marked:
            log.warn(f"{key}: '{name}' does not exist; it was being given to another machine ({current.pop(key)})")
    for key in [key for key in current if is_unused(key)]:
        if marked and not catalog.has(VolumeId.parse(current[key])):
            log.info(f"{key}: '{current.pop(key)}' is gone")
    for name in filter(None, lost):
        key = free_unused(current)
        current[key] = name
        log.warn(f"'{name}' was not in the configuration; it is now {key}")
    if current != guest.file.current:
        files.save(host.store, guest, replace(guest.file, current=current))
    return lost
