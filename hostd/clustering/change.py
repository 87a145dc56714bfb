"""A host's change from one cluster (or none) to another: prepared in a folder, then carried out to its end.

Everything that the change needs is written into a folder first. Until that folder gets its final name nothing has
happened, and whatever is left of it is thrown away. From then on the change is finished: by hostd-cluster-change, which
systemd starts again if it is killed, and at the next boot if the power was cut. Each step may be done twice.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from hostd.core import files
from hostd.core.errors import Conflict

FOLDER: Final = Path("/var/lib/hostd/cluster-change")
COROSYNC: Final = Path("/etc/corosync")
DATABASE: Final = Path("/var/lib/hostd/config.db")
UNIT: Final = "hostd-cluster-change.service"


class Kind(StrEnum):
    CREATE = "create"
    JOIN = "join"
    LEAVE = "leave"


@dataclass(frozen=True, kw_only=True)
class Change:
    """``kept``: the folder that keeps what is replaced. ``actor``: who wanted it. ``other``: the nodes to forget."""

    kind: Kind
    node: str
    kept: str
    actor: str
    others: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value, "node": self.node, "kept": self.kept, "actor": self.actor,
            "others": list(self.others),
        }  # fmt: skip

    @classmethod
    def from_wire(cls, told: Mapping[str, Any]) -> Change:
        return cls(
            kind=Kind(told["kind"]), node=told["node"], kept=told["kept"], actor=told["actor"],
            others=tuple(told["others"]),
        )  # fmt: skip


def is_member(corosync: Path = COROSYNC) -> bool:
    """Whether this host belongs to a cluster: a key alone tells, Debian's package brings a configuration."""
    return (corosync / "authkey").exists()


def check_free(corosync: Path = COROSYNC, folder: Path = FOLDER) -> None:
    """Raises Conflict on a host that belongs to a cluster, or is about to."""
    if folder.exists():
        raise Conflict(f"another change is being carried out; see 'journalctl -u {UNIT}'")
    if is_member(corosync):
        raise Conflict("this host belongs to a cluster already; 'pvecm status' shows it")


def prepare(
    change: Change,
    *,
    conf: str = "",
    authkey: bytes = b"",
    own: Iterable[tuple[str, bytes]] = (),
    wish: Mapping[str, Any] | None = None,
    folder: Path = FOLDER,
) -> Path:
    """Write all that the change needs; returns the folder, for ``commit``.

    ``own``: paths in the tree and contents. ``wish``: what a joining host will ask the cluster for.
    """
    made = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700, parents=True)
    if conf:
        admitted(conf, authkey, folder=made)
    if wish is not None:
        _put(made / "wish.json", json.dumps(wish).encode())
    for path, data in own:
        place = made / "own" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        _put(place, data)
    _put(made / "change.json", json.dumps(change.to_wire()).encode())
    return made


def _put(place: Path, data: bytes) -> None:
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def commit(made: Path, *, folder: Path = FOLDER) -> None:
    """The point of no return: from here on the change is carried out, whatever happens."""
    os.sync()  # folders, too; rare enough
    made.rename(folder)
    files.sync_folder(folder.parent)


def admitted(conf: str, authkey: bytes, *, folder: Path = FOLDER) -> None:
    """Note the configuration and the key that the host is to have; ``is_admitted`` from then on."""
    files.replace(folder / "authkey", authkey, mode=0o600)
    files.replace(folder / "corosync.conf", conf.encode(), mode=0o600)


def is_admitted(folder: Path = FOLDER) -> bool:
    return (folder / "corosync.conf").exists()


def pending(folder: Path = FOLDER) -> Change | None:
    """The change that must be finished; None where there is none. Leftovers of one that never began are removed."""
    shutil.rmtree(folder.with_name(f"{folder.name}.new"), ignore_errors=True)
    try:
        return Change.from_wire(json.loads((folder / "change.json").read_bytes()))
    except FileNotFoundError:
        return None


def own_files(folder: Path = FOLDER) -> list[tuple[str, bytes]]:
    """What the host brings along: paths in the tree and contents."""
    root = folder / "own"
    return [(str(p.relative_to(root)), p.read_bytes()) for p in sorted(root.rglob("*")) if p.is_file()]


def use_corosync(folder: Path = FOLDER, corosync: Path = COROSYNC) -> None:
    """Put key and configuration in place; the key last, as it is what makes the host a member."""
    corosync.mkdir(parents=True, exist_ok=True)
    files.replace(corosync / "corosync.conf", (folder / "corosync.conf").read_bytes())
    files.replace(corosync / "authkey", (folder / "authkey").read_bytes(), mode=0o400)


def set_aside(kept: Path, *, database: Path = DATABASE) -> None:
    """Move the database away, in one step; its daemon must be stopped. Does nothing where that is done."""
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not database.exists() or (kept / database.name).exists():
        return
    with_log = sqlite3.connect(database)
    try:  # the log beside it becomes part of it: a log without its database, or with another one, would do harm
        with_log.execute("PRAGMA journal_mode=DELETE")
    finally:
        with_log.close()
    database.rename(kept / database.name)


def copy_aside(kept: Path, *, database: Path = DATABASE) -> None:
    """Keep a copy of the database; its daemon must be stopped."""
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (kept / database.name).exists():
        shutil.copy2(database, kept / f"{database.name}.part")
        (kept / f"{database.name}.part").rename(kept / database.name)


def drop_corosync(kept: Path, corosync: Path = COROSYNC) -> None:
    """Keep key and configuration elsewhere; the key goes first, as it is what makes the host a member."""
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("authkey", "corosync.conf"):
        if (corosync / name).exists():
            shutil.copy2(corosync / name, kept / name)
            (corosync / name).unlink()


def done(folder: Path = FOLDER) -> None:
    """Nothing is left to do. The folder holds a key, so it is removed."""
    gone = folder.with_name(f"{folder.name}.done")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone)
