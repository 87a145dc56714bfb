"""Repairing a store's database, each time after a copy of it as it was: nothing that could be read is lost by it.

No daemon may have it open meanwhile, which its lock file ensures. A repair that is killed leaves the damaged database
in its place, or none with the finished new one beside it; the next run goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hostd.cluster.fs import journal
from hostd.cluster.fs.copies import FOLDER, keep
from hostd.cluster.fs.database import Database, check_file, lock, open_to_read
from hostd.cluster.fs.replicate import Epoch, Position
from hostd.cluster.fs.transfer import Snapshot, Transfer
from hostd.cluster.fs.tree import ROOT, Node, Tree, digest_of
from hostd.core import files
from hostd.core.errors import HostError


@dataclass(frozen=True, kw_only=True)
class Report:
    """``copy``: the folder with what was there. ``lost``: what is not in the new database, as sentences."""

    copy: Path
    done: str
    lost: tuple[str, ...] = ()


@contextlib.contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Raises Conflict while a daemon has it open."""
    held = lock(database)
    try:
        yield
    finally:
        os.close(held)


def set_aside(database: Path) -> Report:
    """For a member of a cluster: take it out of the way; the daemon fetches the others' state. Raises HostError."""
    with _alone(database):
        copy = keep(database)
        _discard(database)
        return Report(copy=copy, done="the database is out of the way; the daemon takes the state of the other nodes")


def _discard(database: Path) -> None:
    """The log first: one that is left would be taken for the log of the next database."""
    for name in (f"{database.name}-wal", f"{database.name}-shm", database.name):
        (database.parent / name).unlink(missing_ok=True)
    files.sync_folder(database.parent)


def cut_journal(database: Path) -> Report:
    """Drop the records up to the last one that does not follow from the one before. Raises HostError."""
    with _alone(database):
        copy = keep(database)
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("BEGIN IMMEDIATE")
            query = f"SELECT {', '.join(journal.COLUMNS)}, old_content, chain FROM journal ORDER BY sequence, item"
            rows = list(db.execute(query))
            (anchor,) = db.execute("SELECT anchor FROM state").fetchone()
            value, broken = anchor, 0
            for number, row in enumerate(rows):
                if journal.link(value, journal.Record(*row[:-2])) != row[-1]:
                    broken = number + 1
                value = row[-1]
            for row in rows[:broken]:
                db.execute("DELETE FROM journal WHERE sequence=? AND item=?", (row[1], row[2]))
                db.execute("DELETE FROM content WHERE id=? AND id NOT IN (SELECT content FROM node WHERE content "
                           "IS NOT NULL)", (row[-2],))  # fmt: skip
            start = rows[broken - 1][-1] if broken else anchor
            db.execute("UPDATE state SET anchor=?, chain=?", (start, value))
            db.execute("COMMIT")
        _verify(database)
        return Report(copy=copy, done=f"the journal begins anew; {broken} of {len(rows)} records were dropped")


def salvage(database: Path) -> Report:
    """Make a new database of all files that are whole, in place of this one. Raises HostError.

    What is whole but in no directory any more goes into the copy's folder, by its name.
    """
    made = database.with_name(f"{database.name}.repaired")
    with _alone(database):
        if made.exists() and not database.exists():
            return _finish(database, made)
        copy = keep(database)
        found = _read(copy / database.name)
        tree, lost = _sort_out(found, copy)
        _write(made, tree, found)
        _verify(made)
        _discard(database)
        _put(made, database)
        entries = sum(1 for node in tree if node.inode != ROOT)
        return Report(copy=copy, done=f"a new database holds {entries} entries", lost=tuple(lost))


def _finish(database: Path, made: Path) -> Report:
    """Of a repair that was killed when the new database was ready and the damaged one gone."""
    _verify(made)
    _put(made, database)
    copy = max((database.parent / FOLDER).iterdir(), default=database.parent)
    return Report(copy=copy, done="the new database of a repair that was cut off is in place")


def _put(made: Path, database: Path) -> None:
    for name in (f"{made.name}-wal", f"{made.name}-shm"):  # empty ones, of the check
        (made.parent / name).unlink(missing_ok=True)
    made.rename(database)
    files.sync_folder(database.parent)


def _verify(database: Path) -> None:
    if problems := check_file(database):
        raise HostError(f"the repaired database '{database}' is not whole: {'; '.join(problems)}; restore a backup")


@dataclass(frozen=True, kw_only=True)
class _Found:
    nodes: tuple[Node, ...]
    lost: tuple[str, ...]
    position: Position
    origin: str
    nameless: tuple[tuple[str, bytes], ...] = ()
    """Contents that no whole entry has, with the path under which the journal knows them, or a number."""


