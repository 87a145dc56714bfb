"""Starting and stopping machines. Each function holds the guest's lock and reads the file anew."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from hostd.core.errors import Conflict, NotFound, TimedOut
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests.changes import apply_pending
from hostd.guests.config import StoredGuest
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import seeds, sockets
from hostd.guests.qemu.connection import LibvirtMachines, Machines, MachineState
from hostd.guests.qemu.devices import display, net
from hostd.guests.qemu.devices.cpu import parse_models
from hostd.guests.qemu.devices.hostdevices import HostDevices
from hostd.guests.qemu.devices.machine import parse_version
from hostd.guests.qemu.domain_xml import domain_xml, to_text
from hostd.guests.qemu.facts import MachineFacts
from hostd.guests.qemu.interrupted import opened
from hostd.guests.qemu.refusals import refuse
from hostd.guests.qemu.volumes import catalog_of, free_volumes, owned, sources_of, where
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

SHUTDOWN_S = 60
_STOP_S = 30
_CPU_MODELS = "virtual-guest/cpu-models.conf"


# --- start and stop


def start(host: Host, log: TaskLog, vmid: int, *, machines: Machines | None = None, skip_lock: bool = False) -> None:
    """Start a machine: waiting changes count from now on, its volumes are activated, its definition is made anew."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = opened(host, log, vmid, skip_lock=skip_lock, machines=machines)
        if guest.file.current.get("template") == "1":
            raise Conflict(f"VM {vmid} is a template and cannot be started; clone it")
        if machines.state(vmid) is not None:
            raise Conflict(f"VM {vmid} already running")
        if guest.file.pending:
            guest = _settle(host, log, guest)
        if seeds.changed(guest.file):
            guest = files.save(host.store, guest, seeds.written(host, log, vmid, guest.file))
        config = keys.with_old_names(guest.file.current)
        refuse(config, os.uname().machine)
        catalog = catalog_of(host)
        volumes = [VolumeId.parse(v) for v in keys.volumes(config, unused=False).values()]
        catalog.activate(volumes)
        verdict = kvm_probe.verdict(host.run)
        if not verdict.usable and config.get("kvm", "1") == "1":
            log.info(f"no hardware virtualization, this machine will be slow: {verdict.reason}")
        facts = facts_of(host, vmid, config, kvm=verdict.usable, qemu=machines.qemu_version())
        xml = to_text(domain_xml(config, facts))
        with Undo() as undo:
            sockets.prepare(vmid)
            undo.add(sockets.remove, vmid)
            machines.start(xml)
            undo.keep()
    log.info(f"VM {vmid} started")


def facts_of(host: Host, vmid: int, config: Mapping[str, str], *, kvm: bool, qemu: str) -> MachineFacts:
    """What a definition depends on besides its configuration, on this node; the volumes must be active."""
    try:
        models = host.store.read(_CPU_MODELS).data.decode()
    except NotFound:
        models = ""
    return MachineFacts(
        vmid=vmid,
        kvm=kvm,
        sockets=sockets.folder(vmid),
        sources=sources_of(catalog_of(host), config),
        bridge_mtus=bridge_mtus(config),
        arch=os.uname().machine,
        cpu_vendor=cpu_vendor(),
        qemu=parse_version(qemu),
        cpu_models=parse_models(models),
        devices=HostDevices(usb_ports=usb_ports()),
    )


def usb_ports(folder: str = "/sys/bus/usb/devices") -> dict[str, int]:
    """What is plugged in where: port (``1-2.1``) → number on its bus."""
    found = {}
    with contextlib.suppress(FileNotFoundError):  # a node without USB
        for port in os.listdir(folder):
            if ":" not in port and "-" in port:
                with open(f"{folder}/{port}/devnum", encoding="ascii") as file:
                    found[port] = int(file.read())
    return found


def cpu_vendor() -> str:
    """The processor's maker as CPUID spells it; "" where the kernel tells none."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        line = next((line for line in file if line.startswith("vendor_id")), "")
    return line.partition(":")[2].strip()


def _settle(host: Host, log: TaskLog, guest: StoredGuest) -> StoredGuest:
    """Write the file with its pending changes applied, then remove disks that were given up for good."""
    outcome = apply_pending(guest.file, owned(guest.where.vmid))
    saved = files.save(host.store, guest, outcome.file)
    free_volumes(host, log, outcome.removed)
    return saved


def bridge_mtus(config: Mapping[str, str]) -> dict[str, int]:
    """MTU of each bridge that the machine's cards are on; Conflict when a bridge does not exist."""
    found = {}
    for card in net.nics(config):
        bridge = card.values.get("bridge", "")
        try:
            with open(f"/sys/class/net/{bridge}/mtu", encoding="ascii") as file:
                found[bridge] = int(file.read())
        except OSError as err:
            if bridge:
                raise Conflict(f"{card.key}: bridge '{bridge}' does not exist") from err
    return found


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
        files.check_unlocked(files.load(host.store, where(host, vmid)), skip=skip_lock)
        state = machines.state(vmid)
        if state is None:
            raise Conflict(f"VM {vmid} not running")
        if state is MachineState.PAUSED:
            machines.resume(vmid)
        machines.shutdown(vmid)
    # The wait does not hold the lock: whoever loses patience can still pull the plug.
    log.info(f"asked VM {vmid} to shut down, waiting up to {timeout_s} s")
    if not machines.wait_gone(vmid, timeout_s):
        if not force_stop:
            raise TimedOut(f"VM {vmid} did not shut down within {timeout_s} s (got timeout)")
        log.info(f"VM {vmid} still running - terminating now")
        with files.lock(vmid):
            _pull_plug(machines, vmid)
    log.info(f"VM {vmid} stopped")


def stop(host: Host, log: TaskLog, vmid: int, *, machines: Machines | None = None, skip_lock: bool = False) -> None:
    """Pull the plug; nothing to do when the machine does not run."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        files.check_unlocked(files.load(host.store, where(host, vmid)), skip=skip_lock)
        if machines.state(vmid) is None:
            log.info(f"VM {vmid} is not running")
            return
        _pull_plug(machines, vmid)
    log.info(f"VM {vmid} stopped")


def _pull_plug(machines: Machines, vmid: int) -> None:
    try:
        machines.stop(vmid)
    except NotFound:
        return
    if not machines.wait_gone(vmid, _STOP_S):
        raise TimedOut(f"VM {vmid} is still there {_STOP_S} s after it was stopped")


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
