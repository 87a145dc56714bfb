"""Values that nodes tell each other: several ``Values`` joined by hand, and the loop that carries them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence

import pytest
import trio

from hostd.cluster.corosync.library import Gone
from hostd.cluster.fs import channel
from hostd.cluster.fs.channel import Channel
from hostd.cluster.group import values
from hostd.cluster.group.transport import Event, Lost, Member, Received, Ring, View
from hostd.cluster.group.values import Refused, Told, Values
from hostd.core.errors import ParseError

ONE, TWO, TWO_AGAIN = Member(1, 10), Member(2, 20), Member(2, 21)
RING = Ring(1, 4)


def view(*members: Member, joined: tuple[Member, ...] = (), left: tuple[Member, ...] = ()) -> View:
    return View(RING, members, joined, left)


def sent(of: Values) -> list[bytes]:
    found = []
    while (message := of.next_message()) is not None:
        found.append(message)
        of.sent()
    return found


def heard(at: Values, sender: Member, messages: list[bytes], own: Member = ONE) -> list[Told]:
    return [told for message in messages for told in at.take(Received(sender, message), own)]


@pytest.fixture
def one() -> Values:
    return Values("a")


@pytest.fixture
def two() -> Values:
    return Values("b")


def test_a_value_is_known_here_at_once_and_there_when_it_has_come(one: Values, two: Values) -> None:
    assert two.publish("sample", b"1") == [Told("b", "sample", b"1")]
    assert two.all() == [Told("b", "sample", b"1")]
    assert heard(one, TWO, sent(two)) == [Told("b", "sample", b"1")]
    assert one.all() == [Told("b", "sample", b"1")]


def test_an_unchanged_value_is_not_sent_again(one: Values, two: Values) -> None:
    two.publish("sample", b"1")
    assert len(sent(two)) == 1
    assert two.publish("sample", b"1") == []
    assert sent(two) == []


def test_of_a_flood_only_the_newest_value_of_each_key_is_sent(two: Values) -> None:
    for number in range(1000):
        two.publish("sample", str(number).encode())
        two.publish("tasks", str(number).encode())
    assert [values.decode(message) for message in sent(two)] == [
        Told("b", "sample", b"999"),
        Told("b", "tasks", b"999"),
    ]


def test_keys_take_turns(two: Values) -> None:
    two.publish("sample", b"1")
    two.publish("tasks", b"1")
    two.publish("sample", b"2")
    first = two.next_message()
    assert first is not None
    assert values.decode(first) == Told("b", "sample", b"2")
    two.sent()
    two.publish("sample", b"3")
    assert [told and told.key for told in map(values.decode, sent(two))] == ["tasks", "sample"]


def test_a_removed_value_is_gone_everywhere(one: Values, two: Values) -> None:
    two.publish("sample", b"1")
    heard(one, TWO, sent(two))
    assert two.publish("sample", None) == [Told("b", "sample", None)]
    assert two.publish("sample", None) == []
    assert heard(one, TWO, sent(two)) == [Told("b", "sample", None)]
    assert one.all() == two.all() == []


def test_a_member_that_leaves_takes_its_values_along(one: Values, two: Values) -> None:
    one.publish("sample", b"mine")
    two.publish("sample", b"1")
    heard(one, TWO, sent(two))
    assert one.take(view(ONE, left=(TWO,)), ONE) == [Told("b", "sample", None)]
    assert one.all() == [Told("a", "sample", b"mine")]


def test_a_member_that_joins_is_told_everything(one: Values) -> None:
    one.publish("sample", b"1")
    one.publish("tasks", b"2")
    sent(one)
    assert one.take(view(ONE, TWO, joined=(TWO,)), ONE) == []
    assert len(sent(one)) == 2
    one.take(view(ONE, left=(TWO,)), ONE)
    assert sent(one) == []


def test_a_daemon_that_came_back_is_not_forgotten_with_its_past(one: Values, two: Values) -> None:
    two.publish("sample", b"1")
    two.publish("tasks", b"1")
    heard(one, TWO, sent(two))
    again = Values("b")
    again.publish("sample", b"2")
    heard(one, TWO_AGAIN, sent(again))
    assert one.take(view(ONE, TWO_AGAIN, left=(TWO,)), ONE) == [Told("b", "tasks", None)]
    assert one.all() == [Told("b", "sample", b"2")]


def test_without_the_engine_only_own_values_are_known(one: Values, two: Values) -> None:
    one.publish("sample", b"mine")
    two.publish("sample", b"1")
    heard(one, TWO, sent(two))
    assert one.take(Lost("gone"), ONE) == [Told("b", "sample", None)]
    assert one.all() == [Told("a", "sample", b"mine")]


def test_nobody_speaks_for_this_node(one: Values) -> None:
    one.publish("sample", b"mine")
    assert heard(one, TWO, [values.encode("a", "sample", zlib.compress(b"forged"))]) == []
    assert heard(one, ONE, [values.encode("b", "sample", zlib.compress(b"echo"))]) == []
    assert one.all() == [Told("a", "sample", b"mine")]


def test_sizes_are_bounded(one: Values) -> None:
    with pytest.raises(Refused, match="compressed; 4194304 and 262144 are allowed"):
        one.publish("sample", os.urandom(300_000))
    with pytest.raises(Refused):
        one.publish("sample", bytes(values.MAX_PLAIN_BYTES + 1))
    with pytest.raises(Refused):
        one.publish("k" * 129, b"")
    for number in range(values.MAX_KEYS):
        one.publish(str(number), b"")
    with pytest.raises(Refused, match="at most 64"):
        one.publish("more", b"")
    one.publish("0", b"changed")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        values.encode("b", "k", b"no zlib"),
        values.encode("b", "k", zlib.compress(bytes(values.MAX_PLAIN_BYTES + 1))),
        values.encode("b", "k", zlib.compress(b"cut off")[:-3]),
    ],
)
def test_what_is_no_value_is_refused(one: Values, message: bytes) -> None:
    with pytest.raises(ParseError):
        heard(one, TWO, [message])
    assert one.all() == []


def test_a_newer_protocol_is_not_for_us(one: Values) -> None:
    newer = values.encode("b", "k", zlib.compress(b"1")).replace(b"\x94\x01", b"\x94\x02", 1)
    assert heard(one, TWO, [newer]) == []


class Wire:
    """A transport over a pipe, whose events a test gives; ``busy`` refuses that many sends."""

    max_message_bytes = 1 << 20
    own = ONE

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._events: list[Event] = []
        self.out: list[bytes] = []
        self.busy = 0
        self.closed = False

    def happen(self, *events: Event) -> None:
        self._events += events
        os.write(self._write, b"x")

    def send(self, data: bytes) -> bool:
        if self.busy:
            self.busy -= 1
            return False
        self.out.append(data)
        return True

    def poll(self) -> Sequence[Event]:
        os.read(self._read, 100)
        events, self._events = self._events, []
        return events

    def fileno(self) -> int:
        return self._read

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._read)
            os.close(self._write)


async def until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not holds():
            await trio.sleep(0.005)


def test_the_loop_carries_values_and_survives_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "RETRY_S", 0.01)
    monkeypatch.setattr(channel, "PAUSE_S", 0.001)
    wires, told = [Wire(), Wire()], list[Told]()
    attempts = iter([None, wires[0], None, wires[1]])

    def connect() -> Wire:
        found = next(attempts)
        if found is None:
            raise Gone("cpg_model_initialize", 2)
        return found

    async def body() -> None:
        made = Channel("a")
        made.listen(told.extend)
        made.publish("sample", b"1")
        assert told == [Told("a", "sample", b"1")]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run, connect)
            first, second = wires
            first.busy = 3
            await until(lambda: len(first.out) == 1)
            first.happen(Received(TWO, b"rubbish"), Received(TWO, values.encode("b", "k", zlib.compress(b"2"))))
            await until(lambda: Told("b", "k", b"2") in told)
            first.happen(Lost("engine stopped"))
            await until(lambda: Told("b", "k", None) in told)
            second.happen(view(ONE, TWO, joined=(ONE, TWO)))
            await until(lambda: len(second.out) == 1)
            assert first.closed
            nursery.cancel_scope.cancel()
        assert second.closed

    trio.run(body)
