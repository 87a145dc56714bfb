"""What a node sees of its cluster, second by second, and what changed from one look to the next. Pure.

These are the signals that post-mortems are made of, beside the manager's own events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from hostd.core.errors import ParseError
from hostd.ha.events import Kind
from hostd.ha.states import Mode, ServiceState


class Signal(StrEnum):
    """What can change. The words go on from ``events.Kind``, which names what the manager does."""

    MEMBER_LOST = "member_lost"
    MEMBER_BACK = "member_back"
    QUORUM_LOST = "quorum_lost"
    QUORUM_BACK = "quorum_back"
    VOTES = "votes"
    LINK_DOWN = "link_down"
    LINK_UP = "link_up"
    LINK_LOSES = "link_loses"
    LINK_WELL = "link_well"
    AGENT_SILENT = "agent_silent"
    AGENT_HEARD = "agent_heard"
    AGENT_STATE = "agent_state"
    BOOTED = "booted"
    GUESTS_ENDED = "guests_ended"
    DEVICE = "device"


_HELD: Final[frozenset[str]] = frozenset({ServiceState.FENCE, ServiceState.RECOVERY, ServiceState.ERROR})
_KEPT: Final = frozenset(
    {
        Kind.DAEMON_STATE, Kind.LOCK_ACQUIRED, Kind.CFS_ERROR, Kind.CRM_DISARMED, Kind.CRM_REARMED, Kind.NODE_STATE,
        Kind.FENCE_TRY, Kind.FENCE_ACK, Kind.FENCE_DONE, Kind.FENCE_ORPHAN, Kind.SERVICE_STATE, Kind.SERVICE_RECOVER,
        Kind.SERVICE_RECOVER_FAILED, Kind.SERVICE_LOCK_CLEARED, Kind.SERVICE_MOVE, Kind.START_FAILED_RELOCATE,
        Kind.RELOCATE_EXHAUSTED, Kind.ALL_NODES_TRIED, Kind.MOVE_FAILED, Kind.STOP_FAILED, Kind.SERVICE_REMOVED,
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One observation. ``at_s``: date by the clock of ``by``, the node that made it. ``what``: a Signal or a Kind."""

    at_s: float
    by: str
    what: str
    node: str = ""
    sid: str = ""
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def says(self) -> tuple[object, ...]:
        """All but when it was made."""
        return self.sid, self.node, self.by, self.what, self.details

    def to_wire(self) -> dict[str, Any]:
        wire = {"t": round(self.at_s, 1), "by": self.by, "what": str(self.what)}
        more = {"node": self.node, "sid": self.sid, "details": dict(self.details)}
        return wire | {key: value for key, value in more.items() if value}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Seen:
        """Raises ParseError."""
        try:
            details = {str(key): str(value) for key, value in wire.get("details", {}).items()}
            node, sid = str(wire.get("node", "")), str(wire.get("sid", ""))
            return cls(
                at_s=float(wire["t"]), by=str(wire["by"]), what=str(wire["what"]), node=node, sid=sid, details=details
            )
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise ParseError(f"observation: {type(err).__name__}: {err}") from err


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSeen:
    """An agent by what it publishes. ``silent``: nothing new for long. ``boot``: names the boot of its node.

    ``ended_s``: when it last ended its guests itself (date, 0: never), ``ended``: which.
    """

    state: str = ""
    mode: str = ""
    silent: bool = False
    boot: str = ""
    ended_s: int = 0
    ended: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkSeen:
    """``downs``: how often it went down since Corosync started here. ``loses``: more than it should."""

    connected: bool
    downs: int = 0
    loses: bool = False


@dataclass(frozen=True, kw_only=True)
class Look:
    """The cluster at one moment. ``links`` by node and number; None: nobody could tell. ``votes``: here, needed."""

    quorate: bool = True
    members: Mapping[str, bool] = field(default_factory=dict)
    votes: tuple[int, int] | None = None
    links: Mapping[tuple[str, int], LinkSeen] | None = None
    agents: Mapping[str, AgentSeen] = field(default_factory=dict)


