"""Starting and stopping machines. Each function holds the guest's lock and reads the file anew."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from hostd.core.errors import Conflict, NotFound, TimedOut
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests import snapshots
from hostd.guests.changes import apply_pending
from hostd.guests.config import StoredGuest
from hostd.guests.hooks import Phase, run_hook
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import handover, seeds, sockets, suspending, tpm
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.devices import display
from hostd.guests.qemu.domain_xml import domain_xml, to_text
from hostd.guests.qemu.gathering import facts_of
from hostd.guests.qemu.interrupted import opened
from hostd.guests.qemu.machines import Machines, MachineState
from hostd.guests.qemu.once import Once
from hostd.guests.qemu.refusals import refuse
from hostd.guests.qemu.volumes import owned, where
from hostd.guests.volumes import catalog_of, free_volumes
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

SHUTDOWN_S = 60
_STOP_S = 30


# --- start and stop


def start(
    host: Host,
    log: TaskLog,
    vmid: int,
    *,
    machines: Machines | None = None,
    skip_lock: bool = False,
    once: Once | None = None,
) -> None:
    """Start a machine: waiting changes count from now on, its volumes are activated, its definition is made anew.

    One that was suspended to disk goes on from its saved memory, with the configuration it had. ``once``: what it is
    for this start alone.
    """
    once = once or Once()
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = suspending.settle(host, log, files.load(host.store, where(host, vmid)), machines)
        suspended = suspending.is_suspended(guest)
        guest = opened(host, log, vmid, skip_lock=skip_lock or suspended, machines=machines)
        if guest.file.current.get("template") == "1":
            raise Conflict(f"VM {vmid} is a template and cannot be started; clone it")
        if machines.state(vmid) is not None:
            raise Conflict(f"VM {vmid} already running")
        if suspended and once.anything:
            raise Conflict(f"VM {vmid} goes on from saved memory, and only as the machine that it was")
        run_hook(host, log, vmid, guest.file.current, Phase.PRE_START)
        if guest.file.pending and not suspended:
            guest = _settle(host, log, guest)
        if seeds.changed(guest.file) and not suspended:
            guest = files.save(host.store, guest, seeds.written(host, log, vmid, guest.file))
        config = once.over(keys.with_old_names(guest.file.current))
        refuse(config, os.uname().machine)
        xml = definition(host, log, vmid, config, machines)
        with Undo() as undo:
            sockets.prepare(vmid)
            undo.add(sockets.remove, vmid)
            tpm.begin(host, vmid, config)
            undo.add(tpm.end, host.run, vmid)
            if suspended:
                _go_on(host, log, guest, xml, machines)
            else:
                machines.start(xml, paused=config.get("freeze") == "1")
            undo.keep()
        run_hook(host, log, vmid, config, Phase.POST_START)
    log.info(f"VM {vmid} started")


def command_line(host: Host, log: TaskLog, vmid: int, *, snapshot: str = "", machines: Machines | None = None) -> str:
    """How QEMU would be started now (or as a snapshot has the machine), as a shell would take it; nothing is started.

    What libvirt adds at a start, sockets between the two above all, has other names then.
    """
    machines = machines or LibvirtMachines()
    file = files.load(host.store, where(host, vmid)).file
    values = snapshots.find(file, snapshot).values if snapshot else file.current
    config = keys.with_old_names(values)
    refuse(config, os.uname().machine)
    return machines.command_line(definition(host, log, vmid, config, machines))


def definition(host: Host, log: TaskLog, vmid: int, config: Mapping[str, str], machines: Machines) -> str:
    """The machine as this node would start it; its volumes are activated."""
    catalog_of(host).activate(VolumeId.parse(v) for v in keys.volumes(config, unused=False).values())
    verdict = kvm_probe.verdict(host.run)
    if not verdict.usable and config.get("kvm", "1") == "1":
        log.info(f"no hardware virtualization, this machine will be slow: {verdict.reason}")
    facts = facts_of(host, vmid, config, kvm=verdict.usable, qemu=machines.qemu_version())
    return to_text(domain_xml(config, facts))


def _go_on(host: Host, log: TaskLog, guest: StoredGuest, xml: str, machines: Machines) -> None:
    """From saved memory, which is removed once it has been read."""
    config = guest.file.current
    volume = VolumeId.parse(config["vmstate"])
    catalog = catalog_of(host)
    catalog.activate([volume])
    log.info(f"going on from saved memory '{volume}'")
    machines.start_saved(catalog.path(volume), suspending.as_it_ran(xml, config))
    suspending.forget(host, log, guest)


def _settle(host: Host, log: TaskLog, guest: StoredGuest) -> StoredGuest:
    """Write the file with its pending changes applied, then remove disks that were given up for good."""
    outcome = apply_pending(guest.file, owned(guest.where.vmid))
    saved = files.save(host.store, guest, outcome.file)
    free_volumes(host, log, outcome.removed)
    return saved


def shutdown(
    host: Host,
    log: TaskLog,
    vmid: int,
    *,
    timeout_s: int = SHUTDOWN_S,
    force_stop: bool = False,
    machines: Machines | None = None,
    skip_lock: bool = False,
) -> None:
    """Ask the guest to power off (ACPI, or its agent) and wait; ``force_stop`` pulls the plug when time is over."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        config = _unlocked(host, log, vmid, machines, skip_lock)
        state = machines.state(vmid)
        if state is None:
            raise Conflict(f"VM {vmid} not running")
        run_hook(host, log, vmid, config, Phase.PRE_STOP)
        if state is MachineState.PAUSED:
            machines.resume(vmid)
        with contextlib.suppress(NotFound):  # it went while it was asked: a quick guest is off before the answer
            machines.shutdown(vmid)
    # The wait does not hold the lock: whoever loses patience can still pull the plug.
    log.info(f"asked VM {vmid} to shut down, waiting up to {timeout_s} s")
    if not machines.wait_gone(vmid, timeout_s):
        if not force_stop:
            raise TimedOut(f"VM {vmid} did not shut down within {timeout_s} s (got timeout)")
        log.info(f"VM {vmid} still running - terminating now")
        with files.lock(vmid):
            _pull_plug(host, machines, vmid)
    run_hook(host, log, vmid, config, Phase.POST_STOP)
    log.info(f"VM {vmid} stopped")


