"""What is wrong with a store's database, in plain words, and what to do about it. Opens it for reading only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Final

from hostd.cluster.fs import paths
from hostd.cluster.fs.database import APPLICATION_ID, SCHEMA_VERSION, inspect, open_to_read
from hostd.cluster.fs.paths import MAX_FILE_BYTES, MAX_TOTAL_BYTES
from hostd.cluster.fs.tree import ROOT, Tree

MAGIC: Final = b"SQLite format 3\0"
LEAST_FREE_BYTES: Final = 64 << 20
"""The log beside the database may grow to this before it is written back."""
JOURNAL: Final = "the journal"  # how problems of the journal alone begin, in database.py


class Severity(IntEnum):
    """The highest one is the exit code of ``hostd-clusterd check``."""

    NOTE = 0  # worth knowing
    ATTENTION = 1  # the store works, and something needs a person
    BROKEN = 2  # the store does not start, or cannot be trusted


class Repair(StrEnum):
    """What ``check --repair`` can do about it."""

    JOURNAL = "begin the journal anew behind the records that were altered; the tree stays as it is"
    SALVAGE = "make a new database of all files that are whole"
    CONF = "write /etc/corosync/corosync.conf as it is stored in the tree"
    LEFTOVER = "remove what a change that never began, or is over, has left"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``found``: what is so; ``do``: what to do, a command where there is one. Both are sentences."""

    severity: Severity
    subject: str
    found: str
    do: str
    repair: Repair | None = None


@dataclass(frozen=True, kw_only=True)
class Examined:
    """``tree`` None: it cannot be read."""

    findings: tuple[Finding, ...]
    tree: Tree | None = None


