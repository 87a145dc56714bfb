"""What a cluster adds to the store's database: promise, epochs, whole states from other nodes. SQL on a connection.

The callers in ``database`` open the transaction and end it; nothing here is durable before that.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable
from typing import Final

from hostd.cluster.fs import journal
from hostd.cluster.fs.replicate import Epoch
from hostd.cluster.fs.transfer import Snapshot
from hostd.cluster.fs.tree import ROOT

KEPT_EPOCHS: Final = 1000

UPGRADE: Final = """
ALTER TABLE state ADD COLUMN promised INTEGER NOT NULL DEFAULT 1;
ALTER TABLE state ADD COLUMN origin TEXT NOT NULL DEFAULT '';
CREATE TABLE epoch(number INTEGER PRIMARY KEY, mark TEXT NOT NULL, base INTEGER NOT NULL, nodes TEXT NOT NULL,
    forced INTEGER NOT NULL);
"""  # schema 1 to 2


def name_database(db: sqlite3.Connection) -> None:
    """Give a database its origin, a random name that it keeps, and its first epoch, if it has none yet."""
    (origin, epoch) = db.execute("SELECT origin, epoch FROM state").fetchone()
    if not origin:
        origin = secrets.token_hex(8)
        db.execute("UPDATE state SET origin=?, promised=max(promised, epoch)", (origin,))
        add(db, Epoch(epoch, origin, 0))


def read(db: sqlite3.Connection) -> list[Epoch]:
    """Oldest first."""
    rows = db.execute("SELECT number, mark, base, nodes, forced FROM epoch ORDER BY number")
    return [Epoch(number, mark, base, tuple(json.loads(nodes)), bool(f)) for number, mark, base, nodes, f in rows]


def add(db: sqlite3.Connection, epoch: Epoch) -> None:
    row = (epoch.number, epoch.mark, epoch.base, json.dumps(epoch.nodes), epoch.forced)
    db.execute("INSERT INTO epoch VALUES(?,?,?,?,?)", row)
    query = "DELETE FROM epoch WHERE number NOT IN (SELECT number FROM epoch ORDER BY number DESC LIMIT ?)"
    db.execute(query, (KEPT_EPOCHS,))


def replace(db: sqlite3.Connection, epochs: Iterable[Epoch]) -> None:
    db.execute("DELETE FROM epoch")
    for epoch in epochs:
        add(db, epoch)


def write_snapshot(db: sqlite3.Connection, snapshot: Snapshot) -> bytes:
    """Replace tree and journal; returns the end of the journal's chain."""
    for table in ("node", "content", "journal"):
        db.execute(f"DELETE FROM {table}")
    for node in snapshot.nodes:
        content = None
        if node.data is not None:
            content = db.execute("INSERT INTO content(data) VALUES(?)", (node.data,)).lastrowid
        parent = 0 if node.inode == ROOT else node.parent
        row = (node.inode, parent, node.name, content, node.digest, node.version, node.mtime_ns)
        db.execute("INSERT INTO node VALUES(?,?,?,?,?,?,?)", row)
    marks = ",".join("?" * (len(journal.COLUMNS) + 3))
    rows = ((*journal.row_of(item), None, None, chain) for item, chain in snapshot.records)
    db.executemany(f"INSERT INTO journal VALUES({marks})", rows)
    return snapshot.records[-1][1] if snapshot.records else snapshot.anchor
