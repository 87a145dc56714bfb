"""The folder in which a change waits, with real files: cut off anywhere, it is either not there or carried out."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from pathlib import Path

import pytest

from hostd.clustering import change
from hostd.clustering.change import Change, Kind
from hostd.core import files
from hostd.core.errors import Conflict


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cluster-change"


def wanted(tmp_path: Path) -> Change:
    return Change(kind=Kind.JOIN, node="beta", kept=str(tmp_path / "kept"), actor="root@pam")


def test_what_was_only_prepared_never_happened(folder: Path, tmp_path: Path) -> None:
    made = change.prepare(wanted(tmp_path), conf="totem {\n}\n", authkey=b"k" * 256, folder=folder)
    assert not folder.exists()
    assert change.pending(folder) is None
    assert not made.exists()


def test_what_was_committed_waits_until_it_is_done(folder: Path, tmp_path: Path) -> None:
    own = [("nodes/beta/lxc/100.conf", b"hostname: c\n"), ("nodes/beta/priv/x", b"y")]
    change.commit(change.prepare(wanted(tmp_path), own=own, wish={"token": "t"}, folder=folder), folder=folder)
    assert change.pending(folder) == wanted(tmp_path)
    assert change.own_files(folder) == own
    assert not change.is_admitted(folder)
    change.admitted("totem {\n}\n", b"key", folder=folder)
    assert change.is_admitted(folder)
    with pytest.raises(Conflict, match="being carried out"):
        change.check_free(tmp_path / "corosync", folder)
    secret = [p for p in folder.rglob("*") if p.is_file() and stat.S_IMODE(p.stat().st_mode) != 0o600]
    assert not secret, "keys and tokens are in it"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    change.done(folder)
    assert list(tmp_path.iterdir()) == []


def test_the_key_comes_last_and_goes_first(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corosync, order = tmp_path / "corosync", []
    folder.mkdir()
    change.admitted("totem {\n}\n", b"key", folder=folder)
    real = files.replace

    def seen(place: Path, data: bytes, *, mode: int = 0o644) -> None:
        order.append((place.name, oct(mode)))
        real(place, data, mode=mode)

    monkeypatch.setattr(files, "replace", seen)
    change.use_corosync(folder, corosync)
    assert order == [("corosync.conf", "0o644"), ("authkey", "0o400")]
    assert change.is_member(corosync)
    change.drop_corosync(tmp_path / "kept", corosync)
    change.drop_corosync(tmp_path / "kept", corosync)
    assert not change.is_member(corosync)
    assert (tmp_path / "kept/authkey").read_bytes() == b"key"


def test_a_database_is_set_aside_with_its_log_in_it(tmp_path: Path) -> None:
    database, kept = tmp_path / "config.db", tmp_path / "kept"
    writer = sqlite3.connect(database)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t (x)")
    writer.execute("INSERT INTO t VALUES (7)")
    writer.commit()
    log = (tmp_path / "config.db-wal").read_bytes()
    writer.close()
    (tmp_path / "config.db-wal").write_bytes(log)  # as a daemon that was killed leaves it
    change.set_aside(kept, database=database)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept"]
    with contextlib.closing(sqlite3.connect(kept / "config.db")) as reader:
        assert reader.execute("SELECT x FROM t").fetchall() == [(7,)]
    database.write_bytes(b"the cluster's")
    change.set_aside(kept, database=database)
    assert database.read_bytes() == b"the cluster's", "done already: the new one stays"


def test_a_member_cannot_join(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "corosync").mkdir()
    (tmp_path / "corosync/authkey").write_bytes(b"k")
    with pytest.raises(Conflict, match="belongs to a cluster already"):
        change.check_free(tmp_path / "corosync", folder)
