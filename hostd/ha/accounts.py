"""The account of an incident, for people: what failed first, how it went, what was decided and why. Pure.

Dates are UTC by the clock of the node that saw it; of two nodes' clocks nothing is concluded.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hostd.ha.budget import LOCK_S, MANAGER_LOCK, OFFLINE_S, WATCHDOG_S
from hostd.ha.events import Kind
from hostd.ha.incidents import About, Entry, Incident
from hostd.ha.observed import Seen, Signal
from hostd.ha.states import AgentState, CrmState, Mode, ServiceState

# What each observation means, and for decisions why; fields are those of the observation.
TEXTS: Final[Mapping[str, str]] = {
    Signal.MEMBER_LOST: "node '{node}' left the cluster's membership",
    Signal.MEMBER_BACK: "node '{node}' is in the cluster's membership",
    Signal.QUORUM_LOST: "node '{by}' lost the quorum: nothing is decided there",
    Signal.QUORUM_BACK: "node '{by}' has the quorum again",
    Signal.VOTES: "{votes} votes are here, {needed} are needed",
    Signal.LINK_DOWN: "link {link} from '{by}' to '{node}' went down ({downs} times by now)",
    Signal.LINK_UP: "link {link} from '{by}' to '{node}' is up",
    Signal.LINK_LOSES: "link {link} from '{by}' to '{node}' loses much of what is sent",
    Signal.LINK_WELL: "link {link} from '{by}' to '{node}' loses next to nothing any more",
    Signal.AGENT_SILENT: "the agent of node '{node}' has published nothing for long",
    Signal.AGENT_HEARD: "the agent of node '{node}' publishes again",
    Signal.AGENT_STATE: "the agent of node '{node}' says: {state} {mode}",
    Signal.BOOTED: "node '{node}' was booted anew",
    Signal.GUESTS_ENDED: f"node '{{node}}' ended its guests itself, not heard for {WATCHDOG_S} s: {{guests}}",
    Signal.DEVICE: "fence device of node '{node}': {text}",
    Kind.CFS_ERROR: "the store could not be reached ({op}); the round is tried again",
    Kind.CRM_DISARMED: "high availability is disarmed: nobody is fenced",
    Kind.CRM_REARMED: "high availability is armed again",
    Kind.NODE_STATE: "the master sees node '{node}' as {to}, before as {from}",
    Kind.FENCE_TRY: f"node '{{node}}' has services and was not seen for {OFFLINE_S} s: it must be off before any of "
    "them is started elsewhere",
    Kind.FENCE_ACK: "node '{node}' is known to be off, or to run no service any more",
    Kind.FENCE_DONE: "what ran on node '{node}' may be started elsewhere now",
    Kind.FENCE_ORPHAN: "node '{node}' is fenced although no service is left there",
    Kind.SERVICE_STATE: "service '{sid}': {from} → {to} {node}",
    Kind.SERVICE_REMOVED: "service '{sid}' is looked after no more ({reason})",
    Kind.SERVICE_MOVE: "service '{sid}' is to move to '{target}' ({how}): rules, maintenance or a command say so",
    Kind.SERVICE_RECOVER: "service '{sid}' goes from '{from}' to '{to}': the best of the nodes that rules leave it",
    Kind.SERVICE_RECOVER_FAILED: "service '{sid}' cannot be recovered: no node that rules allow is online",
    Kind.SERVICE_LOCK_CLEARED: "the lock '{lock}' that a task on the lost node left at '{sid}' was dropped",
    Kind.START_FAILED_RELOCATE: "service '{sid}' did not start on '{node}': another node is tried",
    Kind.RELOCATE_EXHAUSTED: "service '{sid}' did not start on {failed_nodes}, and max_relocate allows no further node",
    Kind.ALL_NODES_TRIED: "service '{sid}' was tried on every node: {tried_nodes}",
    Kind.MOVE_FAILED: "the move of service '{sid}' failed (code {code}); its task has the reason",
    Kind.STOP_FAILED: "service '{sid}' could not be stopped (code {code}); its task has the reason",
    Kind.CRM_COMMAND: "somebody asked: {cmd}",
}
_AGENT_LOCK: Final = (
    f"its agent's lock was free: given back, or not renewed for {LOCK_S} s, and by then the node has ended what it ran"
)
# A master that came so shortly before was made by the loss.
_TAKEOVER_S: Final = 60.0
_MANAGER_LOCK: Final = "node '{by}' took the manager's lock"
_BAD: Final = {
    Signal.MEMBER_LOST: Signal.MEMBER_BACK, Signal.QUORUM_LOST: Signal.QUORUM_BACK, Signal.LINK_DOWN: Signal.LINK_UP,
    Signal.LINK_LOSES: Signal.LINK_WELL, Signal.AGENT_SILENT: Signal.AGENT_HEARD,
}  # fmt: skip
_GOOD: Final = {good: bad for bad, good in _BAD.items()}


@dataclass(frozen=True, kw_only=True)
class Account:
    """``first``: the signal that failed first. ``summary`` and ``timeline``: lines of text."""

    title: str
    first: str
    summary: tuple[str, ...]
    timeline: tuple[str, ...]
    well: bool

    def lines(self) -> list[str]:
        first = [f"first sign: {self.first}"] if self.first else []
        return [self.title, *first, *self.summary, "", "what was seen (UTC):", *self.timeline]


def account(incident: Incident) -> Account:
    """Of an incident as far as it has gone."""
    summary = _of_node(incident) if incident.about is About.NODE else _of_service(incident)
    first = first_sign(incident)
    return Account(
        title=_title(incident),
        first=f"{_ago(incident, first.at_s)} {sentence(first)}" if first else "",
        summary=tuple(summary),
        timeline=tuple(_timeline(incident)),
        well=incident.about is About.NODE and not incident.pending and not _in_error(incident),
    )


def row(incident: Incident) -> dict[str, Any]:
    """What a list shows."""
    found = {"incident": incident.id, "about": str(incident.about), "subject": incident.subject}
    dates = {"begun": incident.begun_s, "returned": incident.returned_s, "closed": incident.closed_s}
    state = "closed" if not incident.is_open else "recovering" if incident.pending else "open"
    return {
        **found, **{key: int(date) for key, date in dates.items() if date is not None}, "state": state,
        "services": len(incident.services), "pending": len(incident.pending), "title": _title(incident),
    }  # fmt: skip


def sentence(seen: Seen) -> str:
    """One observation in words; one of a kind without words is told as it is."""
    details = {"mode": "", "node": "", **seen.details}
    if seen.what == Kind.LOCK_ACQUIRED:
        return _MANAGER_LOCK.format(by=seen.by) if details.get("lock") == MANAGER_LOCK else _AGENT_LOCK
    if seen.what == Kind.DAEMON_STATE:
        return f"the manager's daemon on '{seen.by}' is {details.get('to')}, before {details.get('from')}"
    known = {**details, "by": seen.by, "node": seen.node or details["node"], "sid": seen.sid}
    if seen.what == Kind.SERVICE_STATE:
        known["node"] = f"on '{details['node']}'" if details["node"] else ""
    text = TEXTS.get(seen.what)
    try:
        return " ".join((text or "").format_map(known).split()) if text else _plain(seen)
    except KeyError:  # of another version of the manager
        return _plain(seen)


def _plain(seen: Seen) -> str:
    details = {"node": seen.node, "sid": seen.sid, **seen.details}
    return " ".join([seen.what, *(f"{key}={value}" for key, value in details.items() if value)])


def first_sign(incident: Incident) -> Seen | None:
    """The oldest thing that was wrong, and was not well again, when the incident began."""
    wrong: dict[tuple[str, str, str], Seen] = {}
    for seen in sorted((each.seen for each in incident.entries), key=lambda each: each.at_s):
        place = (seen.node, seen.details.get("link", ""))
        if seen.at_s > incident.begun_s:
            break
        if seen.what in _GOOD:
            wrong.pop((str(_GOOD[Signal(seen.what)]), *place), None)
        elif seen.what in _BAD or _is_shutdown(seen) or seen.what == Signal.GUESTS_ENDED:
            wrong.setdefault((seen.what, *place), seen)
    oldest = sorted(wrong.values(), key=lambda each: each.at_s)
    return oldest[0] if oldest else None


def _is_shutdown(seen: Seen) -> bool:
    mode, state = seen.details.get("mode"), seen.details.get("state")
    return seen.what == Signal.AGENT_STATE and (mode == Mode.SHUTDOWN or state == AgentState.LOST_AGENT_LOCK)


# --- summaries


def _title(incident: Incident) -> str:
    what = "was lost" if incident.about is About.NODE else "is in error"
    return f"{incident.about} '{incident.subject}' {what} at {_date(incident.begun_s)} UTC"


def _of_node(incident: Incident) -> Iterator[str]:
    seen = [entry.seen for entry in incident.entries]
    if any(_is_shutdown(each) and each.details.get("mode") == Mode.SHUTDOWN for each in seen):
        yield "it was shut down in order: its agent had said so"
    yield from _fenced(incident, seen)
    yield from _recovered(incident)
    for each in seen:
        is_new = each.what == Kind.DAEMON_STATE and each.details.get("to") == CrmState.MASTER
        if is_new and each.at_s > incident.begun_s - _TAKEOVER_S:
            yield f"node '{each.by}' became master {_ago(incident, each.at_s)}"
    for each in seen:
        if each.what == Signal.GUESTS_ENDED:
            guests = each.details.get("guests", "")
            yield f"told after its return: it had ended these guests itself at {_date(each.at_s)}: {guests}"
    yield _return(incident, seen)


def _fenced(incident: Incident, seen: list[Seen]) -> Iterator[str]:
    done = next((each for each in seen if each.what == Kind.FENCE_ACK), None)
    tried = next((each for each in seen if each.what == Kind.FENCE_TRY), None)
    if done is not None:
        lock = any(each.what == Kind.LOCK_ACQUIRED and each.details.get("lock") != MANAGER_LOCK for each in seen)
        why = _AGENT_LOCK if lock else "a fence device confirmed that it is off"
        yield f"it was fenced {_ago(incident, done.at_s)}: {why}"
    elif tried is not None:
        yield f"it is being fenced since {_ago(incident, tried.at_s)}: neither its lock is free nor a device confirmed"
    else:
        yield "it was not fenced: no service of it had to be started elsewhere"


def _recovered(incident: Incident) -> Iterator[str]:
    if not incident.services:
        return
    states = Counter(incident.services.values())
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    yield f"services that it had: {len(incident.services)} ({told})"
    if incident.pending:
        yield f"not started again yet: {', '.join(sorted(incident.pending))}"
    last = max((entry.seen.at_s for entry in incident.entries if entry.seen.what == Kind.SERVICE_RECOVER), default=None)
    if last is not None:
        yield f"the last of them was given a node {_ago(incident, last)}"


def _return(incident: Incident, seen: list[Seen]) -> str:
    if incident.returned_s is None:
        return "it has not come back"
    booted = any(each.what == Signal.BOOTED and each.node == incident.subject for each in seen)
    how = "booted anew" if booted else "not booted meanwhile: it was cut off, or stood still"
    return f"it came back {_ago(incident, incident.returned_s)}, {how}"


def _in_error(incident: Incident) -> bool:
    return any(state.startswith(ServiceState.ERROR) for state in incident.services.values())


def _of_service(incident: Incident) -> Iterator[str]:
    own = [entry.seen for entry in incident.entries if entry.seen.sid == incident.subject]
    reasons = [each for each in own if each.what in _REASONS]
    yield from (sentence(each) for each in reasons[-1:])
    yield (
        f"nothing is done with it before somebody has looked: repair it, then ha-manager set {incident.subject} "
        "--state disabled, and started again"
    )


_REASONS: Final = frozenset({Kind.RELOCATE_EXHAUSTED, Kind.MOVE_FAILED, Kind.STOP_FAILED})


# --- times


def _timeline(incident: Incident) -> Iterator[str]:
    for entry in sorted(incident.entries, key=lambda each: each.seen.at_s):
        yield f"{_date(entry.seen.at_s)} {entry.seen.by}: {sentence(entry.seen)}{_again(entry)}"
    if incident.left_out:
        yield f"… and {incident.left_out} observations for which there was no room"


def _again(entry: Entry) -> str:
    return f" ({entry.times} times, last at {_date(entry.last_s)})" if entry.times > 1 else ""


def _date(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_s))


def _ago(incident: Incident, at_s: float) -> str:
    apart = at_s - incident.begun_s
    return f"{abs(apart):.0f} s {'before' if apart < 0 else 'after'} that"
