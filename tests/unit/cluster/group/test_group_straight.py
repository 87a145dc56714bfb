"""Two nodes and a witness: who comes straight from a working membership when views follow each other quickly."""

from __future__ import annotations

from dataclasses import replace

from hostd.cluster.fs.replicate import Adopt, Durable, Epoch, Gate, Position, Promise
from hostd.cluster.group.group import Group, Input, Output, Send, Written
from hostd.cluster.group.transport import Member, Quorum, Received, Ring, View

A, B = Member(1, 101), Member(2, 102)


class Pair:
    """Groups of both nodes; what one sends both receive, as long as both are in the view. Disks answer at once."""

    def __init__(self) -> None:
        disk = Durable(position=Position(1, 0), promised=1, origin="o", epoch=Epoch(1, "o", 0))
        self.groups = {own: Group(own, disk, (1, 2), 1000) for own in (A, B)}
        self.gates = dict.fromkeys((A, B), Gate(False, ""))
        self.sent: list[tuple[Member, bytes]] = []

    def step(self, own: Member, *inputs: Input) -> None:
        for what in inputs:
            self._do(own, self.groups[own].step(what))

    def _do(self, own: Member, outputs: list[Output]) -> None:
        group = self.groups[own]
        for output in outputs:
            match output:
                case Send():
                    self.sent.append((own, output.data))
                case Gate():
                    self.gates[own] = output
                case Promise():
                    self.step(own, Written(replace(group.durable, promised=output.number)))
                case Adopt():
                    position = Position(output.epoch.number, group.durable.position.sequence)
                    self.step(own, Written(replace(group.durable, position=position, epoch=output.epoch)))

    def settle(self, *members: Member) -> None:
        while self.sent:
            sender, data = self.sent.pop(0)
            for member in members:
                self.step(member, Received(sender, data))

    def together(self) -> None:
        ring = Ring(1, 4)
        for own in (A, B):
            self.step(own, View(ring, (A, B)), Quorum(True, ring))
        self.settle(A, B)
        assert self.gates[A].open
        assert self.gates[B].open


def test_a_node_that_is_shut_down_leaves_twice_and_the_other_one_goes_on() -> None:
    """First its daemon leaves the group, then its Corosync the ring, before the first is dealt with."""
    pair = Pair()
    pair.together()
    pair.step(A, View(Ring(1, 4), (A,)))
    assert not pair.gates[A].open
    pair.sent.clear()
    pair.step(A, View(Ring(1, 8), (A,)), Quorum(True, Ring(1, 8)))
    pair.settle(A)
    assert pair.gates[A].open


def test_a_ring_of_which_nothing_was_heard_may_have_been_the_other_ones() -> None:
    pair = Pair()
    pair.together()
    pair.step(A, View(Ring(1, 8), (A,)))
    pair.step(A, View(Ring(1, 12), (A,)), Quorum(True, Ring(1, 12)))
    pair.settle(A)
    assert "may hold newer changes" in pair.gates[A].reason


def test_a_ring_that_was_denied_was_the_other_ones() -> None:
    pair = Pair()
    pair.together()
    pair.step(A, View(Ring(1, 8), (A,)), Quorum(False, Ring(1, 8)), Quorum(True, Ring(1, 8)))
    pair.step(A, View(Ring(1, 12), (A,)), Quorum(True, Ring(1, 12)))
    pair.settle(A)
    assert "may hold newer changes" in pair.gates[A].reason
