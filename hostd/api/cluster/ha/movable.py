"""Which machines balancing may move, and where to: those that can go while they run, without copying a disk."""

from __future__ import annotations

from collections.abc import Collection

from hostd.cluster.store import Mirror
from hostd.guests import config as guest_files
from hostd.ha import stored
from hostd.ha.host import figures
from hostd.ha.spread import Machine
from hostd.ha.states import Requested
from hostd.migration import preconditions
from hostd.storage.config import PATH as STORAGES
from hostd.storage.config import parse_storage_cfg


def machines(mirror: Mirror, nodes: Collection[str]) -> list[Machine]:
    """Machines that take part, on some of these nodes. Those that the HA manager looks after are its business."""
    homes = stored.guests(mirror)
    managed = {sid for sid, each in stored.resources(mirror).items() if each.requested is not Requested.IGNORED}
    file = mirror.get(STORAGES)
    storages = parse_storage_cfg(file.data if file else b"")
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
