"""Small parts around the tree: special files, lock lifetimes, cache jobs, feed, peers, mount preparation."""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path

import pytest

from hostd.cluster import feed
from hostd.cluster.fs import caches, mount, special
from hostd.cluster.fs.lifetimes import LockTimes
from hostd.cluster.fs.mutations import Delete, Mutation, Rename, Touch, Write, make_directories, new_inode
from hostd.cluster.fs.replicate import Entry, Origin, Position, Proposal
from hostd.cluster.fs.tree import Outcome, Tree, apply
from hostd.cluster.fs.watch import access_of
from hostd.cluster.requests import Access
from hostd.core.errors import Conflict
from hostd.core.run import Arg, Result


def must(tree: Tree, mutation: Mutation) -> Outcome:
    outcome = apply(tree, mutation, time_ns=1)
    assert outcome.refused is None, outcome.refused
    tree.absorb(outcome)
    return outcome


def write(path: str, data: bytes = b"x") -> Write:
    return Write(path=path, data=data, inode=new_inode())


def entry(outcome: Outcome) -> Entry:
    return Entry(Position(1, 1), Proposal(id=1, mutation=Delete(path=""), origin=Origin(node="a", time_ns=0)), outcome)


@pytest.fixture
def tree() -> Tree:
    tree = Tree()
    for path in ("nodes/a/qemu-server", "nodes/b/lxc", "priv/lock", "firewall"):
        must(tree, make_directories(path))
    return tree


# --- special files


def test_vmlist(tree: Tree) -> None:
    must(tree, write("nodes/b/lxc/1000.conf"))
    must(tree, write("nodes/a/qemu-server/101.conf"))
    must(tree, write("nodes/a/qemu-server/101.conf.tmp"))
    told = json.loads(special.vmlist(tree))
    assert told == {
        "version": 6,
        "ids": {"101": {"node": "a", "type": "qemu", "version": 6}, "1000": {"node": "b", "type": "lxc", "version": 5}},
    }
    assert list(told["ids"]) == ["101", "1000"]


def test_version_counts_files_outside_nodes_and_priv(tree: Tree) -> None:
    for path in ("storage.cfg", "firewall/cluster.fw", "priv/shadow.cfg", "nodes/a/config"):
        must(tree, write(path))
    told = json.loads(special.version(tree, start_s=99, members_version=1))
    assert told == {"starttime": 99, "clinfo": 1, "vmlist": 0, "storage.cfg": 5, "firewall/cluster.fw": 6}


def test_contents_follow_the_tree(tree: Tree) -> None:
    files = special.SpecialFiles(tree, "a", start_s=1)
    before = files.content(".vmlist")
    assert files.content(".vmlist") is before
    must(tree, write("nodes/a/qemu-server/100.conf"))
    assert b'"100"' in files.content(".vmlist")
    assert json.loads(files.content(".members")) == {"nodename": "a", "version": 1}


def test_what_nobody_reports_is_absent_and_debug_is_the_daemons_switch(tree: Tree) -> None:
    files = special.SpecialFiles(tree, "a", start_s=1)
    assert files.names == {".debug", ".members", ".version", ".vmlist"}
    root = logging.getLogger()
    before = root.level
    try:
        assert special.switch_debug(b"1\n")
        assert files.content(".debug") == b"1\n"
        assert special.switch_debug(b"0")
        assert files.content(".debug") == b"0\n"
        assert not special.switch_debug(b"2")
    finally:
        root.setLevel(before)


# --- locks


def test_a_lock_expires_120_s_after_this_node_saw_its_last_refresh(tree: Tree) -> None:
    now = 1000.0
    must(tree, make_directories("priv/lock/old"))
    times = LockTimes(tree, lambda: now)
    outcome = must(tree, make_directories("priv/lock/new"))
    now = 1010.0
    times.published(entry(outcome), False)
    old, new = tree.find("priv/lock/old"), tree.find("priv/lock/new")
    assert old is not None
    assert new is not None
    now = 1120.0
    assert not times.expired(old.inode, old.version)
    now = 1120.1
    assert times.expired(old.inode, old.version)
    assert not times.expired(new.inode, new.version)
    times.published(entry(must(tree, Touch(inode=old.inode, mtime_ns=5))), False)
    assert not times.expired(old.inode, old.version)
    now = 1240.2
    refreshed = tree.find("priv/lock/old")
    assert refreshed is not None
    assert times.expired(old.inode, refreshed.version)
    times.published(entry(must(tree, Delete(path="priv/lock/new"))), False)
    assert not times.expired(new.inode, new.version)


