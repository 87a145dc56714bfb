"""Who may go on, from whose state: each rule of authority.py with the case that it is there for."""

from __future__ import annotations

from hostd.cluster.fs.replicate import Position
from hostd.cluster.group import authority
from hostd.cluster.group.authority import Plan
from hostd.cluster.group.messages import Quorate, State
from hostd.cluster.group.transport import Member

S = b"session!"


def state(
    epoch: int, sequence: int, nodes: tuple[int, ...] = (), *, of: int = 2, promised: int = 0, origin: str = "o"
) -> State:
    return State(1, Position(epoch, sequence), promised or epoch, origin, origin, nodes, tuple(range(1, of + 1)))


def plan(states: dict[int, State], *, continuing: bool = False, fork: str = "") -> Plan | str:
    members = {Member(number, 1): each for number, each in states.items()}
    return authority.plan(members, {m: Quorate(S, continuing, fork) for m in members})


def test_the_most_advanced_state_wins_and_the_epoch_is_above_every_promise() -> None:
    found = plan({1: state(3, 90, of=3), 2: state(4, 10, of=3, promised=9)})
    assert isinstance(found, Plan)
    assert (found.winner.node_id, found.epoch.number, found.epoch.base) == (2, 10, 10)
    assert (found.epoch.nodes, found.epoch.forced) == ((1, 2), False)


def test_of_equals_the_lowest_wins() -> None:
    found = plan({2: state(3, 5), 1: state(3, 5)})
    assert isinstance(found, Plan)
    assert found.winner.node_id == 1


def test_a_lone_node_that_returns_waits() -> None:
    assert "(2)" in str(plan({1: state(3, 5, (1, 2))}))


def test_a_lone_node_that_goes_on_does_so() -> None:
    assert isinstance(plan({1: state(3, 5, (1, 2))}, continuing=True), Plan)


def test_a_lone_node_that_was_last_may_start_alone() -> None:
    assert isinstance(plan({1: state(3, 5, (1,))}), Plan)


def test_less_than_half_never_goes_on_by_itself() -> None:
    assert "less than half" in str(plan({1: state(3, 5, (1,), of=3)}, continuing=True))


def test_a_forced_node_starts_a_fork() -> None:
    found = plan({1: state(3, 5, (1, 2))}, fork="mine")
    assert isinstance(found, Plan)
    assert (found.epoch.mark, found.epoch.forced) == ("mine.4", True)


def test_a_fork_that_all_have_taken_over_is_not_continued_under_its_mark() -> None:
    """The others may go on with it at the same time, as a majority."""
    alone = plan({1: state(4, 7, (1, 2, 3), of=3, origin="mine.3")}, fork="mine")
    others = plan({n: state(4, 7, (1, 2, 3), of=3, origin="mine.3") for n in (2, 3)})
    assert isinstance(alone, Plan)
    assert isinstance(others, Plan)
    assert alone.epoch.number == others.epoch.number
    assert alone.epoch.mark != others.epoch.mark == "mine.3"


def test_a_half_that_is_forced_is_a_fork_even_if_it_goes_on() -> None:
    found = plan({1: state(3, 5, (1, 2))}, continuing=True, fork="mine")
    assert isinstance(found, Plan)
    assert (found.epoch.mark, found.epoch.forced) == ("mine.4", True)


def test_who_may_go_on_anyway_is_not_marked() -> None:
    found = plan({1: state(3, 5), 2: state(3, 5)}, fork="mine")
    assert isinstance(found, Plan)
    assert (found.epoch.mark, found.epoch.forced) == ("o", False)


def test_a_database_of_another_cluster_is_refused_and_an_empty_one_is_not() -> None:
    assert "different clusters" in str(plan({1: state(3, 5), 2: state(3, 4, origin="x")}))
    assert isinstance(plan({1: state(3, 5), 2: state(1, 0, origin="x")}), Plan)


def test_copies() -> None:
    assert authority.copies_needed({1, 2, 3}, {1, 2, 3, 4, 5}) == 3
    assert authority.copies_needed({1}, {1, 2}) == 1
    assert authority.copies_needed({1, 2, 3}, {1, 2, 3}) == 2
    assert authority.acknowledged({1: 9, 2: 7, 3: 1}, 2) == 7
