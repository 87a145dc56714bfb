"""What every Store keeps to: the client of the real daemon and the one in memory pass the same tests."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from conftest import Daemon  # type: ignore[attr-defined]

from hostd.cluster.store import Change, File, MemoryStore, Mirror, Store, mkdir_step, rename_step, write_step
from hostd.core.errors import Conflict, Denied, Invalid, NotFound
from tests.lib.waiting import eventually


@pytest.fixture(params=["memory", "daemon"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore("pve1")
    elif os.geteuid() != 0:
        pytest.skip("the daemon lets only root write: run as root")
    else:
        store = Store(request.getfixturevalue("daemon").socket)
        yield store
        store.close()


@pytest.fixture
def mirror(store: Store, request: pytest.FixtureRequest) -> Iterator[Mirror]:
    if isinstance(store, MemoryStore):
        yield store.mirror()
        return
    daemon: Daemon = request.getfixturevalue("daemon")
    mirror = Mirror(daemon.socket, values=True)
    mirror.start()
    mirror.wait_ready(10)
    yield mirror
    mirror.stop()


def test_what_is_written_is_read(store: Store) -> None:
    written = store.write("storage.cfg", b"dir: local\n", actor="root@pam", task="UPID:x")
    found = store.read("storage.cfg")
    assert found == written
    assert found == File(path="storage.cfg", data=b"dir: local\n", version=written.version, mtime_s=written.mtime_s)
    assert written.mtime_s > 1_700_000_000


def test_any_bytes_up_to_the_limit(store: Store) -> None:
    data = bytes(range(256)) * 4096
    assert len(data) == 1_048_576
    store.write("big", data)
    assert store.read("big").data == data
    with pytest.raises(Invalid):
        store.write("bigger", data + b"x")


def test_the_first_contents(store: Store) -> None:
    assert store.list("") == ["nodes", "priv"]
    assert store.list("nodes/pve1") == ["lxc", "priv", "qemu-server"]
    assert store.list("priv") == ["lock"]


def test_links_are_followed(store: Store) -> None:
    assert store.write("local/pve-ssl.pem", b"x").path == "nodes/pve1/pve-ssl.pem"
    assert store.read("nodes/pve1/pve-ssl.pem").data == b"x"
    store.write("qemu-server/100.conf", b"cores: 1\n")
    assert store.list("qemu-server") == ["100.conf"]
    store.rename("qemu-server/100.conf", "qemu-server/101.conf")
    store.delete("nodes/pve1/qemu-server/101.conf")
    with pytest.raises(NotFound):
        store.read("qemu-server/101.conf")


def test_compare_and_set(store: Store) -> None:
    first = store.write("user.cfg", b"1", if_version=0)
    with pytest.raises(Conflict):
        store.write("user.cfg", b"2", if_version=0)
    second = store.write("user.cfg", b"2", if_version=first.version)
    assert second.version > first.version
    with pytest.raises(Conflict):
        store.write("user.cfg", b"3", if_version=first.version)
    with pytest.raises(Conflict):
        store.delete("user.cfg", if_version=first.version)
    with pytest.raises(Conflict):
        store.rename("user.cfg", "other.cfg", if_version=first.version)
    store.delete("user.cfg", if_version=second.version)
    with pytest.raises(Conflict):
        store.write("user.cfg", b"4", if_version=second.version)


def test_errors_have_kinds(store: Store) -> None:
    store.write("a", b"")
    for call in (
        lambda: store.read("none"),
        lambda: store.list("none"),
        lambda: store.delete("none"),
        lambda: store.write("none/below", b""),
        lambda: store.rename("none", "x"),
        lambda: store.mkdir("none/below"),
    ):
        with pytest.raises(NotFound):
            call()
    for call in (
        lambda: store.read("nodes"),
        lambda: store.list("a"),
        lambda: store.mkdir("a"),
        lambda: store.mkdir("nodes"),
        lambda: store.delete("nodes/pve1"),
        lambda: store.write("a/below", b""),
        lambda: store.write("nodes", b""),
    ):
        with pytest.raises(Conflict):
            call()
    for call in (lambda: store.delete("priv"), lambda: store.write(".members", b""), lambda: store.mkdir("local/../x")):
        with pytest.raises((Denied, Invalid)):
            call()


def test_a_message_names_the_object(store: Store) -> None:
    with pytest.raises(NotFound, match="'nodes/pve1/qemu-server/100.conf' does not exist"):
        store.read("qemu-server/100.conf")


def test_a_guest_id_exists_once(store: Store) -> None:
    store.write("qemu-server/100.conf", b"")
    with pytest.raises(Conflict, match="guest id 100 is in use by qemu on node 'pve1'"):
        store.write("lxc/100.conf", b"")


def test_directories(store: Store) -> None:
    store.mkdir("firewall")
    with pytest.raises(Conflict):
        store.mkdir("firewall")
    store.mkdir("sdn/a/b", parents=True)
    store.mkdir("sdn/a/b", parents=True)
    assert store.list("sdn/a") == ["b"]
    store.rename("sdn/a", "sdn/c")
    assert store.list("sdn") == ["c"]
    store.delete("sdn/c/b")
    assert store.list("sdn/c") == []


def test_only_one_of_many_writers_wins(store: Store) -> None:
    base = store.write("counter", b"0")
    won: list[int] = []

    def attempt(number: int) -> None:
        try:
            store.write("counter", str(number).encode(), if_version=base.version)
        except Conflict:
            return
        won.append(number)

    threads = [threading.Thread(target=attempt, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.read("counter").data == str(won[0]).encode()


# --- mirrors


def test_a_mirror_shows_files_as_the_store_does(store: Store, mirror: Mirror) -> None:
    store.write("qemu-server/100.conf", b"a")
    store.write("lxc/101.conf", b"b")
    last = store.write("storage.cfg", b"c")
    mirror.wait_for(last.version)
    assert mirror.get("storage.cfg") == store.read("storage.cfg")
    assert mirror.get("qemu-server/100.conf") == store.read("qemu-server/100.conf")
    assert mirror.get("nodes") is None
    assert [f.path for f in mirror.glob("nodes/")] == ["nodes/pve1/lxc/101.conf", "nodes/pve1/qemu-server/100.conf"]
    assert [f.data for f in mirror.glob("lxc/")] == [b"b"]
    assert mirror.list("") == ["nodes", "priv", "storage.cfg"]
    assert mirror.list("nodes/pve1") == ["lxc", "priv", "qemu-server"]


def test_a_mirror_tells_each_change_once(store: Store, mirror: Mirror) -> None:
    told: list[Change] = []
    end = mirror.subscribe(told.append)
    store.write("a", b"1")
    store.write("tmp", b"2")
    store.rename("tmp", "a")
    store.delete("a")
    last = store.write("z", b"")
    mirror.wait_for(last.version)
    shown = [(change.path, change.file.data if change.file else None) for change in told]
    assert shown == [("a", b"1"), ("tmp", b"2"), ("a", b"2"), ("tmp", None), ("a", None), ("z", b"")]
    end()
    store.write("y", b"")
    assert len(told) == 6


def test_a_mirror_follows_directories(store: Store, mirror: Mirror) -> None:
    store.mkdir("sdn/zones", parents=True)
    store.write("sdn/zones/a", b"1")
    store.write("sdn/zones/b", b"2")
    store.rename("sdn", "net")
    last = store.write("z", b"")
    mirror.wait_for(last.version)
    assert mirror.get("sdn/zones/a") is None
    assert [f.path for f in mirror.glob("net/")] == ["net/zones/a", "net/zones/b"]
    assert mirror.list("") == ["net", "nodes", "priv", "z"]
    for path in ("net/zones/a", "net/zones/b", "net/zones", "net"):
        store.delete(path)
    last = store.write("z", b"")
    mirror.wait_for(last.version)
    assert mirror.list("") == ["nodes", "priv", "z"]


def test_a_failing_subscriber_stops_nobody(store: Store, mirror: Mirror, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def fail(_change: Change) -> None:
        raise RuntimeError("bug")

    mirror.subscribe(fail)
    mirror.subscribe(lambda change: told.append(change.path))
    last = store.write("a", b"")
    mirror.wait_for(last.version)
    store.write("b", b"")
    mirror.wait_for(last.version + 1)
    assert told[0] == "a"
    assert "a subscriber failed on a" in caplog.text


def test_values_are_told_to_mirrors(store: Store, mirror: Mirror) -> None:
    assert mirror.shared("sample") == {}
    store.publish("sample", b"1")
    store.publish("tasks", b"")
    eventually(lambda: "pve1" in mirror.shared("tasks"))
    before = mirror.shared("sample")
    assert {node: value.data for node, value in before.items()} == {"pve1": b"1"}
    store.publish("sample", b"2")
    store.publish("tasks", None)
    eventually(lambda: "pve1" not in mirror.shared("tasks"))
    assert mirror.shared("sample")["pve1"].data == b"2"
    assert before["pve1"].data == b"1", "a reader's map stays as it was"
    assert store.list("") == ["nodes", "priv"], "nothing of it is in the tree"


def test_a_value_that_is_no_value_is_refused(store: Store) -> None:
    with pytest.raises(Invalid, match="compressed"):
        store.publish("sample", os.urandom(300_000))
    with pytest.raises(Invalid):
        store.publish("", b"")


def test_a_host_without_a_cluster_has_no_members(mirror: Mirror) -> None:
    assert mirror.members() is None


def test_a_batch_happens_together(store: Store, mirror: Mirror) -> None:
    guest = store.write("nodes/pve1/qemu-server/100.conf", b"memory: 1\n")
    moved = "nodes/pve2/qemu-server/100.conf"
    steps = [
        write_step(guest.path, b"memory: 2\n", if_version=guest.version),
        mkdir_step("nodes/pve2/qemu-server"),
        rename_step(guest.path, moved),
        write_step("status", b"moved", if_version=0),
    ]
    version = store.batch(steps, actor="root@pam")
    assert store.read(moved) == File(
        path=moved, data=b"memory: 2\n", version=version, mtime_s=store.read(moved).mtime_s
    )
    assert store.read("status").version == version
    mirror.wait_for(version)
    seen = mirror.get(moved)
    assert seen is not None
    assert seen.data == b"memory: 2\n"
    assert mirror.get(guest.path) is None


def test_a_batch_with_one_wrong_step_changes_nothing(store: Store) -> None:
    kept = store.write("kept", b"1")
    for wrong in (
        write_step("other", b"", if_version=7),
        rename_step("nowhere", "there"),
        {"op": "read", "path": "kept"},
    ):
        with pytest.raises((Conflict, NotFound, Invalid)):
            store.batch([write_step("kept", b"2", if_version=kept.version), write_step("new", b""), wrong])
        assert store.read("kept") == kept
        assert "new" not in store.list("")
