"""The durable copy of the tree: one SQLite file (write-ahead log, synchronous=FULL), one transaction per group.

Tables: ``state`` (one row: position, journal chain), ``node`` (the tree), ``content`` (file contents, each row written
by one mutation and never changed), ``journal`` and ``epoch`` (memberships of a cluster). A replaced content stays, as
history, until its journal record is dropped; one of a secret file goes at once. Source for the durability of WAL with
FULL: sqlite.org/pragma.html.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hostd.cluster.fs import copies, epochs, journal, paths
from hostd.cluster.fs.journal import Record
from hostd.cluster.fs.replicate import Durable, Entry, Epoch, Position
from hostd.cluster.fs.transfer import Snapshot, Transfer, lost_records, replay
from hostd.cluster.fs.tree import ROOT, Effect, Node, Tree, digest_of
from hostd.core.errors import Conflict, HostError

SCHEMA_VERSION: Final = 2
APPLICATION_ID: Final = 0x486F6C64
SCHEMA: Final = f"""
PRAGMA application_id={APPLICATION_ID};
CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id=1), epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
    chain BLOB NOT NULL, anchor BLOB NOT NULL, seed BLOB NOT NULL);
CREATE TABLE content(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE node(inode INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name TEXT NOT NULL, content INTEGER,
    digest BLOB NOT NULL, version INTEGER NOT NULL, mtime_ns INTEGER NOT NULL);
CREATE TABLE journal({", ".join(f"{name} NOT NULL" for name in journal.COLUMNS)},
    old_content INTEGER, new_content INTEGER, chain BLOB NOT NULL, PRIMARY KEY(sequence, item)) WITHOUT ROWID;
INSERT INTO state VALUES(1, 1, 0, x'{journal.START.hex()}', x'{journal.START.hex()}', x'');
{epochs.UPGRADE}
PRAGMA user_version={SCHEMA_VERSION};
"""
INSERT_RECORD: Final = f"INSERT INTO journal VALUES({','.join('?' * (len(journal.COLUMNS) + 3))})"
PUT_NODE: Final = """INSERT INTO node VALUES(?,?,?,?,?,?,?) ON CONFLICT(inode) DO UPDATE SET parent=excluded.parent,
    name=excluded.name, content=excluded.content, digest=excluded.digest, version=excluded.version,
    mtime_ns=excluded.mtime_ns"""

PAGE_BYTES: Final = 2048
LOG_BYTES: Final = 4_096_000  # of pages in the log before they go into the main file
LOG_HEADER_BYTES: Final = 32
FRAME_HEADER_BYTES: Final = 24

log = logging.getLogger(__name__)
Fault = Callable[[str], None]


class Damaged(HostError):
    """The database fails its check; the message says where and what to do."""

    exit_code = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How much history is kept: journal records, and bytes of replaced contents. Beyond it the oldest go."""

    records: int = 20_000
    content_bytes: int = 32 << 20


@dataclass(slots=True)
class _Journal:
    """What is known of the journal without reading it."""

    chain: bytes
    anchor: bytes
    records: int
    content_bytes: int

    def copy(self) -> _Journal:
        return _Journal(self.chain, self.anchor, self.records, self.content_bytes)


def no_fault(point: str) -> None:
    """Tests pass a function that ends the world at a named point."""


class Database:
    """The store's file, open for writing; one process at a time. Not thread-safe: one call at a time."""

    def __init__(self, path: Path, *, limits: Limits | None = None, fault: Fault = no_fault) -> None:
        self.path = path
        self._limits = limits or Limits()
        self._fault = fault
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, held := lock(path))
            try:
                self._db = undo.enter_context(contextlib.closing(_connect(path)))
                self._create_or_recognise()
                self._journal = self._read_journal_state()
            except sqlite3.DatabaseError as err:
                raise Damaged(f"database '{path}' cannot be opened: {err}; restore a backup over it") from err
            undo.pop_all()
        self._lock = held
        self._told: Durable | None = None  # what `durable` said, as long as it holds

    def close(self) -> None:
        """Write everything into the main file and let go of it."""
        self._db.close()
        os.close(self._lock)

    def reserve_log(self) -> None:
        """Fill the write-ahead log's file with zeros, up to where SQLite begins it anew: a flush then writes blocks
        that are there. Where the file grows the file system's journal is flushed, too, half as long again (measured).

        Zeros are no frames: their salt is not the log's (sqlite.org/fileformat2.html, "WAL file format"). For the
        daemon, once at its start; without space for it everything works as well.
        """
        log_file = self.path.with_name(f"{self.path.name}-wal")
        (pages,) = self._db.execute("PRAGMA wal_autocheckpoint").fetchone()
        (page_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
        whole = LOG_HEADER_BYTES + pages * (page_bytes + FRAME_HEADER_BYTES)
        try:
            with log_file.open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.write(bytes(max(0, whole - size)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as err:
            log.warning("the log of '%s' is not prepared, so that changes take longer: %s", self.path, err)

    def position(self) -> Position:
        epoch, sequence = self._db.execute("SELECT epoch, sequence FROM state").fetchone()
        return Position(epoch, sequence)

    def seed_digest(self) -> bytes:
        """Digest of the seed that was imported; empty where there was none."""
        (digest,) = self._db.execute("SELECT seed FROM state").fetchone()
        return bytes(digest)

    def load(self) -> Tree:
        """Check everything and read the tree. Raises Damaged with what was found."""
        try:
            nodes, problems = inspect(self._db)
        except sqlite3.DatabaseError as err:
            nodes, problems = [], [str(err)]
        if problems:
            raise Damaged(
                f"database '{self.path}' is damaged: {'; '.join(problems[:5])}. Nothing was changed. "
                "Stop the store, keep a copy of the file, and restore the last backup"
            )
        return Tree(nodes, version=self.position().sequence)

    def commit(self, entries: Sequence[Entry], *, seed: bytes | None = None) -> None:
        """Make a group durable, all or nothing. Returns when it is on disk; on any error nothing of it is.

        ``seed``: digest of the imported seed, recorded in the same transaction. Raises sqlite3.Error.
        """
        work = [entry for entry in entries if entry.outcome.effects]
        if not work and seed is None:
            return
        state, told = self._journal.copy(), self._told
        self._fault("begin")
        with self._transaction():
            for entry in work:
                self._store(entry, state)
            self._trim(state)
            if work:
                self._set_position(work[-1].position, state)
            if seed is not None:
                self._db.execute("UPDATE state SET seed=?", (seed,))
            self._fault("written")
        self._journal = state
        if told is not None:  # a cluster asks after each change; nothing but the position is another one
            self._told = replace(told, position=work[-1].position) if work else told
        self._fault("committed")

    # --- as a member of a cluster

    def durable(self) -> Durable:
        """What this node tells the others of its state."""
        if self._told is None:
            promised, origin = self._db.execute("SELECT promised, origin FROM state").fetchone()
            self._told = Durable(position=self.position(), promised=promised, origin=origin, epoch=self.epochs()[-1])
        return self._told

    def epochs(self) -> list[Epoch]:
        """The memberships that made this state, oldest first; at most epochs.KEPT_EPOCHS."""
        return epochs.read(self._db)

    def promise(self, number: int) -> None:
        """Durably: no epoch below ``number`` will be entered from now on. Raises sqlite3.Error."""
        with self._transaction():
            self._db.execute("UPDATE state SET promised=max(promised, ?)", (number,))

    def adopt(self, epoch: Epoch) -> None:
        """Durably enter an epoch at the present sequence. Raises sqlite3.Error."""
        with self._transaction():
            epochs.add(self._db, epoch)
            self._db.execute("UPDATE state SET epoch=?, promised=max(promised, ?)", (epoch.number, epoch.number))

    def snapshot(self, tree: Tree) -> Snapshot:
        """Everything another node needs to have the same state; ``tree`` is what this database holds."""
        root = tree.get(ROOT)
        nodes = tuple(node for _, node in tree.walk(root, "")) if root else ()
        return Snapshot(nodes=nodes, records=tuple(_chain(self._db)), anchor=self._journal.anchor)

    def losses(self, transfer: Transfer) -> list[Record]:
        """The records of this journal that are not part of the other node's history: what taking it would lose."""
        if not isinstance(transfer.content, Snapshot):
            return []
        return lost_records(self.records(), self.epochs(), transfer.epochs, transfer.position.sequence)

    def install(self, transfer: Transfer, tree: Tree) -> list[Record]:
        """Take another node's state, all or nothing; ``tree`` is what this database holds. Returns what was lost.

        If anything is, a copy of the database as it was stays beside it (``*.replaced-EPOCH.SEQUENCE``), made and on
        disk before the state is replaced. Raises sqlite3.Error, HostError.
        """
        lost = self.losses(transfer)
        if lost:
            self._keep_copy()
        state = self._journal.copy()
        self._fault("begin")
        with self._transaction():
            if isinstance(transfer.content, Snapshot):
                state.chain = epochs.write_snapshot(self._db, transfer.content)
                state.anchor, state.records = transfer.content.anchor, len(transfer.content.records)
                state.content_bytes = 0
            else:
                for entry in replay(tree, transfer.content):
                    self._store(entry, state)
                self._trim(state)
            epochs.replace(self._db, transfer.epochs)
            self._set_position(transfer.position, state)
            self._db.execute("UPDATE state SET origin=?", (transfer.origin,))
            self._fault("written")
        self._journal = state
        self._fault("committed")
        return lost

    def records(self) -> list[Record]:
        """The journal, oldest first."""
        return [item for item, _ in _chain(self._db)]

    def history(self, item: Record) -> tuple[bytes | None, bytes | None]:
        """Contents before and after a record: None where there was none or it is not kept."""
        query = """SELECT old.data, new.data FROM journal j LEFT JOIN content old ON old.id=j.old_content
            LEFT JOIN content new ON new.id=j.new_content WHERE j.sequence=? AND j.item=?"""
        found = self._db.execute(query, (item.sequence, item.item)).fetchone()
        return (None, None) if found is None else (found[0], found[1])

    # --- opening

    def _create_or_recognise(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if tables:
                raise Damaged(f"'{self.path}' is not a Holdfast store, or its creation was cut off; move it away")
            self._db.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        elif version > SCHEMA_VERSION:
            raise HostError(f"database '{self.path}' has schema {version}, made by a newer release; update this node")
        elif version < SCHEMA_VERSION:
            log.info("schema %d becomes %d; a copy as it was: %s", version, SCHEMA_VERSION, copies.keep(self.path))
            self._db.executescript(f"BEGIN; {epochs.UPGRADE} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        with self._transaction():
            epochs.name_database(self._db)

    def _read_journal_state(self) -> _Journal:
        chain, anchor = self._db.execute("SELECT chain, anchor FROM state").fetchone()
        (records,) = self._db.execute("SELECT count(*) FROM journal").fetchone()
        query = "SELECT coalesce(sum(length(data)), 0) FROM journal JOIN content ON content.id=old_content"
        (size,) = self._db.execute(query).fetchone()
        return _Journal(chain=chain, anchor=anchor, records=records, content_bytes=size)

    # --- writing

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._told = None
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _set_position(self, position: Position, state: _Journal) -> None:
        row = (position.epoch, position.sequence, state.chain, state.anchor)
        self._db.execute("UPDATE state SET epoch=?, sequence=?, chain=?, anchor=?", row)

    def _keep_copy(self) -> None:
        """A copy beside the database, under a name of its own: an earlier copy is never overwritten."""
        part = self.path.with_name(f"{self.path.name}.part")
        part.unlink(missing_ok=True)
        copy_file(self.path, part)
        _sync(part)
        position = self.position()
        names = (f"{self.path.name}.replaced-{position.epoch}.{position.sequence}{n}" for n in _suffixes())
        target = next(path for name in names if not (path := self.path.with_name(name)).exists())
        part.rename(target)
        _sync(target.parent)

    def _store(self, entry: Entry, state: _Journal) -> None:
        written = {id(effect): self._store_effect(effect) for effect in entry.outcome.effects}
        for effect, item in journal.records(entry):
            old, new = written[id(effect)]
            old = None if paths.is_secret(effect.old_path) else old
            new = None if paths.is_secret(effect.new_path) else new
            state.chain = journal.link(state.chain, item)
            state.records += 1
            state.content_bytes += effect.old.size_bytes if old is not None and effect.old else 0
            self._db.execute(INSERT_RECORD, (*journal.row_of(item), old, new, state.chain))

    def _store_effect(self, effect: Effect) -> tuple[int | None, int | None]:
        """Write one effect; returns the numbers of the content it replaced and of the one it wrote."""
        old, new = effect.old, effect.new
        before = self._content_of(old) if old is not None else None
        if new is None:
            self._db.execute("DELETE FROM node WHERE inode=?", (old.inode if old else 0,))
            self._forget_secret(effect.old_path, before)
            return before, None
        replaced = new.data is not None and (old is None or old.digest != new.digest)
        after = before
        if replaced:
            after = self._db.execute("INSERT INTO content(data) VALUES(?)", (new.data,)).lastrowid
        row = (
            new.inode,
            0 if new.inode == ROOT else new.parent,
            new.name,
            after,
            new.digest,
            new.version,
            new.mtime_ns,
        )
        self._db.execute(PUT_NODE, row)
        if not replaced:
            return None, None
        self._forget_secret(effect.old_path, before)
        return before, after

    def _content_of(self, node: Node) -> int | None:
        found = self._db.execute("SELECT content FROM node WHERE inode=?", (node.inode,)).fetchone()
        return found[0] if found else None

    def _forget_secret(self, path: str, content: int | None) -> None:
        if content is not None and paths.is_secret(path):
            self._db.execute("DELETE FROM content WHERE id=?", (content,))

    def _trim(self, state: _Journal) -> None:
        """Drop the oldest records, and the contents they kept, down to 9/10 of the limits."""
        if state.records <= self._limits.records and state.content_bytes <= self._limits.content_bytes:
            return
        query = """SELECT sequence, item, journal.chain, old_content, coalesce(length(data), 0) FROM journal
            LEFT JOIN content ON content.id=old_content ORDER BY sequence, item"""
        drop: list[tuple[int, int]] = []
        contents: list[tuple[int]] = []
        limits = self._limits
        for sequence, item, chain, content, size in self._db.execute(query):
            if state.records <= limits.records * 9 // 10 and state.content_bytes <= limits.content_bytes * 9 // 10:
                break
            drop.append((sequence, item))
            contents += [(content,)] if content is not None else []
            state.records -= 1
            state.content_bytes -= size
            state.anchor = chain
        self._db.executemany("DELETE FROM journal WHERE sequence=? AND item=?", drop)
        self._db.executemany("DELETE FROM content WHERE id=?", contents)


def _suffixes() -> Iterator[str]:
    yield ""
    yield from (f"-{n}" for n in itertools.count(2))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(path: Path) -> int:
    """Descriptor of a lock file held until it is closed. Raises Conflict when another process holds it."""
    held = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        os.close(held)
        raise Conflict(f"database '{path}' is in use by another process") from err
    return held


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # Of a new database: a commit changes five or six pages, few bytes in each, and writes and flushes all of them.
        db.execute(f"PRAGMA page_size={PAGE_BYTES}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
        db.execute(f"PRAGMA wal_autocheckpoint={LOG_BYTES // page_bytes}")
        db.execute("PRAGMA journal_size_limit=4194304")
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _nodes(db: sqlite3.Connection) -> Iterator[Node]:
    query = """SELECT inode, parent, name, node.content, data, digest, version, mtime_ns FROM node
        LEFT JOIN content ON content.id=node.content"""
    for inode, parent, name, content, data, digest, version, mtime_ns in db.execute(query):
        yield Node(inode, parent, name, None if content is None else data, digest, version, mtime_ns)


def _chain(db: sqlite3.Connection) -> Iterator[tuple[Record, bytes]]:
    query = f"SELECT {', '.join(journal.COLUMNS)}, chain FROM journal ORDER BY sequence, item"
    for row in db.execute(query):
        yield Record(*row[:-1]), row[-1]


def inspect(db: sqlite3.Connection) -> tuple[list[Node], list[str]]:
    """All entries of a store's database, and all that is wrong with it. Raises sqlite3.DatabaseError on the worst."""
    problems = [text for (text,) in db.execute("PRAGMA integrity_check(5)") if text != "ok"]
    query = "SELECT count(*) FROM node WHERE content IS NOT NULL AND content NOT IN (SELECT id FROM content)"
    (lost,) = db.execute(query).fetchone()
    if problems or lost:
        return [], [*problems, *([f"{lost} files have lost their contents"] if lost else [])]
    nodes = list(_nodes(db))
    return nodes, [*_check_nodes(nodes), *_check_state(db, nodes)]


def _check_state(db: sqlite3.Connection, nodes: Iterable[Node]) -> Iterator[str]:
    epoch, sequence, chain, anchor = db.execute("SELECT epoch, sequence, chain, anchor FROM state").fetchone()
    if newer := [node.name for node in nodes if node.version > sequence]:
        yield f"'{newer[0]}' is newer than the database's position {epoch}.{sequence}"
    links = list(_chain(db))
    if broken := journal.broken_link(anchor, links):
        yield f"the journal was altered at {broken.epoch}.{broken.sequence}.{broken.item}"
    elif (links[-1][1] if links else anchor) != chain:
        yield "the journal's end is missing"


def _check_nodes(nodes: Iterable[Node]) -> Iterator[str]:
    known = {node.inode: node for node in nodes}
    names: set[tuple[int, str]] = set()
    for node in known.values():
        if node.inode == ROOT:
            continue
        parent = known.get(node.parent)
        if node.parent != ROOT and (parent is None or not parent.is_directory):
            yield f"'{node.name}' (inode {node.inode}) is in no directory"
        if (node.parent, node.name) in names:
            yield f"'{node.name}' exists twice in one directory"
        if problem := paths.name_problem(node.name):
            yield problem
        if digest_of(node.data) != node.digest:
            yield f"the contents of '{node.name}' (inode {node.inode}) do not match their digest"
        names.add((node.parent, node.name))
    tree = Tree(known.values())
    root = tree.get(ROOT)
    reached = sum(1 for _ in tree.walk(root, "")) - 1 if root else 0
    if reached != tree.entries:
        yield f"{tree.entries - reached} entries cannot be reached from the root"


def check_file(path: Path) -> list[str]:
    """Check a database without changing it, also while it is in use; what is wrong, as sentences."""
    if not path.exists():
        return [f"database '{path}' does not exist"]
    try:
        with contextlib.closing(open_to_read(path)) as db:
            db.execute("BEGIN")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if not 1 <= version <= SCHEMA_VERSION:
                return [f"database '{path}' has schema {version}, expected {SCHEMA_VERSION}"]
            return inspect(db)[1]
    except sqlite3.DatabaseError as err:
        return [f"database '{path}' cannot be read: {err}"]


def copy_file(source: Path, target: Path) -> None:
    """A consistent copy of a database, also while it is in use. Raises Conflict when ``target`` exists, HostError."""
    if target.exists():
        raise Conflict(f"'{target}' exists already")
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with contextlib.closing(open_to_read(source)) as db, contextlib.closing(sqlite3.connect(target)) as new:
            db.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as err:
        target.unlink()
        raise HostError(f"database '{source}' cannot be copied: {err}") from err


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, also while the database is in use. Raises sqlite3.Error."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
