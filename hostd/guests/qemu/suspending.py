"""Suspending to disk: the memory of a machine on a volume, and the way back.

The file tells how far it came: ``lock: suspending`` while memory is written, ``lock: suspended`` with ``vmstate`` once
the volume holds all of it. Whatever is interrupted is undone or ended by ``settle``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree

from hostd.core.errors import Conflict, HostError, NotFound, TimedOut
from hostd.core.units import MIB
from hostd.guests import config as files
from hostd.guests.config import StoredGuest
from hostd.guests.qemu import config as keys
from hostd.guests.qemu import tpm
from hostd.guests.qemu.machines import Machines, MachineState
from hostd.guests.qemu.volumes import lost_memory
from hostd.guests.volumes import catalog_of, free_volumes
from hostd.node.host import Host
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

SUSPENDING: Final = "suspending"
SUSPENDED: Final = "suspended"
_KEYS: Final = ("lock", "vmstate", "runningmachine", "runningcpu")
_STOP_S: Final = 30
# What a saved machine needs besides its memory: devices, screen, libvirt's header.
_MEMORY_EXTRA: Final = 512 * MIB


def suspend(host: Host, log: TaskLog, guest: StoredGuest, storage: str, machines: Machines, now_s: float) -> None:
    """Save the machine's memory and end it. The caller holds the node's lock; a failure leaves it running."""
    vmid = guest.where.vmid
    if machines.state(vmid) is None:
        raise Conflict(f"VM {vmid} not running")
    guest = _with(host, guest, {"lock": SUSPENDING})
    try:
        stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d-%H%M%S")
        size = keys.memory_bytes(guest.file.current) + _MEMORY_EXTRA
        catalog = catalog_of(host)
        name = f"vm-{vmid}-state-suspend-{stamp}"
        volume = catalog.allocate(storage, VolumeSpec(vmid=vmid, size_bytes=size, name=name), "images")
        guest = _with(host, guest, {"vmstate": str(volume)})
        kind = ElementTree.fromstring(machines.definition(vmid)).find("os/type")
        machine = "" if kind is None else kind.get("machine", "")
        catalog.activate([volume])
        if machines.state(vmid) is MachineState.RUNNING:
            machines.suspend(vmid)
        log.info(f"saving memory to '{volume}'")
        machines.save_memory(vmid, catalog.path(volume))
    except BaseException:
        _give_up(host, log, files.load(host.store, guest.where), machines)
        raise
    _with(host, guest, {"lock": SUSPENDED} | ({"runningmachine": machine} if machine else {}))
    _end(host, machines, vmid)


def _end(host: Host, machines: Machines, vmid: int) -> None:
    with contextlib.suppress(NotFound):
        machines.stop(vmid)
    if not machines.wait_gone(vmid, _STOP_S):
        raise TimedOut(f"VM {vmid} is still there {_STOP_S} s after its memory was saved")
    tpm.end(host.run, vmid)


def _with(host: Host, guest: StoredGuest, values: Mapping[str, str]) -> StoredGuest:
    return files.save(host.store, guest, replace(guest.file, current={**guest.file.current, **values}))


def forget(host: Host, log: TaskLog, guest: StoredGuest) -> StoredGuest:
    """Drop saved memory and everything that tells of it."""
    volume = guest.file.current.get("vmstate", "")
    kept = {key: value for key, value in guest.file.current.items() if key not in _KEYS}
    saved = files.save(host.store, guest, replace(guest.file, current=kept))
    if not volume:
        free_volumes(host, log, lost_memory(host, saved))
    else:
        try:
            catalog_of(host).free(VolumeId.parse(volume))
            log.info(f"removed saved memory '{volume}'")
        except NotFound:
            log.info(f"saved memory '{volume}' was already gone")
        except HostError as err:
            log.warn(f"could not remove saved memory '{volume}': {err}")
    return saved


def _give_up(host: Host, log: TaskLog, guest: StoredGuest, machines: Machines) -> StoredGuest:
    """The machine goes on as if nothing had been asked."""
    if machines.state(guest.where.vmid) is MachineState.PAUSED:
        machines.resume(guest.where.vmid)
    return forget(host, log, guest)


def settle(host: Host, log: TaskLog, guest: StoredGuest, machines: Machines) -> StoredGuest:
    """End what a killed process left: a machine that still is there goes on running, and its saved memory is dropped.

    A machine that is gone keeps ``suspended``; half-written memory is of no use.
    """
    mark, vmid = guest.file.current.get("lock"), guest.where.vmid
    there = machines.state(vmid) is not None
    if mark == SUSPENDING or (mark == SUSPENDED and there):
        log.info(f"suspending VM {vmid} was interrupted; it {'goes on' if there else 'will start anew'}")
        return _give_up(host, log, guest, machines)
    return guest


def is_suspended(guest: StoredGuest) -> bool:
    return guest.file.current.get("lock") == SUSPENDED and bool(guest.file.current.get("vmstate"))


def as_it_ran(xml: str, config: Mapping[str, str]) -> str:
    """A definition with the machine type under which the memory was saved: "pc" may mean another one by now."""
    if "runningmachine" not in config:
        return xml
    domain = ElementTree.fromstring(xml)
    for kind in domain.iterfind("os/type"):
        kind.set("machine", config["runningmachine"].split("+")[0])
    return ElementTree.tostring(domain, encoding="unicode")
