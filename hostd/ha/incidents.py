"""What happened, kept for an account afterwards: nodes that were lost, services that ended in error. Pure.

A book takes observations one by one and keeps the last minutes of them. A node that is lost, and a service in error,
begin an incident, which gets what was seen before and goes on collecting what concerns it. An account is due when the
services of a lost node are all somewhere again, when the node has come back, and when a service is in error. All is
bounded: incidents, entries of each, services of each, the history.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from hostd.core.errors import ParseError
from hostd.ha.budget import MANAGER_LOCK, OFFLINE_S
from hostd.ha.events import Kind
from hostd.ha.observed import Seen, Signal
from hostd.ha.states import NodeState, ServiceState

HISTORY: Final = 300
HISTORY_S: Final = 600.0
ENTRIES: Final = 120
SERVICES: Final = 500
KEPT: Final = 30
# A lost node whose services were not even fenced after so long had none.
SETTLE_S: Final = OFFLINE_S + 60.0
# A node that is back tells within so long whether it was booted, and what it ended itself.
RETURN_S: Final = 30.0
OLDEST_S: Final = 86_400.0

_HELD: Final = frozenset({str(ServiceState.FENCE), str(ServiceState.RECOVERY)})
_GONE: Final = frozenset({str(NodeState.UNKNOWN), str(NodeState.FENCE)})
# Of the whole cluster: part of every incident.
_EVERYWHERE: Final = frozenset(
    {
        Signal.QUORUM_LOST, Signal.QUORUM_BACK, Signal.VOTES, Kind.DAEMON_STATE, Kind.CFS_ERROR, Kind.CRM_DISARMED,
        Kind.CRM_REARMED,
    }
)  # fmt: skip


# Tried or told again and again: these count up, everything else has its place in the order of events.
_REPEATED: Final = frozenset(
    {
        Kind.SERVICE_RECOVER_FAILED, Kind.CFS_ERROR, Kind.FENCE_ORPHAN, Kind.ALL_NODES_TRIED, Signal.DEVICE,
        Signal.LINK_UP, Signal.LINK_LOSES, Signal.LINK_WELL,
    }
)  # fmt: skip
# A link that flaps must leave room for decisions.
_LINKS: Final = frozenset({Signal.LINK_DOWN, Signal.LINK_UP, Signal.LINK_LOSES, Signal.LINK_WELL})


class About(StrEnum):
    NODE = "node"
    SERVICE = "service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An observation, and how often it was made again; ``last_s``: the last time."""

    seen: Seen
    times: int = 1
    last_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Incident:
    """``subject``: a node's name or a service's id. ``pending``: services that are still fenced or being recovered.

    ``services``: every service that it touched, with its last state and node. ``left_out``: entries for which there was
    no room. ``due``: an account is to be written; ``told``: how many were. Times are dates by the writer's clock.
    """

    id: str
    about: About
    subject: str
    begun_s: float
    entries: tuple[Entry, ...] = ()
    left_out: int = 0
    pending: frozenset[str] = frozenset()
    services: Mapping[str, str] = field(default_factory=dict)
    returned_s: float | None = None
    closed_s: float | None = None
    told: int = 0
    due: bool = False

    @property
    def is_open(self) -> bool:
        return self.closed_s is None


@dataclass(frozen=True, kw_only=True)
class Book:
    """``incidents`` by id, the oldest first. ``history``: what was seen lately, the oldest first."""

    incidents: Mapping[str, Incident] = field(default_factory=dict)
    history: tuple[Seen, ...] = ()

    @property
    def due(self) -> list[Incident]:
        return [each for each in self.incidents.values() if each.due]