def _unlocked(host: Host, log: TaskLog, vmid: int, machines: Machines, skip_lock: bool) -> Mapping[str, str]:
    """The configuration of a guest that no operation holds; an interrupted suspension or move is ended first."""
    guest = suspending.settle(host, log, files.load(host.store, where(host, vmid)), machines)
    guest = handover.settle(host, log, guest, machines)
    files.check_unlocked(guest, skip=skip_lock)
    return guest.file.current


def stop(host: Host, log: TaskLog, vmid: int, *, machines: Machines | None = None, skip_lock: bool = False) -> None:
    """Pull the plug; nothing to do when the machine does not run."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        config = _unlocked(host, log, vmid, machines, skip_lock)
        if machines.state(vmid) is None:
            log.info(f"VM {vmid} is not running")
            return
        run_hook(host, log, vmid, config, Phase.PRE_STOP)
        _pull_plug(host, machines, vmid)
        run_hook(host, log, vmid, config, Phase.POST_STOP)
    log.info(f"VM {vmid} stopped")


def _pull_plug(host: Host, machines: Machines, vmid: int) -> None:
    try:
        machines.stop(vmid)
    except NotFound:
        return
    if not machines.wait_gone(vmid, _STOP_S):
        raise TimedOut(f"VM {vmid} is still there {_STOP_S} s after it was stopped")
    tpm.end(host.run, vmid)


def reset(host: Host, log: TaskLog, vmid: int, *, machines: Machines | None = None, skip_lock: bool = False) -> None:
    """Press the reset button."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        files.check_unlocked(files.load(host.store, where(host, vmid)), skip=skip_lock)
        if machines.state(vmid) is None:
            raise Conflict(f"VM {vmid} not running")
        machines.reset(vmid)


# --- consoles


def vnc_socket(host: Host, vmid: int) -> str:
    """The screen of a running machine; Conflict when there is none to look at."""
    config = files.show(host.mirror, where(host, vmid)).file.current
    if not display.has_screen(config):
        raise Conflict(f"VM {vmid} has no screen; use its serial line (termproxy)")
    return _socket(vmid, display.VNC_SOCKET)


def serial_socket(host: Host, vmid: int, line: str = "serial0") -> str:
    """A serial line of a running machine; Conflict when it has none."""
    config = files.show(host.mirror, where(host, vmid)).file.current
    if config.get(line) != "socket":
        raise Conflict(f"VM {vmid} has no '{line}': set '{line}: socket' and start it again")
    return _socket(vmid, display.serial_socket_name(int(line.removeprefix("serial"))))


def _socket(vmid: int, name: str) -> str:
    path = f"{sockets.folder(vmid)}/{name}"
    if not os.path.exists(path):
        raise Conflict(f"VM {vmid} is not running")
    return path
