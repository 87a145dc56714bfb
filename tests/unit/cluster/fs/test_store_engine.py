"""Disk, then memory, then everybody: the order of things in the engine, and what happens when the disk fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from hostd.cluster.fs.database import Database
from hostd.cluster.fs.engine import PROOF, QUICK_BYTES, QUICK_ENTRIES, QUICK_S, Engine, Pace, Refusal
from hostd.cluster.fs.mutations import Cause, Write, new_inode
from hostd.cluster.fs.replicate import Deliver, Entry, Gate, LocalReplicator, Origin, Position, Proposal, evaluate
from hostd.cluster.fs.tree import Tree

Fault = Callable[[str], None]


def write(path: str, data: bytes = b"x") -> Write:
    return Write(path=path, data=data, inode=new_inode())


def with_engine(place: Path, body: Callable[[Engine], Awaitable[None]], fault: Fault = lambda point: None) -> None:
    async def main() -> None:
        database = Database(place, fault=fault)
        try:
            engine = Engine(database, "a", fault=fault, clock_ns=lambda: 7)
            async with trio.open_nursery() as nursery:
                await nursery.start(engine.run)
                await body(engine)
                nursery.cancel_scope.cancel()
        finally:
            database.close()

    trio.run(main)


def test_to_disk_before_memory_and_listeners(tmp_path: Path) -> None:
    seen: list[str] = []
    engines: list[Engine] = []

    def fault(point: str) -> None:
        if engines:
            seen.append(f"{point} {'in' if engines[0].tree.find('a') else 'not in'} memory")

    async def body(engine: Engine) -> None:
        engines.append(engine)
        engine.listen(lambda entry, from_mount: seen.append(f"told {entry.position.sequence} {from_mount}"))
        node = await engine.submit(write("a"), from_mount=True)
        seen.append("answered")
        assert node is not None
        assert (node.version, node.mtime_ns) == (1, 7)

    with_engine(tmp_path / "db", body, fault)
    assert seen == [
        "begin not in memory",
        "written not in memory",
        "committed not in memory",
        "durable not in memory",
        "told 1 True",
        "published in memory",
        "answered",
    ]


def test_what_comes_together_is_committed_together(tmp_path: Path) -> None:
    transactions = 0

    def fault(point: str) -> None:
        nonlocal transactions
        transactions += point == "begin"

    async def body(engine: Engine) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(500):
                nursery.start_soon(engine.submit, write(f"f{number}"))
        assert engine.tree.version == 500

    with_engine(tmp_path / "db", body, fault)
    assert 3 <= transactions <= 6


def test_a_refusal_hurts_nobody_else(tmp_path: Path) -> None:
    async def body(engine: Engine) -> None:
        causes: list[Cause] = []

        async def attempt() -> None:
            try:
                await engine.submit(Write(path="a", data=b"", inode=new_inode(), if_version=0))
            except Refusal as err:
                causes.append(err.cause)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(attempt)
        assert causes == [Cause.EXISTS] * 4
        assert engine.tree.version == 1

    with_engine(tmp_path / "db", body)


def test_a_full_disk_refuses_and_goes_on(tmp_path: Path) -> None:
    full = False

    def fault(point: str) -> None:
        if full and point == "written":
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    async def body(engine: Engine) -> None:
        nonlocal full
        await engine.submit(write("a"))
        full = True
        with pytest.raises(Refusal, match="no space left") as caught:
            await engine.submit(write("b"))
        assert caught.value.cause is Cause.FULL
        assert engine.tree.find("b") is None
        full = False
        await engine.submit(write("c"))
        assert engine.tree.version == 2

    with_engine(tmp_path / "db", body, fault)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    ("killed_at", "expected"),
    [("begin", 0), ("written", 0), ("committed", 3), ("durable", 3), ("published", 3)],
)
def test_killed_between_disk_and_memory(tmp_path: Path, killed_at: str, expected: int) -> None:
    """A group is there after the next start if and only if its transaction was committed, seen by anybody or not."""
    outcomes: list[Cause] = []

    def fault(point: str) -> None:
        if point == killed_at:
            raise Killed

    async def attempt(engine: Engine, path: str) -> None:
        try:
            await engine.submit(write(path))
        except Refusal as err:
            outcomes.append(err.cause)

    async def body(engine: Engine) -> None:
        async with trio.open_nursery() as nursery:
            for path in ("a", "b", "c"):
                nursery.start_soon(attempt, engine, path)

    with pytest.raises(BaseExceptionGroup) as group:
        with_engine(tmp_path / "db", body, fault)
    assert group.group_contains(Killed)
    assert outcomes == [Cause.UNKNOWN] * 3

    async def look(engine: Engine) -> None:
        assert engine.tree.version == expected
        assert [path for path in ("a", "b", "c") if engine.tree.find(path)] == ["a", "b", "c"][:expected]

    with_engine(tmp_path / "db", look)


def test_a_failing_disk_ends_the_engine_and_the_outcome_is_unknown(tmp_path: Path) -> None:
    def fault(point: str) -> None:
        if point == "written":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error

    caught: list[Refusal] = []

    async def body(engine: Engine) -> None:
        try:
            await engine.submit(write("a"))
        except Refusal as err:
            caught.append(err)
        await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as group:
        with_engine(tmp_path / "db", body, fault)
    assert group.group_contains(sqlite3.OperationalError, match="disk I/O error")
    assert [err.cause for err in caught] == [Cause.UNKNOWN]


def test_a_closed_gate_refuses_at_once(tmp_path: Path) -> None:
    async def body(engine: Engine) -> None:
        engine.gate = Gate(False, "no quorum")
        with pytest.raises(Refusal, match="read-only: no quorum") as caught:
            await engine.submit(write("a"))
        assert caught.value.cause is Cause.CLOSED

    with_engine(tmp_path / "db", body)


def test_a_caller_that_is_cancelled_still_gets_its_outcome(tmp_path: Path) -> None:
    async def body(engine: Engine) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await engine.submit(write("a"))
        assert engine.tree.find("a") is not None

    with_engine(tmp_path / "db", body)


def test_the_local_replicator_keeps_the_order_and_says_when_to_look() -> None:
    woken: list[bool] = []
    replicator = LocalReplicator(3, lambda: woken.append(True))
    assert replicator.poll() == [Gate(True)]
    assert replicator.poll() == []
    origin = Origin(node="a", time_ns=0)
    proposals = [Proposal(id=n, mutation=write(f"f{n}"), origin=origin) for n in range(450)]
    for proposal in proposals:
        replicator.propose(proposal)
    assert len(woken) == 450
    delivered: list[Proposal] = []
    while events := replicator.poll():
        (event,) = events
        assert isinstance(event, Deliver)
        assert event.epoch == 3
        assert len(event.proposals) <= 200
        delivered += event.proposals
    assert delivered == proposals
    replicator.durable(Position(3, 1))
    assert len(woken) == 451


def entry(data: bytes) -> Entry:
    return evaluate(Tree([]), 1, [Proposal(id=1, mutation=write("a", data), origin=Origin(node="a", time_ns=0))])[0]


def test_only_a_quick_disk_is_written_in_the_loop_and_only_little() -> None:
    pace = Pace()
    for _ in range(PROOF):
        assert not pace.is_quick([entry(b"x")])
        pace.took(QUICK_S / 2)
    assert pace.is_quick([entry(b"x")])
    assert not pace.is_quick([entry(b"x")] * (QUICK_ENTRIES + 1))
    assert not pace.is_quick([entry(bytes(QUICK_BYTES + 1))])
    pace.took(QUICK_S * 2)
    assert not pace.is_quick([entry(b"x")])


def at_once(engine: Engine, path: str, data: bytes) -> str:
    """Begin a change: "done" or "refused" where that was all, "waits" where it goes on, which then is given up."""
    change = engine.submit(write(path, data))
    try:
        change.send(None)
    except StopIteration:
        return "done"
    except Refusal as err:
        return f"refused: {err.cause.name}"
    change.close()
    return "waits"


def test_a_change_that_is_said_to_be_made_at_once_is(tmp_path: Path) -> None:
    async def body(engine: Engine) -> None:
        while engine._pace.quick < PROOF:
            assert not engine.is_at_once(1), "the disk has not shown that it is quick"
            await engine.submit(write(f"f{engine.tree.version}"))
        for size in (0, 1, QUICK_BYTES):
            assert engine.is_at_once(size)
            assert at_once(engine, f"size{size}", bytes(size)) == "done"
            assert engine._pace.quick >= PROOF, "this test needs a disk that commits within milliseconds"
        assert not engine.is_at_once(QUICK_BYTES + 1)
        engine._replicator.propose(Proposal(id=-1, mutation=write("other"), origin=Origin(node="b", time_ns=0)))
        assert not engine.is_at_once(1), "another change comes first"
        await engine.submit(write("last"))
        assert engine.is_at_once(1)
        assert engine.tree.find("other") is not None

    with_engine(tmp_path / "db", body)


def test_a_disk_that_fails_under_a_caller_ends_the_engine(tmp_path: Path) -> None:
    """Also where the caller's own task took what was delivered."""
    broken = False

    def fault(point: str) -> None:
        if broken and point == "written":
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

    async def main() -> None:
        nonlocal broken
        database = Database(tmp_path / "db", fault=fault)
        engine = Engine(database, "a")
        ended: list[BaseException] = []

        async def run(task_status: trio.TaskStatus[None]) -> None:
            try:
                await engine.run(task_status=task_status)
            except sqlite3.Error as err:
                ended.append(err)

        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            while engine._pace.quick < PROOF:
                await engine.submit(write(f"f{engine.tree.version}"))
            broken = True
            assert engine.is_at_once(1)
            assert at_once(engine, "lost", b"x") == "refused: UNKNOWN"
            assert not engine.is_at_once(1)
            with pytest.raises(Refusal) as closed:
                await engine.submit(write("later"))
            assert closed.value.cause is Cause.CLOSED
        assert [str(err) for err in ended] == ["disk I/O error"]
        assert engine.tree.find("lost") is None
        database.close()

    trio.run(main)
