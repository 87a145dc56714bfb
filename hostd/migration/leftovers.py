"""What a move leaves on a node if it is cut off: notes on disk of volumes to remove, and who removes them when.

On the target, ``incoming``: volumes that are being made for a machine that may never come; they are noted before they
are made. On the source, ``departed``: volumes whose copies the machine uses elsewhere, noted before it is handed over.
The machine's file decides: what the file of this node names stays, everything else of the note goes, and where this
node has no such file, a machine of that id that is held still here goes as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from hostd.core import files as durable
from hostd.core.errors import Conflict, HostError, NotFound
from hostd.guests import config as files
from hostd.guests.config import GuestKind, GuestPath, StoredGuest
from hostd.guests.handover import folder, told
from hostd.guests.hooks import Phase, run_hook
from hostd.guests.lxc import handover as containers
from hostd.guests.lxc import lifecycle, ownership
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.qemu import handover as machine_moves
from hostd.guests.qemu import sockets, tpm
from hostd.guests.qemu.machines import Machines
from hostd.guests.qemu.volumes import all_volumes
from hostd.guests.volumes import catalog_of, free_volumes
from hostd.node.host import Host
from hostd.storage.catalog import Catalog
from hostd.storage.volume import VolumeId
from hostd.tasks.log import TaskLog

FOLDER: str = "/var/lib/hostd/migration"
_FORMATS: Final = (".raw", ".qcow2", ".vmdk", ".subvol")
_STOP_S: Final = 30


class Side(StrEnum):
    INCOMING = "incoming"
    DEPARTED = "departed"


def stem(name: str) -> str:
    """A volume's name without folders before it and the format behind it, which the storage chooses."""
    last = name.rpartition("/")[2]
    return next((last.removesuffix(end) for end in _FORMATS if last.endswith(end)), last)


def _path(side: Side, vmid: int) -> str:
    return f"{FOLDER}/{side}-{vmid}.json"


def note(side: Side, vmid: int, volumes: Iterable[VolumeId]) -> None:
    """Remember volumes durably, by storage and stem; what was noted before is replaced."""
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    rows = sorted({(volume.storage, stem(volume.name)) for volume in volumes})
    durable.replace(_path(side, vmid), json.dumps(rows).encode(), mode=0o600)


def noted(side: Side, vmid: int) -> list[VolumeId] | None:
    """Storages and stems; None where there is no note."""
    try:
        with open(_path(side, vmid), encoding="utf-8") as file:
            return [VolumeId(storage, name) for storage, name in json.load(file)]
    except FileNotFoundError:
        return None


def forget(side: Side, vmid: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(side, vmid))


def found(catalog: Catalog, vmid: int, rows: Iterable[VolumeId]) -> list[str]:
    """The volumes of a guest that a note means."""
    wanted = set(rows)
    names = []
    for storage in sorted({row.storage for row in wanted}):
        entries = catalog.volumes(storage, {"images", "rootdir"}, {}, vmid)
        names += [str(entry.id) for entry in entries if VolumeId(storage, stem(entry.id.name)) in wanted]
    return names


def clear(host: Host, log: TaskLog, vmid: int, machines: Machines, engine: Engine | None = None) -> None:
    """End what a cut-off move left of a guest on this node. The caller holds the node's lock on it.

    A move that was handed over to this node is completed: a container that was shut down for it runs again.
    """
    own, start = _own(host, vmid), False
    if own is not None:
        start = _starts_here(own, host.node)
        own = _settle(host, log, own, machines)
    elif noted(Side.INCOMING, vmid) is not None and machines.state(vmid) is not None:
        log.info(f"VM {vmid} did not come to this node: what came of it is removed")
        with contextlib.suppress(NotFound):
            machines.stop(vmid)
        machines.wait_gone(vmid, _STOP_S)
    if own is None:
        sockets.remove(vmid)
        tpm.end(host.run, vmid)
    shutil.rmtree(folder(vmid), ignore_errors=True)
    kept = _volumes(own) if own is not None else set()
    for side in Side:
        rows = noted(side, vmid)
        if rows is not None:
            free_volumes(host, log, (name for name in found(catalog_of(host), vmid, rows) if name not in kept))
            forget(side, vmid)
    if start:
        guest = lifecycle.start_locked(host, log, vmid, engine or SystemdEngine(host))
        run_hook(host, log, vmid, guest.file.current, Phase.POST_START)


def _own(host: Host, vmid: int) -> StoredGuest | None:
    """The guest, if it is this node's."""
    for kind in GuestKind:
        with contextlib.suppress(NotFound):
            return files.load(host.store, GuestPath(node=host.node, kind=kind, vmid=vmid))
    return None


def _starts_here(guest: StoredGuest, node: str) -> bool:
    move = told(guest.file)
    return guest.where.kind is GuestKind.LXC and move is not None and move.restart and move.target == node


def _settle(host: Host, log: TaskLog, guest: StoredGuest, machines: Machines) -> StoredGuest:
    if guest.where.kind is GuestKind.LXC:
        return containers.settle(host, log, guest)
    return machine_moves.settle(host, log, guest, machines)


def _volumes(guest: StoredGuest) -> set[str]:
    named = all_volumes if guest.where.kind is GuestKind.QEMU else ownership.all_volumes
    return set(named(guest.file, guest.where.vmid))


def clear_all(host: Host, log: TaskLog, machines: Machines, engine: Engine | None = None) -> None:
    """For every guest of which there is a note, unless somebody works on it."""
    try:
        names = os.listdir(FOLDER)
    except FileNotFoundError:
        return
    ids = {name.removesuffix(".json").rpartition("-")[2] for name in names if name.endswith(".json")}
    for vmid in sorted(int(id) for id in ids if id.isdecimal()):
        try:
            with files.lock(vmid, 0):
                clear(host, log, vmid, machines, engine)
        except Conflict:
            continue
        except HostError as err:
            log.warn(f"guest {vmid}: what an interrupted move left is still here: {err}")
