"""Moving a machine whose volumes every node sees: only its file changes hands."""

from __future__ import annotations

from hostd.core.errors import Conflict
from hostd.guests import config as files
from hostd.guests.config import GuestKind, GuestPath
from hostd.guests.qemu.connection import LibvirtMachines, Machines
from hostd.guests.qemu.interrupted import opened
from hostd.guests.volumes import catalog_of
from hostd.migration import preconditions
from hostd.node.host import Host
from hostd.tasks.log import TaskLog
from hostd.tasks.registry import task


def move(host: Host, log: TaskLog, vmid: int, target: str, others: list[str], machines: Machines | None = None) -> None:
    """Hand a machine that is off to ``target``, one of ``others``.

    The file is renamed, which the store does for all nodes at once: at every moment exactly one node has the machine.
    """
    machines = machines or LibvirtMachines()
    with files.lock(vmid):
        guest = opened(host, log, vmid, machines=machines)
        catalog = catalog_of(host)
        running = machines.state(vmid) is not None
        found = preconditions.report(guest.file, catalog.file, others)
        preconditions.require_movable(found, vmid, target, running=running)
        if target == host.node:
            raise Conflict("target is local node.")
        catalog.deactivate(volume.id for volume in found.volumes)
        place = GuestPath(node=target, kind=GuestKind.QEMU, vmid=vmid)
        host.store.rename(guest.where.path, place.path, if_version=guest.version)
    log.info(f"VM {vmid} belongs to node '{target}' now")


@task("qmigrate")
def move_task(host: Host, log: TaskLog, *, vmid: int, target: str, others: list[str]) -> None:
    """Move a machine to another node."""
    move(host, log, vmid, target, others)
