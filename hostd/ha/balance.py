"""Automatic rebalancing: one move a time, of the services that stay together, when loads differ for long enough.

Source: conformance area ``ha``, section 8.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hostd.ha import topsis
from hostd.ha.bundles import bundles
from hostd.ha.commands import follow
from hostd.ha.env import Capacity, Load
from hostd.ha.events import Kind
from hostd.ha.round import Round
from hostd.ha.selection import room
from hostd.ha.services import move_of
from hostd.ha.states import MOVING, Method, Scheduler
from hostd.ha.usage import NOTHING, add


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A bundle by its leader that could leave ``source`` for ``target``, and the loads of all nodes then."""

    leader: str
    source: str
    target: str
    loads: Mapping[str, Load]


def rebalance(round: Round) -> None:
    """Queue one move if it is worth it."""
    wanted = round.options.auto_rebalance
    if not wanted.enabled or round.options.scheduler is Scheduler.BASIC or _is_moving(round):
        return
    loads, capacities = round.usage.loads(), round.usage.figures.capacities
    before = imbalance(loads, capacities)
    if before <= wanted.threshold:
        round.unbalanced = 0
        return
    round.unbalanced += 1
    if round.unbalanced < wanted.hold_rounds:
        return
    round.unbalanced = 0
    best = _best(round, list(_candidates(round, loads)), wanted.method)
    if best is None:
        return
    after = imbalance(best.loads, capacities)
    if (before - after) / before < wanted.margin:
        return
    how = move_of(best.leader)
    round.tell(
        Kind.AUTO_REBALANCE,
        sid=best.leader,
        how=str(how),
        target=best.target,
        imbalance_from=f"{before:.2f}",
        imbalance_to=f"{after:.2f}",
    )
    follow(round, f"{how} {best.leader} {best.target}")


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


def _candidates(round: Round, loads: Mapping[str, Load]) -> Iterator[Candidate]:
    for leader, members in bundles(round.services, round.affinity.positive).items():
        source = round.services[leader].node
        if source not in loads:
            continue
        left, taken = loads[source], NOTHING
        for member in members:
            taken = add(taken, round.usage.weight(member, source))
        left = Load(
            cpus=max(0.0, left.cpus - taken.cpus), memory_bytes=max(0.0, left.memory_bytes - taken.memory_bytes)
        )
        found = room(round, leader)
        for target in sorted(found.preferred - found.blocked - {source}):
            moved = {**loads, source: left, target: add(loads[target], taken)}
            yield Candidate(leader=leader, source=source, target=target, loads=moved)


def _best(round: Round, candidates: list[Candidate], method: Method) -> Candidate | None:
    if not candidates:
        return None
    if method is Method.BRUTEFORCE:
        capacities = round.usage.figures.capacities
        return min(
            candidates,
            # Sums of floating-point numbers differ in their last digits where the situations are the same.
            key=lambda c: (math.trunc(imbalance(c.loads, capacities) * 1e15), c.leader, c.source, c.target),
        )
    scores = topsis.scores([topsis.criteria(*round.usage.fractions(candidate.loads)) for candidate in candidates])
    scored = zip(scores, candidates, strict=True)
    return min(scored, key=lambda each: (-each[0], each[1].leader, each[1].target))[1]
