"""The simulated network: Corosync's ordered messages, rings, splits and votes, as nasty as its guarantees allow.

- What a member sends waits in its own queue, perhaps until after the next change of ring: messages of an old view then
  arrive in a new one.
- A message gets its place in a ring's order and reaches each member later. When the ring breaks, members that go on
  together have got the same ones; another part may have got more or fewer (agreed delivery, not safe delivery).
- Quorum comes by a way of its own: before or after the view, and stale statements about the old ring come again.
- With a witness one half gets its vote. The other half hears "not quorate" first, and may be given the vote when the
  first half is gone.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from hostd.cluster.group.transport import Event, Member, Quorum, Received, Ring, View

MAX_MESSAGE_BYTES = 600  # small, so that ordinary changes travel in pieces


@dataclass
class Wire:
    """One daemon's connection; a Transport."""

    network: Network
    own: Member
    inbox: deque[Event] = field(default_factory=deque)
    votes: deque[Quorum] = field(default_factory=deque)
    unsent: deque[bytes] = field(default_factory=deque)
    max_message_bytes: int = MAX_MESSAGE_BYTES

    def send(self, data: bytes) -> bool:
        assert len(data) <= self.max_message_bytes
        if self.network.rng.random() < 0.02:
            return False  # flow control
        self.unsent.append(data)
        return True

    def poll(self) -> list[Event]:
        rng = self.network.rng
        taken: list[Event] = []
        for _ in range(rng.randint(0, 8)):
            if not self.inbox:
                break
            taken.append(self.inbox.popleft())
        place = 0
        while self.votes and rng.random() < 0.5:
            place = rng.randint(place, len(taken))  # anywhere between the ordered events, in their own order
            taken.insert(place, self.votes.popleft())
            place += 1
        return taken

    def fileno(self) -> int:
        return -1


@dataclass
class Component:
    """Machines that reach each other: one ring."""

    ring: Ring
    nodes: frozenset[int]
    log: list[Received] = field(default_factory=list)
    got: dict[int, int] = field(default_factory=dict)  # how much of the log each node has
    quorate: bool = False


class Network:
    def __init__(self, rng: random.Random, nodes: list[int], witness: bool) -> None:
        self.rng = rng
        self.all = frozenset(nodes)
        self.witness = witness
        self.wires: dict[int, Wire] = {}
        self.up: set[int] = set()
        self.islands: list[frozenset[int]] = [self.all]
        self.components: list[Component] = []
        self.expected_one: set[int] = set()
        self.slow = 0.0
        self._rings = 0
        self._pids = 0
        self._vote: Component | None = None

    # --- machines and daemons

    def boot(self, node: int) -> None:
        """The machine (its Corosync) comes up."""
        self.up.add(node)
        self.reform()

    def cut_power(self, nodes: set[int]) -> None:
        for node in nodes:
            if self.wires.pop(node, None):
                self.component(node).got.pop(node)
        self.up -= nodes
        self.expected_one -= nodes
        self.reform()

    def open(self, node: int) -> Wire:
        """A daemon joins the group on its machine."""
        self._pids += 1
        wire = self.wires[node] = Wire(self, Member(node, self._pids))
        component = self.component(node)
        wire.votes.append(Quorum(component.quorate, component.ring))
        component.got[node] = len(component.log)
        self._flush(component)
        self._view(component)
        return wire

    def close(self, node: int) -> None:
        """The daemon of a machine is gone; the machine stays."""
        if node in self.wires:
            component = self.component(node)
            self._flush(component)
            component.got.pop(node, None)
            del self.wires[node]
            self._view(component)

    def component(self, node: int) -> Component:
        return next(c for c in self.components if node in c.nodes)

    def connected(self, one: int, other: int) -> bool:
        return one in self.up and other in self.up and other in self.component(one).nodes

    # --- rings

    def split(self, islands: list[frozenset[int]]) -> None:
        self.islands = islands
        self.reform()

    def expect_one(self, node: int) -> None:
        self.expected_one.add(node)
        self._count_votes(first=False)

    def reform(self) -> None:
        """New rings where membership differs from before."""
        old = self.components
        wanted = [island & self.up for island in self.islands if island & self.up]
        kept = [c for c in old if c.nodes in wanted]
        fresh = [nodes for nodes in wanted if all(c.nodes != nodes for c in kept)]
        made = []
        for nodes in fresh:
            self._rings += 1
            made.append(Component(Ring(min(nodes), self._rings), nodes))
        for component in old:
            if component not in kept:
                self._break(component, [c.nodes for c in made])
        self.components = kept + made
        for component in made:
            for node in component.nodes & self.wires.keys():
                component.got[node] = 0
                if self.rng.random() < 0.5:  # a stale claim about the ring before
                    stale = [c for c in old if node in c.nodes and c.quorate]
                    self.wires[node].votes.extend(Quorum(True, c.ring) for c in stale)
        early = self.rng.random() < 0.5
        if early:
            self._count_votes(first=True, made=made)
        for component in made:
            self._view(component)
        if not early:
            self._count_votes(first=True, made=made)

    def _break(self, component: Component, parts: list[frozenset[int]]) -> None:
        """What the members of a ring still get from it, each part the same for all that go on together."""
        for part in parts:
            members = [n for n in component.got if n in part and n in self.wires]
            if not members:
                continue
            least = max(component.got[n] for n in members)
            end = self.rng.randint(least, len(component.log))
            rest = [m for m in component.log[end:] if m.sender.node_id in part]  # everybody has its own messages
            for node in members:
                self.wires[node].inbox.extend([*component.log[component.got[node] : end], *rest])

    def _flush(self, component: Component) -> None:
        for node, got in component.got.items():
            self.wires[node].inbox.extend(component.log[got:])
            component.got[node] = len(component.log)

    def _view(self, component: Component) -> None:
        members = tuple(sorted(self.wires[n].own for n in component.nodes & self.wires.keys()))
        for member in members:
            self.wires[member.node_id].inbox.append(View(component.ring, members))

    # --- votes

    def _count_votes(self, *, first: bool, made: list[Component] | None = None) -> None:
        """Tell quorum to all whose ring is new or whose answer changed."""
        made = made or []
        votes = len(self.all) + self.witness
        alone = [c for c in self.components if len(c.nodes) + 1 > votes // 2 >= len(c.nodes)] if self.witness else []
        if self._vote not in alone:
            self._vote = self.rng.choice(alone) if alone else None
        for component in self.components:
            count = len(component.nodes) + (component is self._vote)
            quorate = count > votes // 2 or bool(component.nodes & self.expected_one & self.wires.keys())
            if component in made or quorate != component.quorate:
                component.quorate = quorate
                for node in component.nodes & self.wires.keys():
                    self.wires[node].votes.append(Quorum(quorate, component.ring))

    # --- the passing of time

    def tick(self) -> None:
        rng = self.rng
        for component in self.components:
            for node in sorted(component.got):
                wire = self.wires[node]
                while wire.unsent and rng.random() < 0.8 - self.slow:
                    component.log.append(Received(wire.own, wire.unsent.popleft()))
            for node in sorted(component.got):
                got = component.got[node]
                if got < len(component.log) and rng.random() < 0.8 - self.slow:
                    end = len(component.log) if rng.random() < 0.5 else rng.randint(got, len(component.log))
                    self.wires[node].inbox.extend(component.log[got:end])
                    component.got[node] = end