def take(book: Book, seen: Seen) -> Book:
    """One more observation."""
    history = (*book.history[-HISTORY + 1 :], seen)
    found = dict(book.incidents)
    if (known := _told_late(book, seen)) is not None:
        late = _with(known, seen)
        return Book(incidents={**found, known.id: replace(late, due=late.due or not known.is_open)}, history=history)
    begun = _begun(seen)
    if begun and not any(each.is_open and each.subject == begun[1] for each in found.values()):
        made = _made(*begun, seen, [each for each in history if seen.at_s - each.at_s < HISTORY_S])
        found[made.id] = made
    else:
        for id, incident in book.incidents.items():
            if incident.is_open and _concerns(incident, seen):
                found[id] = _with(incident, seen)
    return Book(incidents=_kept(found) if begun else found, history=history)


def _told_late(book: Book, seen: Seen) -> Incident | None:
    """The incident in which a node ended its guests: it says so once its agent has its lock again, maybe late."""
    if seen.what != Signal.GUESTS_ENDED:
        return None
    for each in reversed(list(book.incidents.values())):
        is_then = each.begun_s - OFFLINE_S <= seen.at_s <= (seen.at_s if each.closed_s is None else each.closed_s)
        if each.about is About.NODE and each.subject == seen.node and is_then:
            return each
    return None


def _begun(seen: Seen) -> tuple[About, str] | None:
    """What an observation is the begin of. A node that leaves in maintenance was sent away: that is none."""
    to, before = seen.details.get("to", ""), seen.details.get("from", "")
    if seen.what == Kind.NODE_STATE and (to == NodeState.FENCE or (to in _GONE and before == NodeState.ONLINE)):
        return About.NODE, seen.node
    if seen.what == Signal.GUESTS_ENDED:
        return About.NODE, seen.node
    if seen.what == Kind.SERVICE_STATE and to == ServiceState.ERROR:
        return About.SERVICE, seen.sid
    return None


