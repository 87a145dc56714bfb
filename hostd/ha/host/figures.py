"""What nodes have and guests use, by this node's copy of the tree and by the samples that nodes tell each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hostd.cluster.store import Mirror
from hostd.guests import index
from hostd.guests.config import GuestPath
from hostd.ha import stored
from hostd.ha.env import Capacity, Load, Measured
from hostd.ha.groups import NEEDED
from hostd.node import samples

# Of a node that has told no sample yet: so little that others are rather taken.
UNKNOWN: Final = Capacity(cpus=1, memory_bytes=1 << 30, version=NEEDED)


def capacities(mirror: Mirror, nodes: Iterable[str]) -> dict[str, Capacity]:
    """Of some nodes. Every release that has agents knows rules, so that no version keeps groups."""
    found = dict.fromkeys(nodes, UNKNOWN)
    for node, value in mirror.shared(samples.KEY).items():
        sample = samples.tables(node, value.data)[0].get("node", {})
        if node in found and sample:
            cpus, memory = float(sample.get("maxcpu", 1)), int(sample.get("maxmem", 1 << 30))
            found[node] = Capacity(cpus=cpus, memory_bytes=memory, version=NEEDED)
    return found


def limit(mirror: Mirror, where: GuestPath) -> Load:
    """What a guest may use."""
    file = mirror.get(where.path)
    if file is None:
        return Load()
    summary = index.summarize(where.kind, where.vmid, file.data)
    return Load(cpus=summary.cpus, memory_bytes=summary.memory)


def measured(mirror: Mirror, nodes: Iterable[str]) -> Sequence[Measured]:
    """Guests that run where their configuration lies; a sample tells the share of a guest's own processors."""
    known = capacities(mirror, nodes)
    found = []
    for node, value in mirror.shared(samples.KEY).items():
        running = samples.tables(node, value.data)[1]
        for sid, where in stored.guests(mirror).items():
            if where.node == node and (sample := running.get(where.vmid)):
                cpus = limit(mirror, where).cpus or known.get(node, UNKNOWN).cpus
                load = Load(cpus=float(sample.get("cpu", 0)) * cpus, memory_bytes=float(sample.get("mem", 0)))
                found.append(Measured(sid=sid, node=node, load=load))
    return sorted(found, key=lambda each: each.sid)
