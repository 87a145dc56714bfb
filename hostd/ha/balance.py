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


class Candidate(NamedTuple):
    """Guests, the leader first, that could leave ``source`` for ``target``; what is ``left`` and ``there`` then.

    A tuple, as there is one for every guest and node.
    """

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
    return judge(loads, round.usage.figures.capacities, list(_candidates(round, loads)), round.options.auto_rebalance)


def judge(
    loads: Mapping[str, Load],
    capacities: Mapping[str, Capacity],
    candidates: Sequence[Candidate],
    wanted: AutoRebalance,
) -> Verdict:
    """The best of the moves that are possible, if the nodes differ too much and it gains enough."""
    before = imbalance(loads, capacities)
    if before <= wanted.threshold:
        return Verdict(imbalance=before, reason=f"the imbalance {before:.2f} is not above {wanted.threshold:.2f}")
    best = _best(candidates, wanted.method, loads, capacities)
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


def candidates_of(
    members: Sequence[str], source: str, targets: Iterable[str], taken: Load, loads: Mapping[str, Load]
) -> Iterator[Candidate]:
    """Moves of guests that take ``taken`` along to each of some nodes."""
    left = loads[source]
    left = Load(cpus=max(0.0, left.cpus - taken.cpus), memory_bytes=max(0.0, left.memory_bytes - taken.memory_bytes))
    for target in targets:
        there = add(loads[target], taken)
        yield Candidate(members=tuple(members), source=source, target=target, left=left, there=there)


def _candidates(round: Round, loads: Mapping[str, Load]) -> Iterator[Candidate]:
    for leader, members in bundles(round.services, round.affinity.positive).items():
        source = round.services[leader].node
        if source not in loads or any(round.rests(member) for member in members):
            continue
        taken = NOTHING
        for member in members:
            taken = add(taken, round.usage.weight(member, source))
        found = room(round, leader)
        yield from candidates_of(members, source, sorted(found.preferred - found.blocked - {source}), taken, loads)


def _best(
    candidates: Sequence[Candidate], method: Method, loads: Mapping[str, Load], capacities: Mapping[str, Capacity]
) -> Candidate | None:
    if not candidates:
        return None
    if method is Method.BRUTEFORCE:
        return min(
            _near_the_best(candidates, loads, capacities),
            # Sums of floating-point numbers differ in their last digits where the situations are the same.
            key=lambda c: (math.trunc(imbalance(c.after(loads), capacities) * 1e15), c.leader, c.source, c.target),
        )
    scored = zip(topsis.scores(_criteria(candidates, loads, capacities)), candidates, strict=True)
    return min(scored, key=lambda each: (-each[0], each[1].leader, each[1].target))[1]


def _criteria(
    candidates: Iterable[Candidate], loads: Mapping[str, Load], capacities: Mapping[str, Capacity]
) -> Sequence[Sequence[float]]:
    """Criteria, a column each, of the situation after each move; nodes that a move leaves as they are cost nothing."""
    each = {node: (*_parts(load, capacities[node]), capacities[node]) for node, load in loads.items()}
    of_cpus = topsis.Standing([cpus for cpus, _, _ in each.values()])
    of_memory = topsis.Standing([memory for _, memory, _ in each.values()])
    rows = []
    for one in candidates:
        source_cpus, source_memory, source = each[one.source]
        target_cpus, target_memory, target = each[one.target]
        left_cpus, left_memory = _parts(one.left, source)
        there_cpus, there_memory = _parts(one.there, target)
        by_cpus = of_cpus.changed(source_cpus, left_cpus, target_cpus, there_cpus)
        rows.append(by_cpus + of_memory.changed(source_memory, left_memory, target_memory, there_memory))
    return list(zip(*rows, strict=True))


def _parts(load: Load, capacity: Capacity) -> tuple[float, float]:
    """Of its cores and of its memory, as ``fractions`` has them."""
    return load.cpus / capacity.cpus, load.memory_bytes / capacity.memory_bytes


def _near_the_best(
    candidates: Sequence[Candidate], loads: Mapping[str, Load], capacities: Mapping[str, Capacity]
) -> list[Candidate]:
    """Those whose imbalance is the smallest as far as a short calculation tells: to be looked at with all digits."""
    each = {node: _fraction(load, capacities[node]) for node, load in loads.items()}
    total, squares, count = sum(each.values()), sum([load * load for load in each.values()]), len(each)
    found = []
    for one in candidates:
        left, there = _fraction(one.left, capacities[one.source]), _fraction(one.there, capacities[one.target])
        source, target = each[one.source], each[one.target]
        mean = (total - source - target + left + there) / count
        mean_square = (squares - source**2 - target**2 + left**2 + there**2) / count
        # 1 where the loads are alike, and less the more they differ; the deviation itself would lose its digits here.
        found.append(mean * mean / mean_square if mean_square > 0 else 1.0)
    best = max(found)
    return [one for one, alike in zip(candidates, found, strict=True) if alike >= best - 1e-9]
