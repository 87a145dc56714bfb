"""Which services occupy which node, and what that costs each node. Every change of a service's state counts at once.

Source: conformance area ``ha``, section 8.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hostd.ha import topsis
from hostd.ha.env import Capacity, Load, Measured
from hostd.ha.states import Scheduler, ServiceState
from hostd.ha.status import Service

_ON_NODE = frozenset(
    {
        ServiceState.STARTED,
        ServiceState.REQUEST_STOP,
        ServiceState.FENCE,
        ServiceState.FREEZE,
        ServiceState.ERROR,
        ServiceState.RECOVERY,
        ServiceState.MIGRATE,
        ServiceState.RELOCATE,
    }
)
_ON_TARGET = frozenset({ServiceState.MIGRATE, ServiceState.RELOCATE, ServiceState.REQUEST_START_BALANCE})
NOTHING = Load()


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the world says about nodes and services at the beginning of a round."""

    scheduler: Scheduler = Scheduler.BASIC
    capacities: Mapping[str, Capacity] = field(default_factory=dict)
    limits: Mapping[str, Load] = field(default_factory=dict)
    measured: Sequence[Measured] = ()


class Usage:
    """``online`` nodes with what occupies them; of other nodes nothing is kept."""

    def __init__(self, online: Iterable[str], figures: Figures) -> None:
        self.online = tuple(sorted(online))
        self.figures = figures
        self._on: dict[str, set[str]] = {node: set() for node in self.online}
        self._running: set[str] = set()
        # Sums are made anew instead of corrected: adding and taking away would leave traces in the last digit, and
        # nodes with the same services would no longer be equal.
        self._cache: dict[str, Load] = {}
        self._measured: dict[str, Load] = {}
        self._measured_of = {each.sid: each.load for each in figures.measured}
        for each in figures.measured:
            if each.node in self._on:
                self._measured[each.node] = add(self._measured.get(each.node, NOTHING), each.load)
        self._where: dict[str, tuple[str | None, str | None]] = {}

    def place(self, sid: str, service: Service) -> None:
        """Count a service where its state says, and nowhere else."""
        at = service.node if service.state in _ON_NODE and service.node in self._on else None
        towards = service.target if service.state in _ON_TARGET and service.target in self._on else None
        runs = service.running if service.state is ServiceState.STARTED else at is not None
        if runs != (sid in self._running):
            self._running ^= {sid}
            self._forget(self.where(sid))
        self._set(sid, at, towards)

    def place_unknown(self, sid: str, node: str | None) -> None:
        """Count a service that the manager does not look after where it is configured."""
        self._set(sid, node if node in self._on else None, None)

    def _set(self, sid: str, at: str | None, towards: str | None) -> None:
        before = self._where.get(sid, (None, None))
        if before != (at, towards):
            for node in before:
                if node is not None:
                    self._on[node].discard(sid)
            for node in (at, towards):
                if node is not None:
                    self._on[node].add(sid)
            self._where[sid] = (at, towards)
            self._forget((*before, at, towards))

    def _forget(self, nodes: Iterable[str | None]) -> None:
        for node in nodes:
            self._cache.pop(node or "", None)

    def where(self, sid: str) -> tuple[str | None, str | None]:
        """The online nodes that a service occupies: where it is, where it moves to."""
        return self._where.get(sid, (None, None))

    def ranked(self, sid: str) -> list[str]:
        """All online nodes, the one that suits the service best first, by name where several do.

        Beyond ``basic`` every online node is an alternative, also one that the service may not use: the score of a
        node depends on what it is compared with.
        """
        if self.figures.scheduler is Scheduler.BASIC:
            return sorted(self.online, key=lambda node: (len(self._on[node]), node))
        capacities = self.figures.capacities
        loads = [self._expected(node) for node in self.online]
        cpus, memory = fractions(dict(zip(self.online, loads, strict=True)), capacities)
        rows = []
        for place, (node, load) in enumerate(zip(self.online, loads, strict=True)):
            with_it, capacity = add(load, self._limit(sid, node)), capacities[node]
            # Changed and put back, as copies of both lists for every node are what takes the time.
            before = cpus[place], memory[place]
            cpus[place] = with_it.cpus / capacity.cpus
            memory[place] = with_it.memory_bytes / capacity.memory_bytes
            rows.append(topsis.criteria(cpus, memory))
            cpus[place], memory[place] = before
        scored = zip(topsis.scores(rows), self.online, strict=True) if rows else ()
        return [node for _, node in sorted(scored, key=lambda each: (-each[0], each[1]))]

    def loads(self) -> dict[str, Load]:
        """What each online node carries, as rebalancing sees it: measured, or with ``static`` the limits."""
        if self.figures.scheduler is Scheduler.DYNAMIC:
            return {node: self._measured.get(node, NOTHING) for node in self.online}
        return {node: self._expected(node) for node in self.online}

    def weight(self, sid: str, node: str) -> Load:
        """What a service takes along when it leaves ``node``, in the same terms as ``loads``."""
        if self.figures.scheduler is Scheduler.DYNAMIC:
            return self._measured_of.get(sid, NOTHING)
        return self._limit(sid, node)

    def _expected(self, node: str) -> Load:
        """With ``dynamic``: what is measured, and the limits of what was put there since and does not run yet."""
        if node not in self._cache:
            dynamic = self.figures.scheduler is Scheduler.DYNAMIC
            load = self._measured.get(node, NOTHING) if dynamic else NOTHING
            sids = sorted(self._on[node] - self._running if dynamic else self._on[node])
            limits = [self._limit(sid, node) for sid in sids]
            cpus, memory = sum([each.cpus for each in limits]), sum([each.memory_bytes for each in limits])
            self._cache[node] = add(load, Load(cpus=cpus, memory_bytes=memory))
        return self._cache[node]

    def _limit(self, sid: str, node: str) -> Load:
        limit = self.figures.limits.get(sid, NOTHING)
        if limit.cpus:
            return limit
        return Load(cpus=self.figures.capacities[node].cpus, memory_bytes=limit.memory_bytes)


def add(one: Load, other: Load) -> Load:
    return Load(cpus=one.cpus + other.cpus, memory_bytes=one.memory_bytes + other.memory_bytes)


def fractions(loads: Mapping[str, Load], capacities: Mapping[str, Capacity]) -> tuple[list[float], list[float]]:
    """Loads of nodes as parts of their cores and of their memory, in the order of ``loads``."""
    return (
        [load.cpus / capacities[node].cpus for node, load in loads.items()],
        [load.memory_bytes / capacities[node].memory_bytes for node, load in loads.items()],
    )
