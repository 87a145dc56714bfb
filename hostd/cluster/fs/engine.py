"""Joins tree, order and disk: a change goes to disk first, then to memory and everybody who watches.

Runs in a trio loop. The commit to disk is in a thread, so that reads go on meanwhile; only small ones on a disk that
has proved to be quick are made in the loop, where the way to a thread and back would take half of the time (``Pace``).
"""

from __future__ import annotations

import itertools
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from hostd.cluster.fs.database import Database, Fault, no_fault
from hostd.cluster.fs.journal import Record
from hostd.cluster.fs.mutations import Cause, Mutation, Refused
from hostd.cluster.fs.replicate import (
    Acknowledge,
    Adopt,
    Deliver,
    Entry,
    Event,
    Fetch,
    Gate,
    Install,
    LocalReplicator,
    Lose,
    Origin,
    Position,
    Promise,
    Proposal,
    Replicator,
    evaluate,
)
from hostd.cluster.fs.transfer import Recent, Snapshot, Transfer, difference, is_beginning, replay
from hostd.cluster.fs.tree import Node, Outcome, Tree

log = logging.getLogger(__name__)

QUICK_S: Final = 0.005  # for so long reads may wait for a commit; disks without a cache that survives take longer
QUICK_BYTES: Final = 64 << 10
QUICK_ENTRIES: Final = 8
PROOF: Final = 8  # commits in a row that were quick

Listener = Callable[[Entry, bool], None]  # an entry just published, and whether it came through this node's mount


