"""Balancing of running machines that nobody looks after otherwise, for those who opted in. Pure.

The same scheduler as for services (``balance``), by what machines really use. One move at a time, each with its reason,
and a machine that was moved rests. ``balance.cfg`` says who takes part, ``balance_moves`` what was done. All of it is
ours; limits (threshold, margin, method, rounds) are those of the cluster's option ``crs``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from hostd.core import optionfile
from hostd.core.errors import ParseError
from hostd.core.formats.lists import split_list
from hostd.ha.balance import Departure, Verdict, judge
from hostd.ha.config import REST_S, AutoRebalance
from hostd.ha.env import Capacity, Load, Measured
from hostd.ha.usage import NOTHING, add

KEPT: Final = 50
# A node keeps so much of its memory for itself.
HEADROOM: Final = 0.1
# A move that its node has not begun after so long is given up: the node is gone, or its daemon does not run.
BEGIN_S: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """``balance.cfg``: whether machines are balanced, and which take part, by id."""

    enabled: bool = False
    guests: tuple[int, ...] = ()


def parse(data: bytes) -> Wish:
    """What is not readable is left out."""
    values = optionfile.parse(data)
    guests = {int(word) for word in split_list(values.get("guests", "")) if word.isdecimal()}
    return Wish(enabled=values.get("enable", "0") == "1", guests=tuple(sorted(guests)))


def format(wish: Wish) -> bytes:
    guests = {"guests": ",".join(str(vmid) for vmid in wish.guests)} if wish.guests else {}
    return optionfile.format({"enable": str(int(wish.enabled)), **guests})


class State(StrEnum):
    """``decided``: its node is to begin it."""

    DECIDED = "decided"
    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Move:
    """A machine's move. ``decided_s``: date by the clock of who decided it; ``told``: the task, or what failed."""

    sid: str
    source: str
    target: str
    decided_s: int
    why: str
    state: State = State.DECIDED
    told: str = ""

    @property
    def is_under_way(self) -> bool:
        return self.state in (State.DECIDED, State.RUNNING)


def to_wire(moves: Iterable[Move]) -> dict[str, Any]:
    return {"moves": [asdict(move) | {"state": str(move.state)} for move in moves]}


def from_wire(wire: Mapping[str, Any]) -> list[Move]:
    """The oldest first. Raises ParseError."""
    try:
        return [Move(**{**move, "state": State(move["state"])}) for move in wire.get("moves", ())]
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise ParseError(f"moves: {type(err).__name__}: {err}") from err


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One that takes part. ``memory_bytes``: what it may use. ``targets``: nodes that have all that it needs."""

    sid: str
    node: str
    memory_bytes: float
    targets: Collection[str]


@dataclass(frozen=True, kw_only=True)
class Situation:
    """``capacities`` of the nodes that count: online, not in maintenance. ``measured``: all guests, these or not."""

    capacities: Mapping[str, Capacity]
    measured: Sequence[Measured] = ()
    machines: Sequence[Machine] = ()
    moves: Sequence[Move] = field(default_factory=list)


def loads_of(situation: Situation) -> dict[str, Load]:
    """What the guests of each node use together, by node, sorted."""
    loads = dict.fromkeys(sorted(situation.capacities), NOTHING)
    for each in situation.measured:
        if each.node in loads:
            loads[each.node] = add(loads[each.node], each.load)
    return loads


def decide(situation: Situation, wanted: AutoRebalance, now_s: float) -> Verdict:
    """What the loads call for now; nothing while a move is under way."""
    loads = loads_of(situation)
    verdict = judge(loads, situation.capacities, _departures(situation, loads, now_s), wanted)
    under_way = next((move for move in situation.moves if move.is_under_way), None)
    if under_way and verdict.proposal:
        return Verdict(imbalance=verdict.imbalance, reason=f"'{under_way.sid}' is on its way to '{under_way.target}'")
    return verdict


def _departures(situation: Situation, loads: Mapping[str, Load], now_s: float) -> list[Departure]:
    resting = {move.sid for move in situation.moves if now_s - move.decided_s < REST_S}
    used = {each.sid: each for each in situation.measured}
    found: list[Departure] = []
    for machine in sorted(situation.machines, key=lambda each: each.sid):
        seen = used.get(machine.sid)
        if machine.sid in resting or seen is None or machine.node not in loads:
            continue
        targets = [
            node for node in sorted(machine.targets) if node != machine.node and _fits(machine, node, situation, loads)
        ]
        found.append(Departure(members=(machine.sid,), source=machine.node, targets=targets, taken=seen.load))
    return found


def _fits(machine: Machine, node: str, situation: Situation, loads: Mapping[str, Load]) -> bool:
    if node not in loads:
        return False
    free = situation.capacities[node].memory_bytes * (1 - HEADROOM) - loads[node].memory_bytes
    return machine.memory_bytes <= free


def added(moves: Sequence[Move], verdict: Verdict, now_s: float) -> list[Move]:
    """With the move that was proposed, the oldest dropped."""
    if verdict.proposal is None:
        return list(moves)
    move = verdict.proposal.move
    new = Move(
        sid=move.leader, source=move.source, target=move.target, decided_s=int(now_s), why=verdict.proposal.why
    )  # fmt: skip
    return [*moves, new][-KEPT:]


def marked(moves: Sequence[Move], one: Move, state: State, told: str) -> list[Move]:
    """With another state of one of them."""
    return [replace(move, state=state, told=told) if move == one else move for move in moves]


def given_up(moves: Sequence[Move], now_s: float) -> list[Move]:
    """Those that nobody began are over."""
    return [
        replace(move, state=State.FAILED, told=f"node '{move.source}' did not begin it")
        if move.state is State.DECIDED and now_s - move.decided_s > BEGIN_S
        else move
        for move in moves
    ]
