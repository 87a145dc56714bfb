"""Starting, stopping, making and removing machines. Each function holds the guest's lock and reads the file anew."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from hostd.core.errors import Conflict, HostError, NotFound, TimedOut
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests.changes import Change, apply_pending, change_later, change_now
from hostd.guests.config import GuestKind, GuestPath, StoredGuest
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import plan as planning
from hostd.guests.qemu import process, sockets
from hostd.guests.qemu.connection import LibvirtMachines, Machines, MachineState
from hostd.guests.qemu.devices import display, firmware, net
from hostd.guests.qemu.devices.cpu import parse_models
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.devices.hostdevices import HostDevices
from hostd.guests.qemu.devices.machine import parse_version
from hostd.guests.qemu.domain_xml import domain_xml, to_text
from hostd.guests.qemu.facts import Firmware, MachineFacts
from hostd.guests.qemu.refusals import refuse
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

SHUTDOWN_S = 60
_STOP_S = 30
_CREATE_LOCK = "create"
_CPU_MODELS = "virtual-guest/cpu-models.conf"


def where(host: Host, vmid: int) -> GuestPath:
    return GuestPath(node=host.node, kind=GuestKind.QEMU, vmid=vmid)


def catalog_of(host: Host) -> Catalog:
    return Catalog.from_store(host.store, node=host.node, run=host.run)


def owned(vmid: int) -> partial[str]:
    return partial(planning.owned_volume, vmid=vmid)


# --- start and stop


def start(host: Host, log: TaskLog, vmid: int, *, machines: Machines | None = None, skip_lock: bool = False) -> None:
    """Start a machine: waiting changes count from now on, its volumes are activated, its definition is made anew."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = files.load(host.store, where(host, vmid))
        files.check_unlocked(guest, skip=skip_lock)
        if guest.file.current.get("template") == "1":
            raise Conflict(f"VM {vmid} is a template and cannot be started; clone it")
        if machines.state(vmid) is not None:
            raise Conflict(f"VM {vmid} already running")
        if guest.file.pending:
            guest = _settle(host, log, guest)
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


def source_of(catalog: Catalog, volume: VolumeId, efi: Firmware | None = None) -> Source:
    """Where a volume is, and how QEMU best writes there.

    ``efi``: it holds that firmware's variables. The volume must be active.
    """
    driver = catalog.driver(volume.storage)
    path = driver.path(volume.name)
    parsed = driver.parse(volume.name)
    block = path.startswith("/dev/")
    format = "raw" if parsed.content == "iso" else parsed.format
    if efi:
        format = firmware.store_format(efi, block=block, size_bytes=size_of(path), format=format)
    return Source(path=path, format=format, block=block, aio=driver.info.aio)


def size_of(path: str) -> int:
    """Bytes of a file or block device."""
    with open(path, "rb") as file:
        return file.seek(0, os.SEEK_END)


def sources_of(catalog: Catalog, config: Mapping[str, str]) -> dict[str, Source]:
    """Every volume that a configuration uses, by its id."""
    found = {}
    for key, name in keys.volumes(config, unused=False).items():
        efi = firmware.efi_firmware(firmware.parse_efidisk(config[key])) if key == "efidisk0" else None
        found[name] = source_of(catalog, VolumeId.parse(name), efi)
    return found


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


# --- make and remove


def create(
    host: Host,
    log: TaskLog,
    vmid: int,
    values: Mapping[str, str],
    *,
    start_after: bool = False,
    machines: Machines | None = None,
) -> None:
    """Make a machine: reserve its id, allocate its disks, write its file. What was made is undone if a step fails."""
    machines = machines or LibvirtMachines()
    place = where(host, vmid)
    comment, plain = values.get("description", ""), {k: v for k, v in values.items() if k != "description"}
    plan = planning.plan_values(plain, os.urandom)
    with files.lock(vmid), Undo() as undo:
        reserved = files.create(host.store, place, GuestFile(current={"lock": _CREATE_LOCK}))
        undo.add(host.store.delete, place.path)
        config = allocate(host, log, vmid, plan, undo)
        version = machines.qemu_version()
        config = planning.first_values(config, now_s=int(time.time()), qemu_version=version, random=os.urandom)
        files.save(host.store, reserved, GuestFile(comment=comment, current=config))
        undo.keep()
    log.info(f"VM {vmid} created")
    if start_after:
        start(host, log, vmid, machines=machines)