def of_event(kind: Kind, told: Mapping[str, str], *, at_s: float, by: str, home: Callable[[str], str]) -> Seen | None:
    """An event of the manager as an observation; None for one that no account needs.

    ``told``: its fields. ``home``: the node that a service was on when the round began, which its change does not tell.
    """
    if kind not in _KEPT or (kind is Kind.SERVICE_STATE and _HELD.isdisjoint((told["from"], told["to"]))):
        return None
    sid, node, details = told.get("sid", ""), told.get("node", ""), dict(told)
    if kind is Kind.SERVICE_STATE:
        node = details["node"] = node or home(sid)
    if kind is Kind.LOCK_ACQUIRED:
        node = told.get("lock", "").removeprefix("ha_agent_").removesuffix("_lock")
    return Seen(at_s=at_s, by=by, what=kind, node=node, sid=sid, details=details)


def changes(before: Look, after: Look, *, at_s: float, by: str) -> list[Seen]:
    """What is different, in the order in which such signals come: links, members, quorum, agents."""
    found = [*_links(before, after), *_members(before, after), *_quorum(before, after), *_agents(before, after)]
    return [
        Seen(at_s=each.get("at_s", at_s), by=by, what=each["what"], node=each.get("node", ""), details=each["details"])
        for each in found
    ]


def _change(what: Signal, node: str = "", **details: object) -> dict[str, Any]:
    return {"what": what, "node": node, "details": {key: str(value) for key, value in details.items()}}


def _links(before: Look, after: Look) -> Iterator[dict[str, Any]]:
    if before.links is None or after.links is None:
        return
    for (node, number), now in sorted(after.links.items()):
        then = before.links.get((node, number))
        if then is None:
            continue
        flapped = now.downs > then.downs
        if then.connected and (flapped or not now.connected):
            yield _change(Signal.LINK_DOWN, node, link=number, downs=now.downs)
        if now.connected and (flapped or not then.connected):
            yield _change(Signal.LINK_UP, node, link=number)
        if now.loses != then.loses:
            yield _change(Signal.LINK_LOSES if now.loses else Signal.LINK_WELL, node, link=number)


def _members(before: Look, after: Look) -> Iterator[dict[str, Any]]:
    for node, there in sorted(after.members.items()):
        if there != before.members.get(node, there):
            yield _change(Signal.MEMBER_BACK if there else Signal.MEMBER_LOST, node)


def _quorum(before: Look, after: Look) -> Iterator[dict[str, Any]]:
    if before.quorate != after.quorate:
        yield _change(Signal.QUORUM_BACK if after.quorate else Signal.QUORUM_LOST)
    if after.votes and before.votes and before.votes != after.votes:
        yield _change(Signal.VOTES, votes=after.votes[0], needed=after.votes[1])


def _agents(before: Look, after: Look) -> Iterator[dict[str, Any]]:
    for node, now in sorted(after.agents.items()):
        then = before.agents.get(node)
        if then is None:
            continue
        if now.silent != then.silent:
            yield _change(Signal.AGENT_SILENT if now.silent else Signal.AGENT_HEARD, node)
        if (now.state, now.mode) != (then.state, then.mode):
            mode = {} if now.mode == Mode.ACTIVE else {"mode": now.mode}
            yield _change(Signal.AGENT_STATE, node, state=now.state, **mode)
        if then.boot and now.boot and now.boot != then.boot:
            yield _change(Signal.BOOTED, node)
        if now.ended_s > then.ended_s:
            # By that node's own clock: it says when it happened, not when it could be told.
            told = _change(Signal.GUESTS_ENDED, node, guests=", ".join(now.ended))
            yield told | {"at_s": float(now.ended_s)}
