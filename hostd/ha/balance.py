"""Automatic rebalancing: one move a time, of the services that stay together, when loads differ for long enough.

A guest that was moved rests for a while, which is ours; every move says why.
Source: conformance area ``ha``, section 8.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hostd.ha import topsis
from hostd.ha.bundles import bundles
from hostd.ha.commands import follow
from hostd.ha.config import AutoRebalance
from hostd.ha.env import Capacity, Load
from hostd.ha.events import Kind
from hostd.ha.round import Round
from hostd.ha.selection import room
from hostd.ha.services import move_of
from hostd.ha.states import MOVING, Method, Scheduler
from hostd.ha.usage import NOTHING, add, fractions


class Departure(NamedTuple):
    """Guests, the leader first, that could leave ``source`` for any of ``targets`` and take ``taken`` along."""

    members: tuple[str, ...]
    source: str
    targets: Sequence[str]
    taken: Load


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One of these moves; what is ``left`` and ``there`` then."""

    members: tuple[str, ...]
    source: str
    target: str
    left: Load
    there: Load

    @property
    def leader(self) -> str:
        return self.members[0]

    def after(self, loads: Mapping[str, Load]) -> dict[str, Load]:
        """Loads of all nodes when the guests have moved."""
        return {**loads, self.source: self.left, self.target: self.there}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A move that is worth it; ``before``, ``after``: the imbalance. ``why``: for people."""

    move: Candidate
    before: float
    after: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the loads call for. ``reason``: why nothing, where there is no proposal."""

    imbalance: float
    proposal: Proposal | None = None
    reason: str = ""


def rebalance(round: Round) -> None:
    """Queue one move if it is worth it."""
    wanted = round.options.auto_rebalance
    if not wanted.enabled or round.options.scheduler is Scheduler.BASIC or _is_moving(round):
        return
    if imbalance(round.usage.loads(), round.usage.figures.capacities) <= wanted.threshold:
        round.unbalanced = 0
        return
    round.unbalanced += 1
    if round.unbalanced < wanted.hold_rounds:
        return
    round.unbalanced = 0
    proposal = judge_services(round).proposal
    if proposal is None:
        return
    move = proposal.move
    how = move_of(move.leader)
    round.tell(
        Kind.AUTO_REBALANCE,
        sid=move.leader,
        how=str(how),
        target=move.target,
        imbalance_from=f"{proposal.before:.2f}",
        imbalance_to=f"{proposal.after:.2f}",
    )
    follow(round, f"{how} {move.leader} {move.target}")
    round.remember_moves(move.members, move.source, move.target, proposal.why)


def judge_services(round: Round) -> Verdict:
    """What the services' nodes call for now, however long that has been so."""
    loads = round.usage.loads()
    return judge(loads, round.usage.figures.capacities, list(_departures(round, loads)), round.options.auto_rebalance)


def judge(
    loads: Mapping[str, Load],
    capacities: Mapping[str, Capacity],
    departures: Sequence[Departure],
    wanted: AutoRebalance,
) -> Verdict:
    """The best of the moves that are possible, if the nodes differ too much and it gains enough."""
    before = imbalance(loads, capacities)
    if before <= wanted.threshold:
        return Verdict(imbalance=before, reason=f"the imbalance {before:.2f} is not above {wanted.threshold:.2f}")
    best = _best(departures, wanted.method, loads, capacities)
    if best is None:
        return Verdict(imbalance=before, reason="no guest can be moved: see who may, and where it fits")
    after = imbalance(best.after(loads), capacities)
    gain = (before - after) / before
    if gain < wanted.margin:
        reason = f"the best move ({best.leader} to {best.target}) gains {gain:.0%}, less than {wanted.margin:.0%}"
        return Verdict(imbalance=before, reason=reason)
    why = _why(best, loads, capacities, wanted)
    return Verdict(imbalance=before, proposal=Proposal(move=best, before=before, after=after, why=why))


def _why(move: Candidate, loads: Mapping[str, Load], capacities: Mapping[str, Capacity], wanted: AutoRebalance) -> str:
    then = move.after(loads)
    before, after = imbalance(loads, capacities), imbalance(then, capacities)

    def of(node: str, there: Mapping[str, Load]) -> str:
        (cpus,), (memory,) = fractions({node: there[node]}, capacities)
        return f"{cpus:.0%} of its cores and {memory:.0%} of its memory"

    return (
        f"the nodes' loads differ by {before:.2f}, at most {wanted.threshold:.2f} is wanted: '{move.source}' has "
        f"{of(move.source, loads)} in use, '{move.target}' {of(move.target, loads)}; with {', '.join(move.members)} on "
        f"'{move.target}' it is {of(move.source, then)}, and {of(move.target, then)}: {after:.2f}"
    )


def _is_moving(round: Round) -> bool:
    return any(service.state in MOVING or (service.noted and service.noted.move) for service in round.services.values())


def imbalance(loads: Mapping[str, Load], capacities: Mapping[str, Capacity]) -> float:
    """Standard deviation of the nodes' loads as a part of their mean; 0 when there is nothing to compare."""
    each = [_fraction(load, capacities[node]) for node, load in loads.items()]
    mean = sum(each) / len(each) if each else 0.0
    if len(each) < 2 or mean == 0:
        return 0.0
    return math.sqrt(sum((load - mean) ** 2 for load in each) / len(each)) / mean


def _fraction(load: Load, capacity: Capacity) -> float:
    return (load.cpus / capacity.cpus + load.memory_bytes / capacity.memory_bytes) / 2


