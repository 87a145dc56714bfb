"""Pausing, suspending, going on, and booting anew; ``lifecycle`` starts and stops."""

from __future__ import annotations

import time

from hostd.core.errors import Conflict
from hostd.guests import config as files
from hostd.guests.qemu import lifecycle, suspending
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.interrupted import opened
from hostd.guests.qemu.machines import Machines, MachineState
from hostd.guests.qemu.snapshotting import state_storage
from hostd.guests.qemu.volumes import where
from hostd.node.host import Host
from hostd.tasks.log import TaskLog


def reboot(
    host: Host,
    log: TaskLog,
    vmid: int,
    *,
    timeout_s: int = lifecycle.SHUTDOWN_S,
    machines: Machines | None = None,
) -> None:
    """Shut down and start again, so that waiting changes count. A guest that does not shut down in time goes on."""
    lifecycle.shutdown(host, log, vmid, timeout_s=timeout_s, machines=machines)
    lifecycle.start(host, log, vmid, machines=machines)


def suspend(host: Host, log: TaskLog, vmid: int, *, machines: Machines | None = None, skip_lock: bool = False) -> None:
    """Hold the machine still; its memory stays where it is."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        opened(host, log, vmid, skip_lock=skip_lock, machines=machines)
        state = machines.state(vmid)
        if state is None:
            raise Conflict(f"VM {vmid} not running")
        if state is MachineState.PAUSED:
            log.info(f"VM {vmid} is paused already")
            return
        machines.suspend(vmid)
    log.info(f"VM {vmid} paused")


def suspend_to_disk(
    host: Host,
    log: TaskLog,
    vmid: int,
    *,
    storage: str = "",
    machines: Machines | None = None,
    skip_lock: bool = False,
) -> None:
    """Save the machine's memory to ``storage`` and end it; the next start goes on from there."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = opened(host, log, vmid, skip_lock=skip_lock, machines=machines)
        chosen = storage or state_storage(host, guest.file.current)
        suspending.suspend(host, log, guest, chosen, machines, time.time())
    log.info(f"VM {vmid} suspended to disk")


def resume(host: Host, log: TaskLog, vmid: int, *, machines: Machines | None = None, skip_lock: bool = False) -> None:
    """Go on: a paused machine where it is, one whose memory is on disk from there."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = suspending.settle(host, log, files.load(host.store, where(host, vmid)), machines)
        state = machines.state(vmid)
        if state is not None:
            files.check_unlocked(guest, skip=skip_lock)
            if state is MachineState.PAUSED:
                machines.resume(vmid)
            log.info(f"VM {vmid} goes on")
            return
    if not suspending.is_suspended(guest):
        raise Conflict(f"VM {vmid} not running")
    lifecycle.start(host, log, vmid, machines=machines, skip_lock=skip_lock)
