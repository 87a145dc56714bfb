"""What was seen becomes incidents, and incidents become accounts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.core.errors import ParseError
from hostd.ha import accounts, incidents
from hostd.ha.accounts import account, sentence
from hostd.ha.events import Kind
from hostd.ha.incidents import ENTRIES, HISTORY, KEPT, OLDEST_S, RETURN_S, SERVICES, SETTLE_S, Book, Incident
from hostd.ha.observed import AgentSeen, LinkSeen, Look, Seen, Signal, changes

T0 = 1_700_000_000.0


def seen(at_s: float, what: str, node: str = "", sid: str = "", /, by: str = "a", **details: str) -> Seen:
    return Seen(at_s=T0 + at_s, by=by, what=what, node=node, sid=sid, details=details)


def state(at_s: float, sid: str, before: str, to: str, node: str = "b") -> Seen:
    return seen(at_s, Kind.SERVICE_STATE, node, sid, **{"from": before, "to": to, "node": node})


def node_state(at_s: float, node: str, before: str, to: str) -> Seen:
    return seen(at_s, Kind.NODE_STATE, node, **{"from": before, "to": to, "node": node})


def book_of(*observations: Seen) -> Book:
    book = Book()
    for each in observations:
        book = incidents.take(book, each)
    return book


def only(book: Book) -> Incident:
    (found,) = book.incidents.values()
    return found


LOST = (
    seen(-300, Signal.LINK_DOWN, "b", link="0", downs="1"),
    seen(-299, Signal.LINK_UP, "b", link="0"),
    seen(-9, Signal.LINK_DOWN, "b", link="0", downs="2"),
    seen(-7, Signal.MEMBER_LOST, "b"),
    seen(-7, Signal.VOTES, votes="2", needed="2"),
    seen(-5, Signal.LINK_DOWN, "c", link="0", downs="1"),
    node_state(0, "b", "online", "unknown"),
)
FENCED = (
    state(61, "vm:100", "started", "fence"),
    node_state(61, "b", "unknown", "fence"),
    seen(61, Kind.FENCE_TRY, "b", node="b"),
    seen(132, Kind.LOCK_ACQUIRED, "b", lock="ha_agent_b_lock"),
    seen(132, Kind.FENCE_ACK, "b", node="b"),
    node_state(132, "b", "fence", "unknown"),
    state(132, "vm:100", "fence", "recovery"),
    seen(132, Kind.SERVICE_RECOVER, "", "vm:100", **{"from": "b", "to": "c"}),
    state(132, "vm:100", "recovery", "started", "c"),
)


def test_a_lost_node_from_its_first_sign_to_its_return() -> None:
    book = book_of(*LOST)
    found = only(book)
    assert (found.id, found.subject, found.due) == ("20231114T221320-b", "b", False)
    book = incidents.take(book, FENCED[0])
    assert only(book).pending == {"vm:100"}
    for each in FENCED[1:]:
        book = incidents.take(book, each)
    found = only(book)
    assert (found.pending, found.services, found.due) == (frozenset(), {"vm:100": "started on c"}, True)
    told = account(found)
    assert told.first == "9 s before that link 0 from 'a' to 'b' went down (2 times by now)"
    assert told.well
    text = "\n".join(told.summary)
    assert "it was fenced 132 s after that: its agent's lock was free" in text
    assert "services that it had: 1 (1 started on c)" in text
    assert "it has not come back" in text
    assert not [line for line in told.timeline if "to 'c' went down" in line]
    assert "2023-11-14 22:13:13 a: node 'b' left the cluster's membership" in told.timeline

    book = incidents.told(book, found.id)
    assert not incidents.tick(book, T0 + 500).due
    for each in (
        seen(400, Signal.BOOTED, "b"), node_state(400, "b", "unknown", "online"), seen(405, Signal.AGENT_HEARD, "b"),
    ):  # fmt: skip
        book = incidents.take(book, each)
    assert not incidents.tick(book, T0 + 400 + RETURN_S - 1).due
    book = incidents.tick(book, T0 + 400 + RETURN_S)
    assert [each.id for each in book.due] == [found.id]
    assert "it came back 400 s after that, booted anew" in account(only(book)).summary
    assert not only(book).is_open


def test_a_fence_device_that_worked_is_told() -> None:
    without_lock = [each for each in FENCED if each.what != Kind.LOCK_ACQUIRED]
    device = seen(70, Signal.DEVICE, "b", text="switched off by fence_apc")
    told = account(only(book_of(*LOST, *without_lock[:3], device, *without_lock[3:])))
    assert "it was fenced 132 s after that: a fence device confirmed that it is off" in told.summary
    assert [line for line in told.timeline if "switched off by fence_apc" in line]


def test_while_it_is_being_fenced() -> None:
    found = only(book_of(*LOST, *FENCED[:3]))
    told = account(found)
    assert not told.well
    assert [line for line in told.summary if line.startswith("it is being fenced since 61 s after that")]
    assert "not started again yet: vm:100" in told.summary
    assert accounts.row(found)["state"] == "recovering"


def test_a_node_without_services_and_one_that_comes_back_soon() -> None:
    book = book_of(*LOST)
    assert not incidents.tick(book, T0 + SETTLE_S - 1).due
    book = incidents.tick(book, T0 + SETTLE_S)
    assert "it was not fenced: no service of it had to be started elsewhere" in account(book.due[0]).summary
    book = incidents.told(book, book.due[0].id)
    assert not incidents.tick(book, T0 + SETTLE_S + 50).due
    soon = incidents.take(book_of(*LOST), node_state(20, "b", "unknown", "online"))
    told = account(only(incidents.tick(soon, T0 + 20 + RETURN_S)))
    assert told.summary[-1] == "it came back 20 s after that, not booted meanwhile: it was cut off, or stood still"


def test_a_node_that_is_lost_again_while_it_returns_is_the_same_incident() -> None:
    book = book_of(
        *LOST, node_state(20, "b", "unknown", "online"), node_state(25, "b", "online", "unknown")
    )  # fmt: skip
    assert only(incidents.tick(book, T0 + 25 + RETURN_S)).is_open


def test_a_node_that_never_returns_is_closed_in_the_end() -> None:
    book = incidents.tick(book_of(*LOST, *FENCED), T0 + OLDEST_S)
    assert not only(book).is_open


def test_a_shutdown_in_order_is_told_as_such_and_maintenance_is_no_loss() -> None:
    shutdown = seen(-12, Signal.AGENT_STATE, "b", state="active", mode="shutdown")
    told = account(only(book_of(shutdown, *LOST[3:4], LOST[-1])))
    assert told.first == "12 s before that the agent of node 'b' says: active shutdown"
    assert told.summary[0] == "it was shut down in order: its agent had said so"
    assert not book_of(node_state(0, "b", "maintenance", "unknown")).incidents


def test_guests_that_a_node_ended_itself() -> None:
    ended = seen(62, Signal.GUESTS_ENDED, "b", guests="vm:100")
    told = account(only(book_of(*LOST, *FENCED, ended)))
    assert "told after its return: it had ended these guests itself at 2023-11-14 22:14:22: vm:100" in told.summary
    late = only(book_of(ended))
    assert late.subject == "b"
    assert not incidents.tick(book_of(ended), T0 + 62 + RETURN_S).incidents[late.id].is_open


def test_a_service_in_error() -> None:
    book = book_of(
        seen(-3, Signal.MEMBER_LOST, "z"),
        seen(-2, Kind.START_FAILED_RELOCATE, "a", "vm:100", node="a"),
        seen(0, Kind.RELOCATE_EXHAUSTED, "", "vm:100", failed_nodes="a,c"),
        state(0, "vm:100", "started", "error", "c"),
    )
    found = only(book)
    assert (found.id, found.due, found.is_open) == ("20231114T221320-vm-100", True, False)
    told = account(found)
    assert not told.well
    assert told.summary[0] == "service 'vm:100' did not start on a,c, and max_relocate allows no further node"
    assert "ha-manager set vm:100" in told.summary[1]
    assert len(told.timeline) == 3
    assert accounts.row(found)["about"] == "service"


def test_a_new_master_goes_on_with_what_the_old_one_had_stored() -> None:
    stored = only(book_of(*LOST))
    watching = book_of(seen(50, Signal.LINK_DOWN, "b", by="c", link="1", downs="9"), seen(55, Signal.MEMBER_LOST, "q"))
    book = incidents.merged(watching, [stored])
    assert [each.seen.by for each in only(book).entries][-1] == "c"
    for each in FENCED:
        book = incidents.take(book, each)
    assert only(book).due
    assert len(book.incidents) == 1


def test_everything_is_bounded() -> None:
    book = book_of(*LOST)
    for number in range(3 * ENTRIES):
        book = incidents.take(book, state(1 + number / 100, f"vm:{number}", "started", "fence"))
    found = only(book)
    assert len(found.entries) == ENTRIES
    of_node_c = 1
    assert found.left_out == 3 * ENTRIES + len(LOST) - of_node_c - ENTRIES
    assert [line for line in account(found).timeline if "no room" in line]
    assert len(found.services) <= SERVICES
    for number in range(2 * HISTORY):
        book = incidents.take(book, state(100, f"vm:{number}", "started", "error"))
    assert len(book.history) == HISTORY
    assert len(book.incidents) == KEPT
    assert found.id in book.incidents
    again = book_of(*LOST, *(seen(t, Kind.SERVICE_RECOVER_FAILED, "b", "vm:1") for t in range(1, 50)))
    last = only(again).entries[-1]
    assert (last.times, last.last_s) == (49, T0 + 49)
    assert account(only(again)).timeline[-1].endswith("(49 times, last at 2023-11-14 22:14:09)")


def test_an_incident_is_stored_and_read() -> None:
    for book in (book_of(*LOST), book_of(*LOST, *FENCED, *FENCED[2:3])):
        found = only(book)
        assert incidents.from_wire(json.loads(json.dumps(incidents.to_wire(found)))) == found
    for broken in ({}, {"id": "x", "about": "weather"}, {**incidents.to_wire(only(book_of(*LOST))), "entries": [{}]}):
        with pytest.raises(ParseError):
            incidents.from_wire(broken)


def test_every_word_can_be_told() -> None:
    for what in (*Signal, *Kind):
        assert sentence(seen(0, what, "b", "vm:100", lock="x", **{"from": "p", "to": "q"}))
    assert sentence(seen(0, "of_tomorrow", "b", how="so")) == "of_tomorrow node=b how=so"


# --- from look to look


def look(**changed: object) -> Look:
    usual: dict[str, object] = {
        "members": {"a": True, "b": True}, "votes": (2, 2), "links": {("b", 0): LinkSeen(connected=True)},
        "agents": {"b": AgentSeen(state="active", mode="active", boot="1")},
    }  # fmt: skip
    return Look(**{**usual, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (look(), []),
        (look(links={("b", 0): LinkSeen(connected=False, downs=1)}), ["link_down"]),
        (look(links={("b", 0): LinkSeen(connected=True, downs=1)}), ["link_down", "link_up"]),
        (look(links={("b", 0): LinkSeen(connected=True, loses=True)}), ["link_loses"]),
        (look(links=None, votes=None), []),
        (look(links={("c", 0): LinkSeen(connected=False)}), []),
        (look(members={"a": True, "b": False}), ["member_lost"]),
        (look(quorate=False, votes=(1, 2)), ["quorum_lost", "votes"]),
        (look(agents={"b": AgentSeen(state="active", mode="active", boot="1", silent=True)}), ["agent_silent"]),
        (look(agents={"b": AgentSeen(state="active", mode="shutdown", boot="1")}), ["agent_state"]),
        (look(agents={"b": AgentSeen(state="active", mode="active", boot="2")}), ["booted"]),
        (look(agents={}), []),
        (look(agents={"b": AgentSeen(state="active", mode="active", boot="1", ended_s=9, ended=("vm:1",))}),
         ["guests_ended"]),
    ],
)  # fmt: skip
def test_what_changed(after: Look, told: list[str]) -> None:
    found = changes(look(), after, at_s=5.0, by="a")
    assert [each.what for each in found] == told
    assert all(each.at_s == (9.0 if each.what == "guests_ended" else 5.0) for each in found)
    assert changes(after, after, at_s=6.0, by="a") == []


_WORDS = st.sampled_from(["started", "fence", "recovery", "error", "online", "unknown", "maintenance", "master", ""])
_SEEN = st.builds(
    Seen,
    at_s=st.floats(0, 2e9),
    by=st.sampled_from(["a", "b"]),
    what=st.sampled_from([*Signal, *Kind, "of_tomorrow"]),
    node=st.sampled_from(["", "a", "b", "c"]),
    sid=st.sampled_from(["", "vm:1", "ct:2"]),
    details=st.dictionaries(st.sampled_from(["from", "to", "node", "lock", "mode", "link", "guests"]), _WORDS),
)


@given(st.lists(_SEEN, max_size=60))
def test_whatever_is_seen_can_be_kept_stored_and_told(observations: list[Seen]) -> None:
    book = Book()
    for each in observations:
        book = incidents.tick(incidents.take(book, each), each.at_s)
        if book.due:
            book = incidents.told(book, book.due[0].id)
    for incident in book.incidents.values():
        assert incidents.from_wire(json.loads(json.dumps(incidents.to_wire(incident)))).subject == incident.subject
        assert account(incident).lines()
        assert accounts.row(incident)["incident"] == incident.id
    again = incidents.merged(book, [incidents.from_wire(incidents.to_wire(each)) for each in book.incidents.values()])
    assert set(again.incidents) == set(book.incidents)
