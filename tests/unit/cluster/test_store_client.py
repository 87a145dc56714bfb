"""The client's promises that need a daemon which comes and goes, and node-local locks."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest
from conftest import Daemon  # type: ignore[attr-defined]

from hostd.cluster import wire
from hostd.cluster.fs import watch
from hostd.cluster.memory import MemoryStore
from hostd.cluster.requests import Access, BadRequest, publication_of
from hostd.cluster.store import Change, Mirror, Store, local_lock
from hostd.core.errors import Conflict, Denied, ParseError, Unavailable

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the daemon lets only root write: run as root")


def names(daemon: Daemon) -> list[str]:
    with Store(daemon.socket) as store:
        return store.list("")


def contents(daemon: Daemon, path: str) -> bytes:
    with Store(daemon.socket) as store:
        return store.read(path).data


@needs_root
def test_a_store_survives_a_restart_of_the_daemon(daemon: Daemon) -> None:
    store = Store(daemon.socket)
    store.write("a", b"1")
    daemon.stop()
    threading.Timer(0.2, daemon.start).start()
    assert store.read("a").data == b"1"
    store.write("a", b"2")
    assert store.read("a").data == b"2"
    store.close()


@needs_root
def test_a_mirror_sees_what_happened_while_it_was_away(daemon: Daemon) -> None:
    mirror = Mirror(daemon.socket)
    mirror.start()
    mirror.wait_ready(10)
    store = Store(daemon.socket)
    store.write("kept", b"1")
    store.write("changed", b"1")
    last = store.write("gone", b"1")
    mirror.wait_for(last.version)
    told: list[Change] = []
    mirror.subscribe(told.append)

    # The daemon moves to another address, where the mirror does not see it, and back.
    daemon.stop()
    assert mirror.get("gone") is not None
    away = Daemon(daemon.settings.database.parent / "away")
    away.settings = type(away.settings)(
        node="pve1", database=daemon.settings.database, socket=daemon.settings.socket.with_name("away.sock")
    )
    away.start()
    other = Store(away.socket)
    other.delete("gone")
    other.write("changed", b"2")
    last = other.write("new", b"3")
    other.close()
    away.stop()
    daemon.start()
    mirror.wait_for(last.version, 10)
    mirror.stop()
    assert {(c.path, c.file.data if c.file else None) for c in told} == {
        ("gone", None),
        ("changed", b"2"),
        ("new", b"3"),
    }
    assert mirror.get("gone") is None
    assert [f.path for f in mirror.glob("")] == ["changed", "kept", "new"]
    store.close()


def test_no_daemon_is_said_in_time(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "none.sock"), timeout_s=0.1)
    with pytest.raises(Unavailable, match="does not answer"):
        store.read("a")
    mirror = Mirror(str(tmp_path / "none.sock"))
    mirror.start()
    with pytest.raises(Unavailable):
        mirror.wait_ready(0.1)
    assert mirror.get("a") is None
    mirror.stop()


class Scripted:
    """A daemon that does what the test says with each connection."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()

    def greet(self) -> socket.socket:
        connection, _ = self.listener.accept()
        connection.sendall(wire.encode({"hello": {"protocol": 1, "node": "a", "access": "all"}}))
        return connection


def test_a_change_cut_off_after_it_was_read_has_an_unknown_outcome(tmp_path: Path) -> None:
    server = Scripted(tmp_path / "s")

    def serve() -> None:
        connection = server.greet()
        wire.receive(connection)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    store = Store(server.path, timeout_s=5)
    with pytest.raises(Unavailable, match="outcome unknown"):
        store.write("a", b"")
    thread.join()
    server.listener.close()


def test_a_change_that_was_never_read_is_sent_again(tmp_path: Path) -> None:
    server = Scripted(tmp_path / "s")
    taken: list[wire.Message | None] = []

    def serve() -> None:
        first = server.greet()
        while True:  # wait until the request is there, then close without reading it
            if first.recv(1, socket.MSG_PEEK):
                break
        first.close()
        second = server.greet()
        taken.append(wire.receive(second))
        second.sendall(wire.encode({"ok": None}))
        second.close()

    thread = threading.Thread(target=serve)
    thread.start()
    store = Store(server.path, timeout_s=5)
    store.delete("a", if_version=3, actor="root@pam", task="UPID:1")
    thread.join()
    expected = {"op": "delete", "path": "a", "if_version": 3, "actor": "root@pam", "task": "UPID:1"}
    assert taken == [expected]
    store.close()
    server.listener.close()


def test_another_protocol_is_refused(tmp_path: Path) -> None:
    server = Scripted(tmp_path / "s")

    def serve() -> None:
        connection, _ = server.listener.accept()
        connection.sendall(wire.encode({"hello": {"protocol": 99, "node": "a", "access": "all"}}))
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(ParseError, match="protocol 99"):
        Store(server.path, timeout_s=5).read("a")
    thread.join()
    server.listener.close()