def is_in_use(database: Path) -> bool:
    """Whether a daemon has it open now."""
    try:
        lock = os.open(f"{database}.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def examine(database: Path, *, member: bool) -> Examined:
    """Check the database, also while it is in use. ``member``: other nodes have the same state, as far as they go."""
    try:
        head = database.read_bytes()[: len(MAGIC)] if database.stat().st_size < 4096 else _head(database)
    except FileNotFoundError:
        return Examined(findings=(_missing(database, member),))
    except OSError as err:
        return Examined(findings=(_broken(database, f"cannot be read: {err}", member),))
    if not head:
        return Examined(findings=(_broken(database, "is empty: nothing of the configuration is in it", member),))
    if head != MAGIC:
        return Examined(findings=(_broken(database, "does not begin as a database does", member),))
    try:
        with contextlib.closing(open_to_read(database)) as db:
            db.execute("BEGIN")
            if foreign := _foreign(db):
                return Examined(findings=(_foreign_finding(database, *foreign),))
            nodes, problems = inspect(db)
            renamed = () if problems else tuple(unknown_names(db))
    except sqlite3.DatabaseError as err:
        return Examined(findings=(_broken(database, f"cannot be read: {err}", member),))
    if problems and all(problem.startswith(JOURNAL) for problem in problems):
        return Examined(findings=(_journal(database, problems, member),), tree=Tree(nodes))
    if problems:
        return Examined(findings=(_broken(database, f"is damaged: {'; '.join(problems[:5])}", member),))
    tree = Tree(nodes)
    return Examined(findings=(*renamed, *tree_rules(tree)), tree=tree)


def _head(database: Path) -> bytes:
    with database.open("rb") as file:
        return file.read(len(MAGIC))


def _foreign(db: sqlite3.Connection) -> tuple[str, str] | None:
    """What it is and what to do, where it is no database of this release."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application not in (APPLICATION_ID, 0) or (application == 0 and version == 0):
        return "is a database of another program", "move it away and restore a backup over it"
    if version > SCHEMA_VERSION:
        newer = f"has schema {version}, made by a newer release; this one knows {SCHEMA_VERSION}"
        return newer, "update this host's packages: apt full-upgrade"
    if version < 1:
        return "was never finished: its creation was cut off", "move it away; the daemon makes a new one"
    return None


def _foreign_finding(database: Path, found: str, do: str) -> Finding:
    return Finding(severity=Severity.BROKEN, subject=f"database {database}", found=found, do=do)


def _missing(database: Path, member: bool) -> Finding:
    return Finding(
        severity=Severity.ATTENTION,
        subject=f"database {database}",
        found="does not exist",
        do="start hostd-clusterd: it takes the state of the other nodes"
        if member
        else "restore a backup if this host had a configuration; otherwise start hostd-clusterd, which makes a new one",
    )


AS_MEMBER: Final = (
    "the other nodes have it, too: if they work, stop hostd-clusterd; 'hostd-clusterd check --repair' keeps a copy and "
    "takes this one out of the way; the daemon fetches their state when it starts"
)


def _broken(database: Path, found: str, member: bool) -> Finding:
    alone = (
        "stop hostd-clusterd; restore the last backup over it, or without one: 'hostd-clusterd check --repair' keeps a "
        "copy and makes a new database of all files that are whole, and names those that are lost"
    )
    return Finding(
        severity=Severity.BROKEN,
        subject=f"database {database}",
        found=found,
        do=AS_MEMBER if member else alone,
        repair=Repair.SALVAGE,
    )


def _journal(database: Path, problems: Sequence[str], member: bool) -> Finding:
    alone = (
        "all files are whole; find out who altered the record of changes. 'hostd-clusterd check --repair' keeps a copy "
        "and drops the records up to there"
    )
    return Finding(
        severity=Severity.BROKEN,
        subject=f"database {database}",
        found="; ".join(problems),
        do=AS_MEMBER if member else alone,
        repair=Repair.JOURNAL,
    )


def unknown_names(db: sqlite3.Connection) -> Iterator[Finding]:
    """Files whose contents a journal record has written, under a name that no record knows: names have no digest.

    A later rename would have left a record, too; records are dropped oldest first.
    """
    known: set[str] = set()
    for path, target in db.execute("SELECT path, target FROM journal"):
        known |= {path.rpartition("/")[2], target.rpartition("/")[2]}
    query = (
        "SELECT name, path FROM node JOIN journal ON journal.new_content=node.content WHERE node.content IS NOT NULL"
    )
    for name, path in db.execute(query):
        if name not in known:
            yield _rule(name, f"bears a name that was never given; its contents were written as '{path}'",
                        "give it its name again: mv")  # fmt: skip


def tree_rules(tree: Tree) -> Iterator[Finding]:
    """Rules of the tree that a whole database could still break."""
    root = tree.get(ROOT)
    seen: dict[int, str] = {}
    total = 0
    for path, node in tree.walk(root, "") if root else ():
        total += node.size_bytes
        if node.size_bytes > MAX_FILE_BYTES:
            yield _rule(path, f"has {node.size_bytes} bytes, more than {MAX_FILE_BYTES}", "make it smaller")
        guest = None if node.is_directory else paths.guest_of(path)
        if guest is not None and (other := seen.setdefault(guest.vmid, path)) != path:
            yield _rule(path, f"guest {guest.vmid} exists as {other}, too", "remove the one whose disks are not there")
    if total > MAX_TOTAL_BYTES:
        yield _rule("the tree", f"holds {total} bytes, more than {MAX_TOTAL_BYTES}", "remove what is not needed")


def _rule(path: str, found: str, do: str) -> Finding:
    return Finding(severity=Severity.ATTENTION, subject=path, found=found, do=do)


def space(database: Path) -> Iterator[Finding]:
    """Room on the disk, and what lies beside the database."""
    try:
        there = os.statvfs(database.parent)
    except OSError:
        return
    if (free := there.f_bavail * there.f_frsize) < LEAST_FREE_BYTES:
        yield Finding(
            severity=Severity.ATTENTION,
            subject=f"disk of {database.parent}",
            found=f"{free >> 20} MiB are free; without room every change is refused",
            do="make room: 'journalctl --vacuum-size=100M', 'apt clean', old images and backups",
        )
    for copy in sorted(database.parent.glob(f"{database.name}.replaced-*")):
        yield Finding(
            severity=Severity.NOTE,
            subject=str(copy),
            found="holds changes of this node that are not part of the cluster's state; the log says which",
            do="remove it when nothing of it is needed",
        )
