"""The simulated disk with the store's database on it: what is not synced is gone when the power goes."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path

from hostd.cluster.fs import journal
from hostd.cluster.fs.database import Database
from hostd.cluster.fs.journal import Record
from hostd.cluster.fs.replicate import Durable, Entry, Epoch, Position
from hostd.cluster.fs.transfer import Snapshot, Transfer, lost_records, replay
from hostd.cluster.fs.tree import ROOT, Node, Tree, View

Change = Callable[[], None]  # what a transaction does to the image
Real = Callable[[Database], object]  # and to a real database
Name = tuple[str, int]  # a proposal: node, and a number never used again in a run


def files(view: View) -> list[Node]:
    """All entries but the root, in the order of their numbers."""
    return sorted((node for node in all_nodes(view) if node.inode != ROOT), key=attrgetter("inode"))


class Crashed(Exception):
    """The daemon, or with ``power`` the machine, ends here."""

    def __init__(self, power: bool) -> None:
        super().__init__()
        self.power = power


class DiskError(Exception):
    """Writing failed; the transaction is undone."""


def all_nodes(view: View) -> tuple[Node, ...]:
    root = view.get(ROOT)
    assert root is not None
    return tuple(node for _, node in view.walk(root, ""))


class Image:
    """What the database holds."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.tree = Tree()
        self.position = Position(1, 0)
        self.promised = 1
        self.epochs: list[Epoch] = [Epoch(1, origin, 0)]
        self.records: list[tuple[Record, bytes]] = []
        self.chain = journal.START
        self.history: list[tuple[Position, Name]] = []  # for the checks: which changes are in it

    def add(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if not entry.outcome.effects:
                continue
            self.tree.absorb(entry.outcome)
            for _, record in journal.records(entry):
                self.chain = journal.link(self.chain, record)
                self.records.append((record, self.chain))
            self.position = entry.position
            self.history.append((entry.position, (entry.proposal.origin.node, entry.proposal.id)))

    def copy(self) -> Image:
        new = Image(self.origin)
        new.tree = Tree(all_nodes(self.tree), version=self.tree.version)
        new.position, new.promised, new.chain = self.position, self.promised, self.chain
        new.epochs, new.records, new.history = list(self.epochs), list(self.records), list(self.history)
        return new

    def snapshot(self) -> Snapshot:
        return Snapshot(nodes=all_nodes(self.tree), records=tuple(self.records), anchor=journal.START)


class Disk:
    """One node's disk: transactions, then a sync which makes them last."""

    def __init__(self, origin: str, rng: random.Random) -> None:
        self.image = Image(origin)
        self.full = False
        self.broken_sync = False
        self.lost: set[Name] = set()  # changes which this node said that it loses
        self.copies = 0
        self._rng = rng

    def durable(self) -> Durable:
        image = self.image
        return Durable(position=image.position, promised=image.promised, origin=image.origin, epoch=image.epochs[-1])

    def commit(self, entries: Sequence[Entry], step: Callable[[str], None]) -> None:
        self._transaction(lambda: self.image.add(entries), lambda db: db.commit(entries), step)

    def promise(self, number: int, step: Callable[[str], None]) -> None:
        def change() -> None:
            self.image.promised = max(number, self.image.promised)

        self._transaction(change, lambda db: db.promise(number), step)

    def adopt(self, epoch: Epoch, step: Callable[[str], None]) -> None:
        def change() -> None:
            self.image.epochs.append(epoch)
            self.image.position = Position(epoch.number, epoch.base)
            self.image.promised = max(self.image.promised, epoch.number)

        self._transaction(change, lambda db: db.adopt(epoch), step)

    def install(
        self, transfer: Transfer, history: Sequence[tuple[Position, Name]], step: Callable[[str], None]
    ) -> bool:
        """Returns whether the state was replaced by a snapshot."""
        content = transfer.content

        def change() -> None:
            image = self.image
            if isinstance(content, Snapshot):
                own = [record for record, _ in image.records]
                losing = {
                    (r.epoch, r.sequence)
                    for r in lost_records(own, image.epochs, transfer.epochs, transfer.position.sequence)
                }
                self.lost |= {name for at, name in image.history if (at.epoch, at.sequence) in losing}
                self.copies += bool(losing)
                image.tree = Tree(content.nodes, version=transfer.position.sequence)
                image.records = list(content.records)
                image.chain = content.records[-1][1] if content.records else content.anchor
                image.history = list(history)
            else:
                image.add(replay(image.tree, content))
            image.origin, image.epochs, image.position = transfer.origin, list(transfer.epochs), transfer.position

        tree = self.image.tree
        self._transaction(change, lambda db: db.install(transfer, tree), step)
        return isinstance(content, Snapshot)

    def power_lost(self) -> None:
        """What was not synced is gone; here nothing is left unsynced."""

    def reopen(self) -> None:
        """A new daemon opens the database."""

    def discard(self) -> None:
        """The run is over."""

    def fsync(self, change: Change, real: Real) -> None:
        change()

    def _transaction(self, change: Change, real: Real, step: Callable[[str], None]) -> None:
        step("begin")
        if self.full:
            raise DiskError("no space left")
        try:
            step("written")
        except Crashed as crash:
            if not crash.power and self._rng.random() < 0.5:
                self.fsync(change, real)  # the kernel writes what the dead process had handed to it
            raise
        if self.broken_sync:
            self.broken_sync = False
            raise DiskError("sync failed")
        self.fsync(change, real)
        step("synced")


class RealDisk(Disk):
    """Beside the simulated image, the production database in a real file; both must say the same."""

    def __init__(self, origin: str, rng: random.Random) -> None:
        super().__init__(origin, rng)
        self._directory = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self._path = Path(self._directory.name) / "config.db"
        Database(self._path).close()
        with contextlib.closing(sqlite3.connect(self._path)) as db, db:  # the seed says everything, names too
            db.execute("UPDATE state SET origin=?", (origin,))
            db.execute("UPDATE epoch SET mark=?", (origin,))
        self._database = Database(self._path)

    def fsync(self, change: Change, real: Real) -> None:
        real(self._database)  # first: it is given the tree of before
        change()

    def reopen(self) -> None:
        self._database.close()
        self._database = Database(self._path)
        self.compare()

    def compare(self) -> None:
        tree, image, database = self._database.load(), self.image, self._database
        for what, real, simulated in (
            ("tree", files(tree), files(image.tree)),
            ("state", database.durable(), self.durable()),
            ("epochs", database.epochs(), image.epochs),
            ("journal", database.records(), [record for record, _ in image.records]),
        ):
            if real != simulated:
                raise AssertionError(f"{what} of the database: {real}, of the simulated one: {simulated}")
        if self.copies != len(list(self._path.parent.glob("*.replaced-*"))):
            raise AssertionError("a state that lost changes was replaced without a copy")

    def discard(self) -> None:
        self._database.close()
        self._directory.cleanup()