def _departures(round: Round, loads: Mapping[str, Load]) -> Iterator[Departure]:
    for leader, members in bundles(round.services, round.affinity.positive).items():
        source = round.services[leader].node
        if source not in loads or any(round.rests(member) for member in members):
            continue
        taken = NOTHING
        for member in members:
            taken = add(taken, round.usage.weight(member, source))
        found = room(round, leader)
        targets = sorted(found.preferred - found.blocked - {source})
        yield Departure(members=tuple(members), source=source, targets=targets, taken=taken)


def _best(
    departures: Sequence[Departure], method: Method, loads: Mapping[str, Load], capacities: Mapping[str, Capacity]
) -> Candidate | None:
    departures = [each for each in departures if each.targets]
    if not departures:
        return None
    nodes = _Nodes(loads, capacities)
    if method is Method.BRUTEFORCE:
        # To be looked at with all digits: those whose imbalance is the smallest as far as a short calculation tells.
        return min(
            _highest(departures, nodes.likeness(departures), loads, within=1e-9),
            # Sums of floating-point numbers differ in their last digits where the situations are the same.
            key=lambda c: (math.trunc(imbalance(c.after(loads), capacities) * 1e15), c.leader, c.source, c.target),
        )
    scores = topsis.scores(nodes.criteria(departures))
    return min(_highest(departures, scores, loads), key=lambda c: (c.leader, c.target))


def _highest(
    departures: Sequence[Departure], scores: Sequence[float], loads: Mapping[str, Load], *, within: float = 0.0
) -> list[Candidate]:
    """The moves with the best score; ``scores``: of each departure's targets in turn."""
    best = max(scores) - within
    moves = ((departure, target) for departure in departures for target in departure.targets)
    found = zip(scores, moves, strict=True)
    return [_candidate(departure, target, loads) for score, (departure, target) in found if score >= best]


def _candidate(departure: Departure, target: str, loads: Mapping[str, Load]) -> Candidate:
    members, source, _, taken = departure
    before = loads[source]
    left = Load(cpus=_without(before.cpus, taken.cpus), memory_bytes=_without(before.memory_bytes, taken.memory_bytes))
    return Candidate(members=members, source=source, target=target, left=left, there=add(loads[target], taken))


def _without(load: float, taken: float) -> float:
    """What is left; measured loads are no sums of what the guests use."""
    return max(0.0, load - taken)


class _Part(NamedTuple):
    """What a node uses of its cores, or of its memory: ``load`` of what it ``has``, and as a ``fraction``."""

    load: float
    has: float
    fraction: float


class _Nodes:
    """All nodes as they are, to be asked what each departure's targets lead to."""

    def __init__(self, loads: Mapping[str, Load], capacities: Mapping[str, Capacity]) -> None:
        each = [(node, load, capacities[node]) for node, load in loads.items()]
        self._cpus = {n: _Part(load.cpus, has.cpus, load.cpus / has.cpus) for n, load, has in each}
        self._memory = {
            n: _Part(load.memory_bytes, has.memory_bytes, load.memory_bytes / has.memory_bytes) for n, load, has in each
        }

    def criteria(self, departures: Iterable[Departure]) -> list[list[float]]:
        """Criteria, a column each, of the situation after each move; what a move leaves as it is costs nothing."""
        of_cpus = topsis.Standing([part.fraction for part in self._cpus.values()])
        of_memory = topsis.Standing([part.fraction for part in self._memory.values()])
        columns: list[list[float]] = [[], [], [], []]
        for one in departures:
            sides = (of_cpus, self._cpus, one.taken.cpus), (of_memory, self._memory, one.taken.memory_bytes)
            for (standing, parts, taken), (means, peaks) in zip(sides, (columns[:2], columns[2:]), strict=True):
                left, there = _changed(parts, one, taken)
                others = [parts[target].fraction for target in one.targets]
                more_means, more_peaks = standing.each_moved(parts[one.source].fraction, left, others, there)
                means.extend(more_means)
                peaks.extend(more_peaks)
        return columns

    def likeness(self, departures: Iterable[Departure]) -> list[float]:
        """After each move, 1 where the loads are alike, and less the more they differ (the deviation itself would lose
        its digits here).
        """
        each = {node: (part.fraction + self._memory[node].fraction) / 2 for node, part in self._cpus.items()}
        total, squares, count = sum(each.values()), sum([load * load for load in each.values()]), len(each)
        found: list[float] = []
        for one in departures:
            cpus_left, cpus = _changed(self._cpus, one, one.taken.cpus)
            memory_left, memory = _changed(self._memory, one, one.taken.memory_bytes)
            before, left = each[one.source], (cpus_left + memory_left) / 2
            rest, rest_squares = total - before + left, squares - before * before + left * left
            there = [(part + other) / 2 for part, other in zip(cpus, memory, strict=True)]
            for old, new in zip([each[target] for target in one.targets], there, strict=True):
                mean, mean_square = (rest - old + new) / count, (rest_squares - old * old + new * new) / count
                found.append(mean * mean / mean_square if mean_square > 0 else 1.0)
        return found


def _changed(parts: Mapping[str, _Part], departure: Departure, taken: float) -> tuple[float, list[float]]:
    """The fraction that is left on the source, and the one on each target."""
    load, has, _ = parts[departure.source]
    there = [(load + taken) / has for load, has, _ in [parts[target] for target in departure.targets]]
    return _without(load, taken) / has, there
