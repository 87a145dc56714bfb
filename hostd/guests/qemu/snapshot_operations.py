"""Taking, removing and going back to snapshots of a machine: the operations that tasks carry out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hostd.core.formats.keyvalue import GuestSection
from hostd.guests import config as files
from hostd.guests import notes, snapshots
from hostd.guests.qemu import lifecycle
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.interrupted import settle
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.snapshotting import MachineSteps
from hostd.guests.qemu.volumes import where
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog


def _steps(host: Host, log: TaskLog, vmid: int, machines: Machines | None, *, settled: bool) -> MachineSteps:
    guest = files.load(host.store, where(host, vmid))
    return MachineSteps(host, log, settle(host, log, guest, machines) if settled else guest, machines)


def take(
    host: Host,
    log: TaskLog,
    vmid: int,
    name: str,
    *,
    comment: str = "",
    memory: bool = False,
    machines: Machines | None = None,
) -> None:
    """Keep the machine's present state under a name; ``memory``: with that of a running machine."""
    with files.lock(vmid):
        steps = _steps(host, log, vmid, machines, settled=True)
        snapshots.create(steps, steps.guest.file, name, comment=comment, memory=memory)
    log.info(f"snapshot '{name}' of VM {vmid} taken")


def remove(
    host: Host, log: TaskLog, vmid: int, name: str, *, force: bool = False, machines: Machines | None = None
) -> None:
    """Forget a state; ``force``: also where a volume does not let go of it."""
    with files.lock(vmid):
        steps = _steps(host, log, vmid, machines, settled=False)
        snapshots.delete(steps, steps.guest.file, name, force=force)
    log.info(f"snapshot '{name}' of VM {vmid} removed")


def go_back(
    host: Host, log: TaskLog, vmid: int, name: str, *, start: bool = False, machines: Machines | None = None
) -> None:
    """Back to a state. It goes on running where its memory was saved; otherwise it stays off unless ``start``."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        steps = _steps(host, log, vmid, machines, settled=False)
        notes.write(vmid, notes.ROLLBACK, name)
        try:
            done = snapshots.roll_back(steps, steps.guest.file, name)
        finally:
            if steps.guest.file.current.get("lock") != snapshots.ROLLBACK_LOCK:
                notes.drop(vmid, notes.ROLLBACK)
    log.info(f"VM {vmid} is as snapshot '{name}' has it")
    if done.memory:
        volume = VolumeId.parse(done.memory)
        catalog = catalog_of(host)
        catalog.activate([volume])
        path = catalog.path(volume)
        lifecycle.start(host, log, vmid, machines=FromMemory(machines, path))
    elif start:
        lifecycle.start(host, log, vmid, machines=machines)


class FromMemory:
    """Machines whose start goes on from saved memory; everything else is passed on.

    The memory tells itself as what the machine ran: its type, places of devices, generation id.
    """

    def __init__(self, machines: Machines, path: str) -> None:
        self._machines, self._path = machines, path

    def start(self, xml: str, *, paused: bool = False) -> None:
        """It goes on as it was, whatever begins its life."""
        self._machines.start_saved(self._path, xml)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machines, name)


def describe(host: Host, vmid: int, name: str, comment: str) -> None:
    """Change a snapshot's notes."""
    with files.lock(vmid):
        guest = files.load(host.store, where(host, vmid))
        section = snapshots.find(guest.file, name)
        changed: dict[str, GuestSection] = {**guest.file.snapshots, name: replace(section, comment=comment)}
        files.save(host.store, guest, replace(guest.file, snapshots=changed))
