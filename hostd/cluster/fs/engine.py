"""Joins tree, order and disk: a change goes to disk first, then to memory and everybody who watches.

Runs in a trio loop; only the commit to disk is in a thread, so that reads go on meanwhile.
"""

from __future__ import annotations

import itertools
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from hostd.cluster.fs.database import Database, Fault, no_fault
from hostd.cluster.fs.mutations import Cause, Mutation, Refused
from hostd.cluster.fs.replicate import (
    Acknowledge,
    Deliver,
    Entry,
    Event,
    Gate,
    LocalReplicator,
    Origin,
    Position,
    Proposal,
    evaluate,
)
from hostd.cluster.fs.tree import Node, Outcome, Tree

log = logging.getLogger(__name__)

Listener = Callable[[Entry, bool], None]  # an entry just published, and whether it came through this node's mount


class Refusal(Exception):
    """A change was not made (or, with Cause.UNKNOWN, may or may not have been made)."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.cause = refused.cause


@dataclass(slots=True)
class _Waiter:
    """A caller of ``submit``: woken when its entry is acknowledged or can never be."""

    done: trio.Event
    from_mount: bool
    entry: Entry | None = None
    lost: Refused | None = None


class Engine:
    """The store of one node: ``tree`` is what readers see, ``submit`` is the only way to change it."""

    def __init__(
        self,
        database: Database,
        node: str,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        fault: Fault = no_fault,
    ) -> None:
        """Check and load the database. Raises Damaged."""
        self.node = node
        self.tree: Tree = database.load()
        self.position: Position = database.position()
        self.gate = Gate(False, "the store is starting")
        self._database = database
        self._clock_ns = clock_ns
        self._fault = fault
        self._wake = trio.Event()
        self._replicator = LocalReplicator(self.position.epoch, lambda: self._wake.set())
        self._listeners: list[Listener] = []
        self._ids = itertools.count(1)
        self._waiters: dict[int, _Waiter] = {}
        self._seed: bytes | None = None
        self.seed_digest = database.seed_digest()

    def listen(self, listener: Listener) -> None:
        """``listener`` is called for each published entry that changed something, in order, in the loop's thread."""
        self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def record_seed(self, digest: bytes) -> None:
        """Have the next transaction record that the seed with this digest is in the database."""
        self._seed = digest

    async def submit(
        self, mutation: Mutation, *, actor: str = "", task: str = "", from_mount: bool = False
    ) -> Node | None:
        """Make a change; returns the entry it was about once it is safe. Raises Refusal."""
        self.check_gate()
        origin = Origin(node=self.node, time_ns=self._clock_ns(), actor=actor, task=task)
        proposal = Proposal(id=next(self._ids), mutation=mutation, origin=origin)
        waiter = self._waiters[proposal.id] = _Waiter(done=trio.Event(), from_mount=from_mount)
        self._replicator.propose(proposal)
        # A caller that goes away must not make the outcome ambiguous: the change is on its way.
        with trio.CancelScope(shield=True):
            await waiter.done.wait()
        if waiter.lost:
            raise Refusal(waiter.lost)
        outcome = waiter.entry.outcome if waiter.entry else Outcome()
        if outcome.refused:
            raise Refusal(outcome.refused)
        return outcome.node

    def check_gate(self) -> None:
        """Raises Refusal when writes are not accepted now."""
        if not self.gate.open:
            raise Refusal(Refused(Cause.CLOSED, f"the store is read-only: {self.gate.reason}"))

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Apply what is delivered until cancelled. Raises sqlite3.Error when the disk fails; the tree is as before."""
        started = False
        try:
            while True:
                self._wake = trio.Event()
                while events := self._replicator.poll():
                    for event in events:
                        await self._take(event)
                if not started:
                    started = True
                    task_status.started()
                await self._wake.wait()
        finally:
            self.gate = Gate(False, "the store is stopping")
            self._lose("the store stopped before it answered: the outcome is unknown")

    async def _take(self, event: Event) -> None:
        match event:
            case Gate():
                self.gate = event
            case Deliver():
                await self._deliver(event)
            case Acknowledge():
                self._acknowledge(event.position)

    async def _deliver(self, group: Deliver) -> None:
        entries = evaluate(self.tree, group.epoch, group.proposals)
        with trio.CancelScope(shield=True):
            try:
                await trio.to_thread.run_sync(self._commit, entries)
            except sqlite3.Error as err:
                log.error("cannot write the database %s: %s", self._database.path, err)
                if err.sqlite_errorcode != sqlite3.SQLITE_FULL or not self._replicator.can_refuse:
                    raise
                self._refuse(group, f"no space left for the database {self._database.path}")
                return
        self._fault("durable")
        for entry in entries:
            self._publish(entry)
        self._fault("published")
        self._replicator.durable(self.position)

    def _refuse(self, group: Deliver, reason: str) -> None:
        for proposal in group.proposals:
            if waiter := self._waiters.pop(proposal.id, None):
                waiter.lost = Refused(Cause.FULL, reason)
                waiter.done.set()

    def _commit(self, entries: Sequence[Entry]) -> None:
        self._database.commit(entries, seed=self._seed)
        self._seed = None

    def _publish(self, entry: Entry) -> None:
        self.tree.absorb(entry.outcome)
        self.position = entry.position
        waiter = self._waiters.get(entry.proposal.id) if entry.proposal.origin.node == self.node else None
        if waiter:
            waiter.entry = entry
        if entry.outcome.effects:
            for listener in list(self._listeners):
                listener(entry, bool(waiter and waiter.from_mount))

    def _acknowledge(self, position: Position) -> None:
        reached = [i for i, waiter in self._waiters.items() if waiter.entry and waiter.entry.position <= position]
        for number in reached:
            self._waiters.pop(number).done.set()

    def _lose(self, reason: str) -> None:
        waiting, self._waiters = self._waiters, {}
        for waiter in waiting.values():
            waiter.lost = Refused(Cause.UNKNOWN, reason)
            waiter.done.set()
