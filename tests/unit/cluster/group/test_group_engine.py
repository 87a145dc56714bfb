"""Three engines with real databases, joined by ordered messages in memory: what one writes all have."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from hostd.cluster.fs.database import Database
from hostd.cluster.fs.engine import Engine, Refusal
from hostd.cluster.fs.mutations import Cause, Write, new_inode
from hostd.cluster.fs.paths import MAX_FILE_BYTES
from hostd.cluster.fs.replicate import Fetch
from hostd.cluster.group.replicator import GroupReplicator
from hostd.cluster.group.transport import Event, Member, Quorum, Received, Ring, View

NODES = (1, 2, 3)


@dataclass
class Bus:
    """Messages in one order, at once; views as told."""

    wires: dict[int, Wire] = field(default_factory=dict)
    rings: int = 0

    def view(self, *nodes: int, quorate: bool = True) -> None:
        self.rings += 1
        ring = Ring(min(nodes), self.rings)
        members = tuple(self.wires[n].own for n in nodes)
        for n in nodes:
            self.wires[n].group = nodes
            self.wires[n].inbox += [View(ring, members), Quorum(quorate, ring)]


@dataclass
class Wire:
    bus: Bus
    own: Member
    max_message_bytes: int = 1_047_552
    group: tuple[int, ...] = ()
    inbox: deque[Event] = field(default_factory=deque)

    def send(self, data: bytes) -> bool:
        for n in self.group:
            self.bus.wires[n].inbox.append(Received(self.own, data))
        return True

    def poll(self) -> list[Event]:
        events = list(self.inbox)
        self.inbox.clear()
        return events

    def fileno(self) -> int:
        return -1


class Node:
    """An engine on a wire; the side channel is a call."""

    def __init__(self, bus: Bus, number: int, directory: Path) -> None:
        self.wire = bus.wires[number] = Wire(bus, Member(number, 100 + number))
        self.database = Database(directory / f"{number}.db")
        self.fetches: list[Fetch] = []
        self.engine = Engine(self.database, f"n{number}", replicator=self.replicator, on_fetch=self.fetches.append)

    def replicator(self, wake: object) -> GroupReplicator:
        assert callable(wake)
        self.wake = wake
        self.group = GroupReplicator(self.wire, self.database.durable, NODES, wake)
        return self.group

    def tick(self, nodes: dict[int, Node]) -> None:
        if self.wire.inbox:
            self.wake()
        for fetch in list(self.fetches):
            source = nodes[fetch.node_id]
            if source.group.session == fetch.session and source.group.is_idle:
                self.fetches.remove(fetch)
                self.group.arrived(fetch.session, source.engine.transfer_for(fetch))


def test_what_one_writes_all_have(tmp_path: Path) -> None:
    async def drive(nodes: dict[int, Node]) -> None:
        while True:
            for node in nodes.values():
                node.tick(nodes)
            await trio.sleep(0.002)

    async def until_open(*nodes: Node) -> None:
        await trio.sleep(0.1)  # the view has closed the gates
        with trio.fail_after(20):
            while not all(node.engine.gate.open for node in nodes):
                await trio.sleep(0.005)

    async def settled(*nodes: Node) -> None:
        with trio.fail_after(20):
            while len({node.engine.position for node in nodes}) > 1:
                await trio.sleep(0.005)

    async def main() -> None:
        bus = Bus()
        nodes = {n: Node(bus, n, tmp_path) for n in NODES}
        one, two, three = nodes.values()
        async with trio.open_nursery() as nursery:
            for node in nodes.values():
                await nursery.start(node.engine.run)
            nursery.start_soon(drive, nodes)
            with pytest.raises(Refusal, match="starting"):
                await one.engine.submit(Write(path="a", data=b"1", inode=new_inode()))
            bus.view(1, 2, 3)
            await until_open(one, two, three)
            await one.engine.submit(Write(path="a", data=b"1", inode=new_inode()))
            with pytest.raises(Refusal, match="exists"):
                await two.engine.submit(Write(path="a", data=b"2", inode=new_inode(), if_version=0))
            await settled(one, two, three)

            bus.view(1, 2)
            bus.view(3, quorate=False)
            await until_open(one, two)
            await two.engine.submit(Write(path="big", data=b"z" * MAX_FILE_BYTES, inode=new_inode()))
            with pytest.raises(Refusal, match="no quorum"):
                await three.engine.submit(Write(path="a", data=b"3", inode=new_inode()))
            assert three.engine.tree.find("big") is None

            told: list[str] = []
            three.engine.listen(lambda entry, own: told.extend(e.new_path for e in entry.outcome.effects))
            bus.view(1, 2, 3)
            await until_open(one, two, three)
            await settled(one, two, three)
            big = three.engine.tree.find("big")
            assert big is not None
            assert big.size_bytes == MAX_FILE_BYTES
            assert "big" in told

            bus.wires[1].group = ()  # what node 1 sends is lost, as if its machine were about to fall out
            with pytest.raises(Refusal, match="unknown") as caught:
                await one.engine.submit(Write(path="c", data=b"1", inode=new_inode()), timeout_s=0.05)
            assert caught.value.cause is Cause.UNKNOWN
            nursery.cancel_scope.cancel()
        for node in nodes.values():
            assert node.database.load().version == node.engine.position.sequence
            node.database.close()

    trio.run(main)