@needs_root
def test_nonsense_ends_the_connection_and_nothing_else(daemon: Daemon) -> None:
    for nonsense in (b"\xff\xff\xff\xff", wire.encode({})[:4] + b"\xc1", b"\0\0\0\1\xc0", wire.encode({"op": 3})):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(daemon.socket)
            assert wire.receive(connection) is not None
            connection.sendall(nonsense)
            answer = wire.receive(connection)
            assert answer is None or "error" in answer
    assert names(daemon) == ["nodes", "priv"]


@needs_root
def test_a_refused_first_start_leaves_the_seed(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    seed = tmp_path / "seed"
    (seed / "nodes").mkdir(parents=True)
    (seed / "nodes" / "big").write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(AssertionError):
        daemon.start()
    assert "are allowed" in repr(daemon.error)
    (seed / "nodes" / "big").write_bytes(b"small")
    daemon.error = None
    daemon.start()
    assert contents(daemon, "nodes/big") == b"small"
    assert not seed.exists()
    daemon.stop()
    seed.mkdir()
    (seed / "x").write_bytes(b"")
    daemon.start()
    assert names(daemon) == ["nodes", "priv"]
    assert seed.exists()
    daemon.stop()


@needs_root
def test_a_seed_that_was_imported_but_not_removed_is_removed(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "storage.cfg").write_bytes(b"1")
    daemon.start()
    with Store(daemon.socket) as store:
        store.write("storage.cfg", b"2")
    daemon.stop()
    seed.mkdir()
    (seed / "storage.cfg").write_bytes(b"1")  # as after a power cut between the commit and the removal
    daemon.start()
    assert not seed.exists()
    assert contents(daemon, "storage.cfg") == b"2"
    daemon.stop()


def test_readers_see_public_files_and_change_nothing() -> None:
    store = MemoryStore("a", access=Access.PUBLIC)
    assert store.list("nodes/a") == ["lxc", "priv", "qemu-server"]
    for call in (
        lambda: store.read("priv/key"),
        lambda: store.list("priv"),
        lambda: store.read("local/priv/key"),
        lambda: store.write("a", b""),
        lambda: store.mkdir("a"),
        lambda: store.delete("nodes/a/lxc"),
        lambda: store.rename("nodes/a/lxc", "x"),
    ):
        with pytest.raises(Denied):
            call()


# --- locks of the node


def test_a_lock_excludes_and_says_so(tmp_path: Path) -> None:
    with local_lock("vm-100", directory=str(tmp_path)):
        with pytest.raises(Conflict, match="can't lock 'vm-100'"), local_lock("vm-100", 0.05, str(tmp_path)):
            pass
        with local_lock("vm-101", 0.05, str(tmp_path)):
            pass
    with local_lock("vm-100", 0.05, str(tmp_path)):
        pass


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    held, order = threading.Event(), []

    def hold() -> None:
        with local_lock("x", directory=str(tmp_path)):
            held.set()
            time.sleep(0.1)
            order.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    with local_lock("x", directory=str(tmp_path)):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "a\n"])
def test_lock_names_are_file_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="lock name"), local_lock(name, directory=str(tmp_path)):
        pass


@needs_root
def test_a_mirror_that_comes_later_is_told_values_and_one_that_returns_forgets_those_that_are_gone(
    daemon: Daemon,
) -> None:
    with Store(daemon.socket) as store:
        store.publish("sample", b"1")
        mirror, plain = Mirror(daemon.socket, values=True), Mirror(daemon.socket)
        for one in (mirror, plain):
            one.start()
            one.wait_ready(10)
        assert mirror.shared("sample")["pve1"].data == b"1", "known as soon as the tree is"
        assert plain.shared("sample") == {}, "it did not ask for them"
        daemon.stop()
        daemon.start()
        written = store.write("a", b"")
        mirror.wait_for(written.version, 10)
        assert mirror.shared("sample") == {}
        mirror.stop()
        plain.stop()


def test_the_front_publishes_its_own_keys_only() -> None:
    ask = {"op": "publish", "key": "api/x", "data": b"1"}
    assert publication_of(ask, Access.PUBLIC, is_front=True) == ("api/x", b"1")
    assert publication_of({**ask, "data": None}, Access.ALL, is_front=False) == ("api/x", None)
    for request, is_front in ((ask, False), ({**ask, "key": "sample"}, True)):
        with pytest.raises(BadRequest, match="only root may publish"):
            publication_of(request, Access.PUBLIC, is_front=is_front)
    for wrong in ({"data": "text"}, {"key": 1}):
        with pytest.raises(BadRequest):
            publication_of({**ask, **wrong}, Access.ALL, is_front=False)


def test_a_change_that_takes_long_is_answered(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than what is left to a request when the daemon ends; in a cluster a node that dies makes all wait."""
    monkeypatch.setattr(watch, "FINISH_S", 0.05)
    daemon.fault = lambda point: time.sleep(0.2) if point == "written" else None
    with Store(daemon.socket) as store:
        assert store.write("slow", b"1").version == store.read("slow").version
        assert store.write("slow", b"2").data == b"2"
