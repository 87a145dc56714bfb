"""Which guests can move: machines for balancing, while they run and without copying a disk; containers that are off."""

from __future__ import annotations

from collections.abc import Collection

from hostd.cluster.store import Mirror
from hostd.core.errors import HostError
from hostd.guests import config as guest_files
from hostd.guests.config import GuestKind, GuestPath
from hostd.ha import stored
from hostd.ha.host import figures
from hostd.ha.spread import Machine
from hostd.ha.states import Requested
from hostd.migration import containers, preconditions
from hostd.migration.plan import Wish, plan
from hostd.storage.config import file_in


def machines(mirror: Mirror, nodes: Collection[str]) -> list[Machine]:
    """Machines that take part, on some of these nodes. Those that the HA manager looks after are its business."""
    homes = stored.guests(mirror)
    managed = {sid for sid, each in stored.resources(mirror).items() if each.requested is not Requested.IGNORED}
    storages = file_in(mirror)
    found = []
    for sid in (f"vm:{vmid}" for vmid in stored.balance_wish(mirror).guests):
        where = homes.get(sid)
        if where is None or sid in managed or where.node not in nodes:
            continue
        guest = guest_files.show(mirror, where)
        if {"lock", "template"} & guest.file.current.keys():
            continue
        seen = preconditions.report(guest.file, storages, sorted(set(nodes) - {where.node}))
        if seen.resources or seen.local:
            continue
        memory = figures.limit(mirror, where).memory_bytes
        found.append(Machine(sid=sid, node=where.node, memory_bytes=memory, targets=seen.allowed))
    return found


def in_the_way(mirror: Mirror, where: GuestPath, target: str) -> str:
    """Why a container cannot go to a node once it is off, "" if it can. A machine's task finds out by itself."""
    if where.kind is not GuestKind.LXC:
        return ""
    try:
        guest = guest_files.show(mirror, where)
        found = containers.report(where.vmid, guest.file, file_in(mirror), [target])
        plan(where.vmid, found, file_in(mirror), Wish(target=target), running=False, kind=GuestKind.LXC)
    except HostError as err:
        return str(err)
    return ""
