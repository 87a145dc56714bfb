"""Corosync's events as the store sees them; results of C calls as exceptions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hostd.cluster.corosync import cmap, library, votequorum
from hostd.cluster.corosync.cpg import Change, Message, RingChange
from hostd.cluster.corosync.transport import Verdicts, Views
from hostd.cluster.group.transport import Event, Lost, Member, Quorum, Received, Ring, View
from hostd.core.errors import Unavailable

A, B, C = Member(1, 10), Member(2, 20), Member(3, 30)
R1, R2 = Ring(1, 4), Ring(1, 8)


def change(
    members: list[Member], *, joined: Sequence[Member] = (), left: Sequence[Member] = (), by_node: bool = False
) -> Change:
    return Change(tuple(members), tuple(joined), tuple(left), by_node)


def seen(views: Views, *events: Change | Message | RingChange) -> list[Event]:
    return [event for e in events if (event := views.take(e)) is not None]


def started() -> Views:
    views = Views(A)
    assert seen(views, change([A, B], joined=[A]), RingChange(R1, (1, 2))) == [View(R1, (A, B), (A,), ())]
    return views


def test_the_first_view_waits_for_its_ring_unless_it_was_told_before() -> None:
    started()
    early = [RingChange(R1, (1,)), RingChange(R2, (1, 2)), change([A, B], joined=[A])]
    assert seen(Views(A), *early) == [View(R2, (A, B), (A,), ())]


def test_a_process_comes_and_goes_in_the_same_ring() -> None:
    assert seen(started(), change([A], left=[B]), change([A, C], joined=[C])) == [
        View(R1, (A,), (), (B,)),
        View(R1, (A, C), (C,), ()),
    ]


def test_a_change_of_nodes_is_one_view_with_the_new_ring() -> None:
    events = seen(
        started(),
        Message(B, b"before"),
        change([A], left=[B], by_node=True),
        change([A, C], joined=[C], by_node=True),
        RingChange(R2, (1, 3)),
        Message(C, b"after"),
    )
    assert events == [Received(B, b"before"), View(R2, (A, C), (C,), (B,)), Received(C, b"after")]


def test_a_member_that_left_and_came_back_at_once_is_in_both() -> None:
    gone, back = change([A], left=[B], by_node=True), change([A, B], joined=[B], by_node=True)
    assert seen(started(), gone, back, RingChange(R2, (1, 2))) == [View(R2, (A, B), (B,), (B,))]


def test_a_ring_that_changes_only_other_nodes_is_a_view() -> None:
    assert seen(started(), RingChange(R2, (1, 2, 3)), RingChange(R2, (1, 2, 3))) == [View(R2, (A, B), (), ())]


def test_what_cannot_be_ordered_ends_the_transport() -> None:
    (lost,) = seen(started(), change([A], left=[B], by_node=True), Message(B, b"x"))
    assert isinstance(lost, Lost)
    (lost,) = seen(started(), change([B], left=[A]))
    assert isinstance(lost, Lost)
    assert "removed this process" in lost.reason


def test_a_verdict_is_about_the_ring_told_before() -> None:
    verdicts = Verdicts()
    member = {1: votequorum.State.MEMBER}
    events = [
        votequorum.Verdict(False, member),  # the state at the start may come before its ring
        votequorum.Nodes(R1, (1,)),
        votequorum.Expected(3),
        votequorum.Nodes(R2, (1, 2)),
        votequorum.Verdict(True, member),
    ]
    assert [q for e in events if (q := verdicts.take(e))] == [Quorum(False, R1), Quorum(True, R2)]


@pytest.mark.parametrize(
    ("result", "kind", "text"),
    [
        (2, library.Gone, "cpg_x: CS_ERR_LIBRARY (Corosync does not answer"),
        (9, library.Gone, "cpg_x: CS_ERR_BAD_HANDLE"),
        (6, library.TryAgain, "cpg_x: CS_ERR_TRY_AGAIN"),
        (12, library.Missing, "cpg_x: CS_ERR_NOT_EXIST"),
        (11, library.EngineError, "cpg_x: CS_ERR_ACCESS (Corosync refuses this user"),
        (77, library.EngineError, "cpg_x: CS_ERR_77"),
    ],
)
def test_results_have_names(result: int, kind: type[library.EngineError], text: str) -> None:
    error = library.failure("cpg_x", result)
    assert type(error) is kind
    assert str(error).startswith(text)
    assert error.code == result


def test_an_exception_of_a_callback_reaches_the_caller_once() -> None:
    inbox = library.Inbox[str]("cpg_dispatch", lambda _handle, _flags: library.Code.TRY_AGAIN)

    def fails() -> None:
        raise KeyError("inside")

    inbox.wrap(fails)()
    with pytest.raises(KeyError, match="inside"):
        inbox.take(library.Handle(), 1)
    assert inbox.take(library.Handle(), 1) == []


def test_a_missing_library_is_named_with_its_package() -> None:
    with pytest.raises(Unavailable, match="libnothing4"):
        library.Library("libnothing.so.4", "libnothing4")


def test_values_of_the_map() -> None:
    assert cmap.decode(b"abc\0", 11) == "abc"
    assert cmap.decode((7).to_bytes(4, "little"), 6) == 7
    assert cmap.decode((2**32 - 3).to_bytes(4, "little"), 5) == -3
    assert cmap.decode(b"\0\1", 12) == b"\0\1"