def _made(about: About, subject: str, seen: Seen, history: Iterable[Seen]) -> Incident:
    """With what was seen before; one of a service is over at once, and so is one that is known only afterwards."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seen.at_s))
    made = Incident(
        id=f"{stamp}-{subject.replace(':', '-')}", about=about, subject=subject, begun_s=seen.at_s
    )  # fmt: skip
    for each in history:
        is_its_node = about is About.SERVICE and bool(seen.node) and each.node == seen.node and not each.sid
        if _concerns(made, each) or is_its_node:
            made = _with(made, each)
    if about is About.SERVICE:
        return replace(made, closed_s=seen.at_s, due=True)
    if seen.what == Signal.GUESTS_ENDED:
        return replace(made, returned_s=seen.at_s)
    return made


def _concerns(incident: Incident, seen: Seen) -> bool:
    if seen.what in _EVERYWHERE or (seen.what == Kind.LOCK_ACQUIRED and seen.details.get("lock") == MANAGER_LOCK):
        return True
    if incident.about is About.SERVICE:
        return seen.sid == incident.subject
    its_service = bool(seen.sid) and (seen.sid in incident.services or seen.sid in incident.pending)
    return its_service or incident.subject in (seen.node, seen.details.get("from"))


def _with(incident: Incident, seen: Seen) -> Incident:
    incident = _counted(incident, seen)
    if incident.about is About.SERVICE:
        return incident
    if seen.what == Kind.NODE_STATE and seen.node == incident.subject:
        back = seen.details.get("to") == NodeState.ONLINE
        return replace(incident, returned_s=seen.at_s if back else None)
    if seen.what == Kind.SERVICE_REMOVED:
        to, node = "not looked after any more", ""
    elif seen.what == Kind.SERVICE_STATE:
        to, node = seen.details.get("to", ""), seen.details.get("node", "")
    else:
        return incident
    pending = incident.pending | {seen.sid} if to in _HELD else incident.pending - {seen.sid}
    # What left fence or recovery did so for a node; what goes on there afterwards is no part of this.
    services = dict(incident.services)
    if (to in _HELD or seen.sid in incident.pending) and (len(services) < SERVICES or seen.sid in services):
        services[seen.sid] = f"{to} on {node}" if node and to not in _HELD else to
    due = incident.due or bool(incident.pending and not pending)
    return replace(incident, pending=pending, services=services, due=due)


def _counted(incident: Incident, seen: Seen) -> Incident:
    """The same again counts up: what is tried every round would leave no room for anything else."""
    for place, entry in enumerate(incident.entries if seen.what in _REPEATED else ()):
        if entry.seen.what == seen.what and entry.seen.says == seen.says:
            again = replace(entry, times=entry.times + 1, last_s=seen.at_s)
            return replace(incident, entries=(*incident.entries[:place], again, *incident.entries[place + 1 :]))
    if len(incident.entries) >= (ENTRIES // 2 if seen.what in _LINKS else ENTRIES):
        return replace(incident, left_out=incident.left_out + 1)
    return replace(incident, entries=(*incident.entries, Entry(seen=seen, last_s=seen.at_s)))


def tick(book: Book, now_s: float) -> Book:
    """What the passing of time makes due."""
    return replace(book, incidents={id: _aged(each, now_s) for id, each in book.incidents.items()})


def _aged(incident: Incident, now_s: float) -> Incident:
    if not incident.is_open:
        return incident
    age_s = now_s - incident.begun_s
    is_back = incident.returned_s is not None and now_s - incident.returned_s >= RETURN_S and not incident.pending
    if is_back or age_s >= OLDEST_S:
        return replace(incident, closed_s=now_s, due=True)
    if not incident.told and not incident.services and age_s >= SETTLE_S:
        return replace(incident, due=True)
    return incident


def told(book: Book, id: str) -> Book:
    """An account was written."""
    incident = book.incidents[id]
    return replace(book, incidents={**book.incidents, id: replace(incident, due=False, told=incident.told + 1)})


def merged(book: Book, stored: Iterable[Incident]) -> Book:
    """With what another master had stored: its incidents go on here, with what this node has seen meanwhile."""
    found = dict(book.incidents)
    for incident in stored:
        for seen in book.history:
            if incident.is_open and seen.at_s > incident.begun_s and _concerns(incident, seen):
                incident = _with(incident, seen)
        found[incident.id] = incident
    return replace(book, incidents=_kept(found))


def _kept(incidents: Mapping[str, Incident]) -> dict[str, Incident]:
    """The newest; those that are open go last: many services in error at once must not push a lost node out."""
    newest = sorted(incidents.values(), key=lambda each: (each.is_open, each.begun_s, each.id))[-KEPT:]
    return {each.id: each for each in sorted(newest, key=lambda each: (each.begun_s, each.id))}


# --- as it is stored


def to_wire(incident: Incident) -> dict[str, Any]:
    wire = {
        "id": incident.id, "about": str(incident.about), "subject": incident.subject, "begun": incident.begun_s,
        "entries": [
            each.seen.to_wire() | ({"times": each.times, "last": each.last_s} if each.times > 1 else {})
            for each in incident.entries
        ],
        "left_out": incident.left_out, "pending": sorted(incident.pending), "services": dict(incident.services),
        "returned": incident.returned_s, "closed": incident.closed_s, "told": incident.told, "due": incident.due,
    }  # fmt: skip
    return {key: value for key, value in wire.items() if value is not None}


def from_wire(wire: Mapping[str, Any]) -> Incident:
    """Raises ParseError for what is none."""
    try:
        entries = [(Seen.from_wire(each), each) for each in wire["entries"]]
        return Incident(
            id=str(wire["id"]), about=About(wire["about"]), subject=str(wire["subject"]),
            begun_s=float(wire["begun"]),
            entries=tuple(
                Entry(seen=seen, times=int(raw.get("times", 1)), last_s=float(raw.get("last", seen.at_s)))
                for seen, raw in entries
            ),
            left_out=int(wire.get("left_out", 0)), pending=frozenset(wire.get("pending", ())),
            services={str(sid): str(state) for sid, state in wire.get("services", {}).items()},
            returned_s=_date(wire.get("returned")), closed_s=_date(wire.get("closed")),
            told=int(wire.get("told", 0)), due=bool(wire.get("due")),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise ParseError(f"incident: {type(err).__name__}: {err}") from err


def _date(value: object) -> float | None:
    return float(str(value)) if value is not None else None