def _read(database: Path) -> _Found:
    """All rows that can be read, from the copy: from the front until it fails, then from the back."""
    nodes: dict[int, Node] = {}
    lost: list[str] = []
    epoch, sequence, origin = 1, 0, ""
    nameless: tuple[tuple[str, bytes], ...] = ()
    try:
        with contextlib.closing(open_to_read(database)) as db:
            with contextlib.suppress(sqlite3.DatabaseError, TypeError):
                epoch, sequence, origin = db.execute("SELECT epoch, sequence, origin FROM state").fetchone()
            for order in ("ASC", "DESC"):
                _rows(db, order, nodes, lost)
            if lost:
                nameless = tuple(_nameless(db, {node.digest for node in nodes.values()}))
    except sqlite3.DatabaseError as err:
        lost.append(f"nothing can be read: {err}")
    newest = max((node.version for node in nodes.values()), default=0)
    return _Found(
        nodes=tuple(nodes.values()),
        lost=tuple(dict.fromkeys(lost)),
        position=Position(epoch, max(sequence, newest)),
        origin=origin,
        nameless=nameless,
    )


def _nameless(db: sqlite3.Connection, known: set[bytes]) -> Iterator[tuple[str, bytes]]:
    """Only the newest contents of each path, where the journal can be read; all that no entry has, where it cannot."""
    names: dict[int, str] = {}
    replaced: set[int] = set()
    with contextlib.suppress(sqlite3.DatabaseError):
        query = "SELECT path, old_content, new_content FROM journal ORDER BY sequence, item"
        for path, old, new in db.execute(query):
            replaced.add(old)
            names[new] = path
    numbers: set[int] = set()
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.DatabaseError):
            numbers |= {number for (number,) in db.execute(f"SELECT id FROM content ORDER BY id {order}")}
    for number in sorted(numbers - replaced):
        data = _content(db, number)
        if data is not None and digest_of(data) not in known:
            yield names.get(number, f"content-{number}"), data


def _rows(db: sqlite3.Connection, order: str, nodes: dict[int, Node], lost: list[str]) -> None:
    query = f"SELECT inode, parent, name, content, digest, version, mtime_ns FROM node ORDER BY inode {order}"
    try:
        for inode, parent, name, content, digest, version, mtime_ns in db.execute(query):
            if inode in nodes:
                return
            data = None if content is None else _content(db, content)
            if content is not None and (data is None or digest_of(data) != digest):
                lost.append(f"the contents of '{name}' are lost")
                continue
            nodes[inode] = Node(inode, parent, name, data, digest, version, mtime_ns)
    except sqlite3.DatabaseError as err:
        lost.append(f"entries are lost, and their names with them: {err}")


def _content(db: sqlite3.Connection, content: int) -> bytes | None:
    try:
        row = db.execute("SELECT data FROM content WHERE id=?", (content,)).fetchone()
    except sqlite3.DatabaseError:
        return None
    return bytes(row[0]) if row else None


def _sort_out(found: _Found, copy: Path) -> tuple[list[Node], list[str]]:
    """What can be reached from the root, and sentences about the rest, whose contents go into the copy's folder."""
    known = {node.inode: node for node in found.nodes}
    known.setdefault(ROOT, Node(ROOT, ROOT, "", None, digest_of(None), 0, 0))
    tree = Tree(known.values())
    root = tree.get(ROOT)
    reached = [node for _, node in tree.walk(root, "")] if root else []
    lost = list(found.lost)
    stranded = [node for node in known.values() if node.inode not in {n.inode for n in reached}]
    for node in stranded:
        if node.data is not None:
            place = _lay_down(copy, f"{node.inode}-{node.name}", node.data)
            lost.append(f"'{node.name}' is in no directory any more; its contents are kept as {place}")
    for path, data in found.nameless:
        place = _lay_down(copy, path, data)
        lost.append(f"contents without a whole entry, written as '{path}', are kept as {place}")
    return reached, lost


def _lay_down(copy: Path, name: str, data: bytes) -> Path:
    """In a folder of the copy that only root reads."""
    place = copy / "found" / name.replace("/", "_")
    place.parent.mkdir(mode=0o700, exist_ok=True)
    place.write_bytes(data)
    place.chmod(0o600)
    return place


def _write(made: Path, tree: list[Node], found: _Found) -> None:
    """A database with this tree, an empty journal, and the old position and origin. Appears whole or not at all."""
    part = made.with_name(f"{made.name}.part")
    for name in (part.name, f"{part.name}-wal", f"{part.name}-shm", f"{part.name}.lock"):
        (part.parent / name).unlink(missing_ok=True)
    database = Database(part)
    try:
        origin = found.origin or database.durable().origin
        epoch = Epoch(found.position.epoch, origin, found.position.sequence)
        snapshot = Snapshot(nodes=tuple(tree), records=(), anchor=journal.START)
        transfer = Transfer(position=found.position, origin=origin, epochs=(epoch,), content=snapshot)
        database.install(transfer, database.load())
    finally:
        database.close()
    (part.parent / f"{part.name}.lock").unlink()
    made.unlink(missing_ok=True)
    part.rename(made)