# --- what the kernel must forget


def test_changes_through_the_socket_make_names_stale(tree: Tree) -> None:
    outcome = must(tree, write("firewall/cluster.fw"))
    above = tree.find("firewall")
    file = tree.find("firewall/cluster.fw")
    assert above is not None
    assert file is not None
    names = [name for effect in outcome.effects for name in caches.entries_of(effect, from_mount=False)]
    assert names == [(above.inode, b"cluster.fw")]
    assert [i for e in outcome.effects for i in caches.inodes_of(e)] == [(above.inode, False)]
    outcome = must(tree, write("firewall/cluster.fw", b"y"))
    assert [i for e in outcome.effects for i in caches.inodes_of(e)] == [(file.inode, True)]
    outcome = must(tree, Rename(source="firewall/cluster.fw", target="x"))
    names = [name for effect in outcome.effects for name in caches.entries_of(effect, from_mount=False)]
    assert names == [(above.inode, b"cluster.fw"), (1, b"x")]
    assert not [name for effect in outcome.effects for name in caches.entries_of(effect, from_mount=True)]


# --- the feed


def test_who_may_not_see_private_files_sees_them_come_and_go(tree: Tree) -> None:
    outcome = must(tree, write("priv/key"))
    assert feed.changes(outcome, tree, Access.PUBLIC) == []
    assert [item[0] for item in feed.changes(outcome, tree, Access.ALL)] == ["priv/key"]
    outcome = must(tree, Rename(source="priv/key", target="key"))
    assert [item[0] for item in feed.changes(outcome, tree, Access.PUBLIC)] == ["key"]
    outcome = must(tree, Rename(source="key", target="priv/key"))
    assert feed.changes(outcome, tree, Access.PUBLIC) == [("key",)]
    shown = {item[0] for item in feed.snapshot(tree, Access.PUBLIC)}
    assert shown == {"nodes", "nodes/a", "nodes/a/qemu-server", "nodes/b", "nodes/b/lxc", "firewall"}
    assert {item[0] for item in feed.snapshot(tree, Access.ALL)} - shown == {"priv", "priv/lock", "priv/key"}


@pytest.mark.parametrize(
    ("uid", "gids", "expected"),
    [
        (0, {0}, Access.ALL),
        (990, {990}, Access.PUBLIC),
        (1000, {1000, 33}, Access.PUBLIC),
        (33, {33}, Access.PUBLIC),
        (1000, {1000}, None),
        (65534, {65534}, None),
    ],
)
def test_who_may_do_what(uid: int, gids: set[int], expected: Access | None) -> None:
    assert access_of(uid, gids, readers_uid=990, readers_gid=33) is expected
    assert access_of(uid, gids, readers_uid=None, readers_gid=None) is (Access.ALL if uid == 0 else None)


# --- the mount point


def test_a_dead_mount_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(argv: list[Arg], *, timeout_s: float = 60, **_: object) -> Result:
        ran.append([str(arg) for arg in argv])
        monkeypatch.undo()
        return Result(argv=[], code=0, stdout="", stderr="")

    def dead(path: str) -> os.statvfs_result:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(mount.os, "statvfs", dead)
    mount.prepare(str(tmp_path), run)  # type: ignore[arg-type]
    assert ran == [["umount", "--lazy", str(tmp_path)]]
    mount.prepare(str(tmp_path / "new"), run)  # type: ignore[arg-type]
    assert (tmp_path / "new").is_dir()
    assert len(ran) == 1


def test_files_below_the_mount_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "storage.cfg").write_bytes(b"")
    mount.prepare(str(tmp_path), mount_run)
    assert "storage.cfg" in caplog.text


def mount_run(*_: object, **__: object) -> Result:
    raise AssertionError("nothing to run")


def test_a_living_mount_is_not_touched() -> None:
    with pytest.raises(Conflict, match="mounted at '/proc' already"):
        mount.prepare("/proc", mount_run)
