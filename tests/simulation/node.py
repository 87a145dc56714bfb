"""One simulated node: what the engine does, without its event loop, on the simulated disk; and its clients."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hostd.cluster import leases
from hostd.cluster.fs.mutations import Mutation
from hostd.cluster.fs.replicate import (
    Acknowledge,
    Adopt,
    Deliver,
    Entry,
    Event,
    Fetch,
    Gate,
    Install,
    Lose,
    Origin,
    Position,
    Promise,
    Proposal,
    evaluate,
)
from hostd.cluster.fs.transfer import Recent, Transfer, is_beginning
from hostd.cluster.fs.tree import Tree
from hostd.cluster.group.group import Group
from hostd.cluster.group.replicator import GroupReplicator
from tests.simulation.disk import Crashed, Disk, Name, all_nodes
from tests.simulation.network import Wire

LEASE_S = 20.0


@dataclass
class Waiting:
    """A caller that waits for the answer."""

    proposal: Proposal
    answer: Callable[[Entry | None], None]  # None: outcome unknown
    entry: Entry | None = None


class Clocks:
    """A node's clocks against the real time of the world (ticks)."""

    def __init__(self) -> None:
        self.wall_offset = 0.0
        self.steady_offset = 0.0


class Daemon:
    """One run of the store's daemon on a node."""

    def __init__(
        self,
        number: int,
        disk: Disk,
        wire: Wire,
        nodes: tuple[int, ...],
        clocks: Clocks,
        rng: random.Random,
        make_group: type[Group],
    ) -> None:
        self.number = number
        self.name = f"n{number}"
        self.disk = disk
        self.wire = wire
        self.tree = Tree(all_nodes(disk.image.tree), version=disk.image.tree.version)
        self.position = disk.image.position
        self.gate = Gate(False)
        self.replicator = GroupReplicator(wire, disk.durable, nodes, lambda: None, make_group=make_group)
        self.recent = Recent(self.position.sequence)
        self.fetch: Fetch | None = None
        self.fetched: list[tuple[Position, Name]] = []
        self.waiting: dict[int, Waiting] = {}
        self.crash_at: tuple[str, bool] | None = None
        self.watch = leases.Watch()
        self.held: leases.Held | None = None
        self.asking = False
        self._clocks = clocks
        self._rng = rng
        self._todo: deque[Event] = deque()

    def steady(self, now: float) -> float:
        return now + self._clocks.steady_offset

    def submit(self, number: int, mutation: Mutation, now: float, answer: Callable[[Entry | None], None]) -> None:
        origin = Origin(node=self.name, time_ns=int((now + self._clocks.wall_offset) * 1e9))
        proposal = Proposal(id=number, mutation=mutation, origin=origin)
        self.waiting[number] = Waiting(proposal, answer)
        self.replicator.propose(proposal)

    def run(self) -> None:
        """Some of what there is to do. Raises Crashed and DiskError."""
        self._todo.extend(self.replicator.poll())
        for _ in range(self._rng.randint(1, 6)):
            if not self._todo:
                break
            self._take(self._todo.popleft())

    def step(self, point: str) -> None:
        if self.crash_at and self.crash_at[0] == point:
            raise Crashed(self.crash_at[1])

    def _take(self, event: Event) -> None:
        match event:
            case Gate():
                self.gate = event
            case Deliver():
                self._deliver(event)
            case Acknowledge():
                self._acknowledge(event.position)
            case Promise():
                self.disk.promise(event.number, self.step)
                self.replicator.durable(self.position)
            case Adopt():
                self.disk.adopt(event.epoch, self.step)
                self.position = self.disk.image.position
                self.replicator.durable(self.position)
            case Fetch():
                self.fetch = event
            case Install():
                self._install(event.transfer)
            case Lose():
                self._lose(event.ids)

    def _deliver(self, group: Deliver) -> None:
        entries = evaluate(self.tree, group.epoch, group.proposals)
        self.disk.commit(entries, self.step)
        for entry in entries:
            self._publish(entry)
        self.step("published")
        self.replicator.durable(self.position)

    def _publish(self, entry: Entry) -> None:
        self.tree.absorb(entry.outcome)
        self.recent.add(entry)
        self.position = entry.position
        waiting = self.waiting.get(entry.proposal.id) if entry.proposal.origin.node == self.name else None
        if waiting:
            waiting.entry = entry

    def _install(self, transfer: Transfer) -> None:
        replaced = self.disk.install(transfer, self.fetched, self.step)
        image = self.disk.image
        self.tree = Tree(all_nodes(image.tree), version=image.tree.version)
        self.position = image.position
        self.recent = Recent(self.position.sequence)
        self.fetch = None
        self.replicator.durable(self.position, replaced=replaced)

    def _acknowledge(self, position: Position) -> None:
        for number in [i for i, w in self.waiting.items() if w.entry and w.entry.position <= position]:
            waiting = self.waiting.pop(number)
            waiting.answer(waiting.entry)

    def _lose(self, ids: tuple[int, ...] | None) -> None:
        for number in list(self.waiting) if ids is None else ids:
            if waiting := self.waiting.pop(number, None):
                waiting.answer(None)

    # --- the side channel

    def serve(self, fetch: Fetch) -> Transfer | None:
        """What another node asked for; None while this one is not in that session, or has work under way."""
        if self.replicator.session != fetch.session or not self.replicator.is_idle or self._todo:
            return None
        image = self.disk.image
        content = None
        if is_beginning(fetch.have, fetch.mark, image.epochs, self.position.sequence):
            content = self.recent.after(fetch.have.sequence)
        return Transfer(
            origin=image.origin,
            position=self.position,
            epochs=tuple(image.epochs),
            content=image.snapshot() if content is None else content,
        )

    # --- a client that wants the lease

    def want_lease(self, number: int, name: str, now: float) -> None:
        """One look at the lease: acquire, renew or take it over, if that may be done now."""
        clock = self.steady(now)
        found = leases.all_leases(self.tree)
        self.watch.look(found, clock)
        if self.asking or not self.gate.open:
            return
        there = next((lease for lease in found if lease.name == name), None)
        holder = f"{self.name}/{self.wire.own.pid}"
        if there and there.holder != holder and not self.watch.expired(there):
            return
        version = there.version if there else 0
        if self.held and there and there.holder == holder and self._rng.random() < 0.1:
            self.held = None  # stop acting first, then give it back
            self._ask(number, leases.release(there), now, lambda entry: None)
            return
        lease = leases.Lease(name=name, holder=holder, duration_s=LEASE_S, version=version)

        def answered(entry: Entry | None) -> None:
            if entry is not None and entry.outcome.refused is None:
                self.held = leases.Held(lease, clock)

        self._ask(number, leases.take(lease, 1 << 62 | number << 4), now, answered)

    def _ask(self, number: int, mutation: Mutation, now: float, then: Callable[[Entry | None], None]) -> None:
        self.asking = True

        def answered(entry: Entry | None) -> None:
            self.asking = False
            then(entry)

        self.submit(number, mutation, now, answered)