def allocate(host: Host, log: TaskLog, vmid: int, plan: planning.Plan, undo: Undo) -> dict[str, str]:
    """Allocate a plan's volumes; returns the values that name them. Existing volumes must be there."""
    catalog = catalog_of(host)
    values = dict(plan.values)
    for new in plan.new:
        format = new.format or _default_format(catalog, new.storage)
        spec = VolumeSpec(vmid=vmid, size_bytes=new.size_bytes, format=format)
        volume = catalog.allocate(new.storage, spec, "images")
        undo.add(catalog.free, volume)
        if new.efi:
            _write_variables(host, catalog, volume, new.efi)
        log.info(f"{new.key}: successfully created disk '{volume}'")
        values[new.key] = planning.with_volume(new.key, values[new.key], volume, new.size_bytes)
    for key, volume in plan.existing.items():
        found = catalog.volume(volume)
        if found.vmid not in (None, vmid):
            raise Conflict(f"{key}: volume '{volume}' belongs to guest {found.vmid}")
        if key not in ("efidisk0", "tpmstate0"):
            values[key] = planning.with_volume(key, values[key], volume, found.size_bytes)
    return values


def _default_format(catalog: Catalog, storage: str) -> str:
    return catalog.file.get(storage).text("format") or catalog.driver(storage).info.formats[0]


def _write_variables(host: Host, catalog: Catalog, volume: VolumeId, efi: Firmware) -> None:
    """Put empty UEFI variables into a new volume."""
    catalog.activate([volume])
    source = source_of(catalog, volume, efi)
    host.run(["qemu-img", "convert", "-f", "raw", "-O", source.format, efi.variables, source.path], timeout_s=60)


def destroy(
    host: Host,
    log: TaskLog,
    vmid: int,
    *,
    unreferenced: bool = False,
    machines: Machines | None = None,
    skip_lock: bool = False,
) -> None:
    """Remove a machine and its disks; ``unreferenced``: also volumes of its id that its file does not name."""
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = files.load(host.store, where(host, vmid))
        files.check_unlocked(guest, skip=skip_lock)
        if guest.file.current.get("protection") == "1":
            raise Conflict(f"can't remove VM {vmid} - protection mode enabled")
        if machines.state(vmid) is not None:
            raise Conflict(f"VM {vmid} is running - destroy failed")
        free_volumes(host, log, all_volumes(guest.file, vmid))
        if unreferenced:
            free_volumes(host, log, unreferenced_volumes(host, vmid))
        host.store.delete(guest.where.path)
        sockets.remove(vmid)
    log.info(f"VM {vmid} removed")


def all_volumes(file: GuestFile, vmid: int) -> list[str]:
    """Every volume that the guest owns: now, waiting, in snapshots."""
    sections: list[Mapping[str, str]] = [file.current, file.pending, *(s.values for s in file.snapshots.values())]
    names = (planning.owned_volume(key, value, vmid) for values in sections for key, value in values.items())
    return sorted({name for name in names if name})


def unreferenced_volumes(host: Host, vmid: int) -> list[str]:
    """Volumes on any storage of this node that bear the guest's id."""
    catalog = catalog_of(host)
    found: list[str] = []
    for storage in catalog.here():
        if {"images", "rootdir"} & set(storage.content):
            listed = catalog.volumes(storage.id, {"images", "rootdir"}, {}, vmid)
            found += [str(entry.id) for entry in listed]
    return found


def free_volumes(host: Host, log: TaskLog, volumes: Iterable[str]) -> None:
    """Remove volumes; one that cannot be removed is a warning, one that is gone is none."""
    catalog = catalog_of(host)
    for name in volumes:
        try:
            catalog.free(VolumeId.parse(name))
            log.info(f"removed volume '{name}'")
        except NotFound:
            log.info(f"volume '{name}' was already gone")
        except HostError as err:
            log.warn(f"could not remove volume '{name}': {err}")


# --- change


def change(
    host: Host,
    log: TaskLog,
    vmid: int,
    change: Change,
    *,
    digest: str = "",
    running: bool | None = None,
    skip_lock: bool = False,
) -> None:
    """Change the configuration; on a running machine what touches it waits for the next start.

    ``running`` None: as the process table tells.
    """
    with files.lock(vmid), Undo() as undo:
        guest = files.load(host.store, where(host, vmid))
        files.check_digest(guest, digest)
        files.check_unlocked(guest, skip=skip_lock)
        values = allocate(host, log, vmid, planning.plan_values(change.values, os.urandom), undo)
        planned = replace(change, values=values)
        mine = owned(vmid)
        later = process.is_running(vmid) if running is None else running
        outcome = change_later(guest.file, planned, is_live, mine) if later else change_now(guest.file, planned, mine)
        files.save(host.store, guest, outcome.file)
        undo.keep()
        free_volumes(host, log, outcome.removed)


def is_live(key: str) -> bool:
    """Whether a change of the key counts at once on a running machine."""
    option = keys.OPTIONS.get(key)
    return key == "description" or key.startswith("unused") or (option is not None and option.live)


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
