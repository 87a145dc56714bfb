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
_UNIT = 1 << 60
# Cores in use, cores, what part that is; the same of memory in bytes. Kept, as each choice looks at all nodes.
_Row = tuple[float, float, float, float, float, float]


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
        self.online_set = frozenset(self.online)
        self.figures = figures
        self._on: dict[str, set[str]] = {node: set() for node in self.online}
        self._running: set[str] = set()
        # Whole numbers: adding and taking away leaves no trace in the last digit, which would tell nodes with the same
        # services apart.
        self._cpus, self._memory = dict.fromkeys(self.online, 0), dict.fromkeys(self.online, 0)
        self._rows: dict[str, _Row] = {}
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
        self._set(sid, at, towards, runs=runs)

    def place_unknown(self, sid: str, node: str | None) -> None:
        """Count a service that the manager does not look after where it is configured."""
        self._set(sid, node if node in self._on else None, None, runs=sid in self._running)

    def _set(self, sid: str, at: str | None, towards: str | None, *, runs: bool) -> None:
        now = (at, towards)
        if self.where(sid) == now and (sid in self._running) == runs:
            return
        before = self._counted(sid)
        for node in self.where(sid):
            if node is not None:
                self._on[node].discard(sid)
        for node in now:
            if node is not None:
                self._on[node].add(sid)
        self._where[sid] = now
        (self._running.add if runs else self._running.discard)(sid)
        after = self._counted(sid)
        for nodes, sign in ((before - after, -1), (after - before, 1)):
            for node in nodes:
                limit = self._limit(sid, node)
                self._cpus[node] += sign * _whole(limit.cpus)
                self._memory[node] += sign * _whole(limit.memory_bytes)
                self._rows.pop(node, None)

    def _counted(self, sid: str) -> set[str]:
        """Nodes to which the service's limits are added; with ``dynamic`` none once it runs and is measured."""
        if self.figures.scheduler is Scheduler.BASIC or (self._is_dynamic and sid in self._running):
            return set()
        return {node for node in self.where(sid) if node is not None}

    def where(self, sid: str) -> tuple[str | None, str | None]:
        """The online nodes that a service occupies: where it is, where it moves to."""
        return self._where.get(sid, (None, None))

    def ranked(self, sid: str) -> list[str]:
        """All online nodes, the one that suits the service best first, by name where several do.

        Beyond ``basic`` every online node is an alternative, also one that the service may not use: the score of a
        node depends on what it is compared with.
        """
        if self.figures.scheduler is Scheduler.BASIC or not self.online:
            return sorted(self.online, key=lambda node: (len(self._on[node]), node))
        limit = self.figures.limits.get(sid, NOTHING)
        each = [self._rows.get(node) or self._row(node) for node in self.online]
        columns = (
            *topsis.Standing([row[2] for row in each]).each_changed(
                [(load + (limit.cpus or has)) / has for load, has, *_ in each]
            ),
            *topsis.Standing([row[5] for row in each]).each_changed(
                [(load + limit.memory_bytes) / has for _, _, _, load, has, _ in each]
            ),
        )
        worst_first = [-score for score in topsis.scores(columns)]
        return [node for _, node in sorted(zip(worst_first, self.online, strict=True))]

    def loads(self) -> dict[str, Load]:
        """What each online node carries, as rebalancing sees it: measured, or with ``static`` the limits."""
        if self._is_dynamic:
            return {node: self._measured.get(node, NOTHING) for node in self.online}
        return {node: self._expected(node) for node in self.online}

    def weight(self, sid: str, node: str) -> Load:
        """What a service takes along when it leaves ``node``, in the same terms as ``loads``."""
        if self._is_dynamic:
            return self._measured_of.get(sid, NOTHING)
        return self._limit(sid, node)

    def _expected(self, node: str) -> Load:
        """With ``dynamic``: what is measured, and the limits of what was put there since and does not run yet."""
        load = self._measured.get(node, NOTHING) if self._is_dynamic else NOTHING
        limits = Load(cpus=self._cpus[node] / _UNIT, memory_bytes=self._memory[node] / _UNIT)
        return add(load, limits)

    def _row(self, node: str) -> _Row:
        load, has = self._expected(node), self.figures.capacities[node]
        self._rows[node] = row = (
            *(load.cpus, has.cpus, load.cpus / has.cpus),
            *(load.memory_bytes, has.memory_bytes, load.memory_bytes / has.memory_bytes),
        )
        return row

    @property
    def _is_dynamic(self) -> bool:
        return self.figures.scheduler is Scheduler.DYNAMIC

    def _limit(self, sid: str, node: str) -> Load:
        limit = self.figures.limits.get(sid, NOTHING)
        if limit.cpus:
            return limit
        return Load(cpus=self.figures.capacities[node].cpus, memory_bytes=limit.memory_bytes)


def _whole(value: float) -> int:
    """In units so small that every digit of cores or bytes is kept; a power of two, so that nothing is rounded."""
    return int(value * _UNIT)


def add(one: Load, other: Load) -> Load:
    return Load(cpus=one.cpus + other.cpus, memory_bytes=one.memory_bytes + other.memory_bytes)


def fractions(loads: Mapping[str, Load], capacities: Mapping[str, Capacity]) -> tuple[list[float], list[float]]:
    """Loads of nodes as parts of their cores and of their memory, in the order of ``loads``."""
    return (
        [load.cpus / capacities[node].cpus for node, load in loads.items()],
        [load.memory_bytes / capacities[node].memory_bytes for node, load in loads.items()],
    )