class Refusal(Exception):
    """A change was not made (or, with Cause.UNKNOWN, may or may not have been made)."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.message)
        self.cause = refused.cause


@dataclass(slots=True)
class Pace:
    """Whether a commit may be made in the loop: it is small, and the last PROOF commits took QUICK_S at most."""

    quick: int = 0

    def is_quick(self, entries: Sequence[Entry]) -> bool:
        if self.quick < PROOF or len(entries) > QUICK_ENTRIES:
            return False
        new = (effect.new for entry in entries for effect in entry.outcome.effects)
        return sum(node.size_bytes for node in new if node is not None) <= QUICK_BYTES

    def took(self, duration_s: float) -> None:
        self.quick = self.quick + 1 if duration_s <= QUICK_S else 0


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
        replicator: Callable[[Callable[[], None]], Replicator] | None = None,
        on_fetch: Callable[[Fetch], None] | None = None,
        answer_s: float = math.inf,
    ) -> None:
        """Check and load the database. Raises Damaged.

        ``replicator`` makes the one of a cluster from the function that wakes the engine; None: a single node.
        ``on_fetch`` starts to fetch another node's state, which ends in the replicator's ``arrived``.
        ``answer_s``: after so many seconds a caller is told that the outcome of its change is unknown.
        """
        self.node = node
        self.tree: Tree = database.load()
        self.position: Position = database.position()
        self.gate = Gate(False, "the store is starting")
        self._database = database
        self._clock_ns = clock_ns
        self._fault = fault
        self._wake = trio.Event()
        self._local: LocalReplicator | None = None
        self._taking = False  # somebody is at it already
        self._failure: BaseException | None = None
        self._recent: Recent | None = None
        if replicator is None:
            self._replicator: Replicator = (local := LocalReplicator(self.position.epoch, self._woken))
            self._local = local
        else:
            self._replicator = replicator(self._woken)
            self._recent = Recent(self.position.sequence)
        self._on_fetch = on_fetch
        self._answer_s = answer_s
        self._opened = trio.Event()
        self._listeners: list[Listener] = []
        self._ids = itertools.count(1)
        self._waiters: dict[int, _Waiter] = {}
        self._seed: bytes | None = None
        self._pace = Pace()
        self.seed_digest = database.seed_digest()

    def listen(self, listener: Listener) -> None:
        """``listener`` is called for each published entry that changed something, in order, in the loop's thread."""
        self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def record_seed(self, digest: bytes) -> None:
        """Have the next transaction record that the seed with this digest is in the database."""
        self._seed = digest

    def is_at_once(self, size_bytes: int) -> bool:
        """Whether ``submit`` of a change to one file of that size would be done without a turn of the loop."""
        local = self._local
        if local is None or not local.is_idle or self._failure is not None:
            return False
        return self._takes_own and size_bytes <= QUICK_BYTES

    @property
    def _takes_own(self) -> bool:
        """Whether a caller's task takes what it has proposed: alone, on a disk that has proved quick."""
        return self._local is not None and not self._taking and self._pace.quick >= PROOF

    async def submit(
        self,
        mutation: Mutation,
        *,
        actor: str = "",
        task: str = "",
        from_mount: bool = False,
        timeout_s: float | None = None,
    ) -> Node | None:
        """Make a change; returns the entry it was about once it is safe. Raises Refusal.

        After ``timeout_s`` (None: the engine's own) the outcome is unknown (Cause.UNKNOWN), never "failed": the change
        may still be made.
        """
        self.check_gate()
        timeout_s = self._answer_s if timeout_s is None else timeout_s
        origin = Origin(node=self.node, time_ns=self._clock_ns(), actor=actor, task=task)
        proposal = Proposal(id=next(self._ids), mutation=mutation, origin=origin)
        waiter = self._waiters[proposal.id] = _Waiter(done=trio.Event(), from_mount=from_mount)
        self._replicator.propose(proposal)
        if self._takes_own:
            await self._take_own(waiter)
            if self._failure is not None:
                self._stop()  # now, not at the next turn: this caller may not wait for one
        if not waiter.done.is_set():
            # A caller that goes away must not make the outcome ambiguous: the change is on its way.
            with trio.CancelScope(shield=True, deadline=trio.current_time() + timeout_s):
                await waiter.done.wait()
        if not waiter.done.is_set():
            self._waiters.pop(proposal.id, None)
            raise Refusal(Refused(Cause.UNKNOWN, f"no answer within {timeout_s:g} s: the outcome is unknown"))
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

    async def wait_open(self) -> None:
        """Wait until writes are accepted."""
        while not self.gate.open:
            await self._opened.wait()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Apply what is delivered until cancelled. Raises sqlite3.Error when the disk fails; the tree is as before."""
        started = False
        try:
            while True:
                self._wake = trio.Event()
                if not self._taking:
                    await self._take_all()
                if self._failure is not None:
                    raise self._failure
                if not started:
                    started = True
                    task_status.started()
                await self._wake.wait()
        finally:
            self._stop()

    def _stop(self) -> None:
        self.gate = Gate(False, "the store is stopping")
        self._lose("the store stopped before it answered: the outcome is unknown")

    def _woken(self) -> None:
        if not self._taking:  # who takes looks again before it ends
            self._wake.set()

    async def take(self) -> None:
        """Take what there is, in the caller's task: a turn of the loop less than by ``run``, which fails as ever."""
        if not self._taking:
            await self._take_for_run(None)

    async def _take_own(self, waiter: _Waiter) -> None:
        """Take what comes until the caller has its answer, in its own task: two turns of the loop less than by run."""
        await self._take_for_run(waiter)
        self._wake.set()  # to ``run``, for whatever came meanwhile

    async def _take_for_run(self, until: _Waiter | None) -> None:
        """``_take_all`` in another task than ``run``'s. A failure ends ``run``, as it would have there."""
        try:
            await self._take_all(until)
        except BaseException as err:  # noqa: BLE001 - raised again by run
            self._failure = err
            self._wake.set()

    async def _take_all(self, until: _Waiter | None = None) -> None:
        """Take what there is, at most until that caller has its answer; one task at a time."""
        self._taking = True
        try:
            while not (until and until.done.is_set()) and (events := self._replicator.poll()):
                for event in events:
                    await self._take(event)
        finally:
            self._taking = False

    async def _take(self, event: Event) -> None:
        match event:
            case Gate():
                self.gate = event
                if event.open:
                    self._opened.set()
                else:
                    if self._opened.is_set():
                        self._opened = trio.Event()
                    log.info("the store is read-only: %s", event.reason)
            case Deliver():
                await self._deliver(event)
            case Acknowledge():
                self._acknowledge(event.position)
            case Promise():
                await self._on_disk(lambda: self._database.promise(event.number))
                self._replicator.durable(self.position)
            case Adopt():
                await self._on_disk(lambda: self._database.adopt(event.epoch))
                self.position = Position(event.epoch.number, event.epoch.base)
                self._replicator.durable(self.position)
            case Install():
                await self._install(event.transfer)
            case Fetch():
                if self._on_fetch:
                    self._on_fetch(event)
            case Lose():
                self._lose(event.reason, event.ids)

    async def _on_disk(self, work: Callable[[], object]) -> None:
        """Cluster work that must be durable; a node that cannot do it ends, and so leaves its group."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(work)

    async def _install(self, transfer: Transfer) -> None:
        """Take another node's state: disk, then memory, then whoever follows the tree."""
        replaced = isinstance(transfer.content, Snapshot)
        if isinstance(transfer.content, Snapshot):
            entries = [difference(self.tree, transfer.content.nodes, transfer.position)]
        else:
            entries = replay(self.tree, transfer.content)
        lost: list[Record] = []
        await self._on_disk(lambda: lost.extend(self._database.install(transfer, self.tree)))
        for item in lost:
            log.error("lost by taking another node's state: %s %s%s (%s.%s, by %s on %s)", *loss(item))
        if lost:
            log.error(
                "%d changes lost; a copy of the database from before is beside %s", len(lost), self._database.path
            )
        for entry in entries:
            self._publish(entry)
        self.position = transfer.position
        self.tree.version = transfer.position.sequence
        if replaced:
            self._recent = Recent(self.position.sequence)
        self._replicator.durable(self.position, replaced=replaced)

    def transfer_for(self, fetch: Fetch) -> Transfer:
        """What the node that sent ``fetch`` lacks. Ask only while the replicator is idle and in the same session."""
        epochs = self._database.epochs()
        content = None
        if self._recent and is_beginning(fetch.have, fetch.mark, epochs, self.position.sequence):
            content = self._recent.after(fetch.have.sequence)
        return Transfer(
            origin=self._database.durable().origin,
            position=self.position,
            epochs=tuple(epochs),
            content=self._database.snapshot(self.tree) if content is None else content,
        )

    async def _deliver(self, group: Deliver) -> None:
        entries = evaluate(self.tree, group.epoch, group.proposals)
        try:
            if self._pace.is_quick(entries):
                self._commit(entries)
            else:
                await self._on_disk(lambda: self._commit(entries))
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
        begin = time.monotonic()
        self._database.commit(entries, seed=self._seed)
        self._pace.took(time.monotonic() - begin)
        self._seed = None

    def _publish(self, entry: Entry) -> None:
        self.tree.absorb(entry.outcome)
        self.position = entry.position
        if self._recent:
            self._recent.add(entry)
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

    def _lose(self, reason: str, ids: Sequence[int] | None = None) -> None:
        """Tell callers (None: all) that their outcome is unknown."""
        for number in list(self._waiters) if ids is None else ids:
            if (waiter := self._waiters.pop(number, None)) is None:
                continue
            waiter.lost = Refused(Cause.UNKNOWN, reason)
            waiter.done.set()


def loss(item: Record) -> tuple[str, str, str, int, int, str, str]:
    """The words of a lost record for the log."""
    target = f" -> {item.target}" if item.target else ""
    return item.action, item.path, target, item.epoch, item.sequence, item.actor or "unknown", item.node
