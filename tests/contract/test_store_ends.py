"""The mounted store at its ends: stopped, killed, out of space, unmounted; its first start."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from hostd.cluster.store import Mirror, Store
from hostd.core.errors import Conflict
from tests.lib.mountedstore import ROOT, Node, fails_with

# --- ends


def test_an_orderly_end_commits_and_unmounts(node: Node) -> None:
    file = os.open(node.path("f"), os.O_WRONLY | os.O_CREAT)
    os.write(file, b"not closed yet")
    assert node.end() == 0
    fails_with(errno.ENOTCONN, lambda: os.close(file))
    assert not os.path.ismount(node.mount)
    assert os.listdir(node.mount) == []
    assert not node.socket.exists()
    node.start()
    assert node.path("f").read_bytes() == b"not closed yet"


def test_killed_and_started_again(node: Node, store: Store) -> None:
    mirror = Mirror(str(node.socket))
    mirror.start()
    mirror.wait_ready(10)
    held = os.open(node.mount, os.O_RDONLY)
    for turn in range(5):
        node.path(f"f{turn}").write_bytes(b"%d" % turn)
        store.write(f"s{turn}", b"%d" % turn)
        node.end(signal.SIGKILL)
        fails_with(errno.ENOTCONN, lambda: os.listdir(node.mount))
        node.start()
        for past in range(turn + 1):
            assert node.path(f"f{past}").read_bytes() == b"%d" % past
            assert store.read(f"s{past}").data == b"%d" % past
    os.close(held)
    mirror.wait_for(store.write("end", b"").version, 10)
    assert len(mirror.glob("f")) == 5
    mirror.stop()


def test_killed_while_writing(node: Node, store: Store) -> None:
    """What a program was told is written is there; what it was not told is there whole or not at all."""
    for turn in range(4):
        closed: dict[str, int] = {}

        def work(number: int, closed: dict[str, int] = closed) -> None:
            try:
                for count in range(1, 100_000):
                    node.path(f"f{number}").write_bytes(b"%d\n" % count * 500)
                    closed[f"f{number}"] = count
            except OSError:
                return

        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.2 + 0.05 * turn)
        node.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
        node.start()
        for name, count in closed.items():
            data = node.path(name).read_bytes()
            assert data in (b"%d\n" % count * 500, b"%d\n" % (count + 1) * 500), (name, count, data[:20])


def test_a_full_disk_refuses_writes_and_nothing_else(node: Node, store: Store) -> None:
    node.end()
    place = node.directory / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], check=True)
    try:
        node.database = place / "config.db"
        (place / "ballast").write_bytes(bytes(2 << 20))
        node.start()
        written: dict[str, bytes] = {}
        with pytest.raises(OSError) as caught:
            for number in range(64):
                data = os.urandom(200_000)
                node.path(f"f{number}").write_bytes(data)
                written[f"f{number}"] = data
        assert caught.value.errno == errno.ENOSPC
        assert len(written) > 2
        with pytest.raises(Conflict, match="no space left"):
            store.write("more", os.urandom(500_000))
        assert {name: node.path(name).read_bytes() for name in written} == written
        (place / "ballast").unlink()
        node.path("after").write_bytes(b"x")
        node.end(signal.SIGKILL)
        node.start()
        written["after"] = b"x"
        assert {name: node.path(name).read_bytes() for name in written} == written
        node.end()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_the_benchmark_runs_and_cleans_up(node: Node, store: Store) -> None:
    argv = [sys.executable, str(ROOT / "benchmarks/store.py"), str(node.directory), "--mount", str(node.mount)]
    argv += ["--seconds", "0", "--files-only"]
    done = subprocess.run(argv, capture_output=True, check=True, timeout=60)
    rows = [line.split("  ")[0] for line in done.stdout.decode().splitlines()[1:]]
    assert rows == [
        "stat", "pread, open file", "open+read+close", "readdir (10)", "readdir (1000)", "overwrite", "create",
        "temp+rename", "rename", "mkdir", "unlink", "lock cycle",
    ]  # fmt: skip
    assert store.list("") == ["nodes", "priv"]


def test_one_daemon_at_a_time(node: Node) -> None:
    other = Node(node.directory / "other")
    other.directory.mkdir()
    other.database = node.database
    with pytest.raises(AssertionError, match="in use by another process"):
        other.start()
    assert other.process is not None
    assert other.process.returncode == 3
    assert node.path("nodes").is_dir()


def test_unmounted_by_hand_the_daemon_ends(node: Node) -> None:
    subprocess.run(["umount", str(node.mount)], check=True)
    assert node.process is not None
    assert node.process.wait(30) != 0


def test_the_first_start_imports_the_seed(node: Node, store: Store) -> None:
    with pytest.raises(Conflict):
        store.mkdir("nodes/pve1/qemu-server")
    node.end()
    node.database.unlink()
    seed = node.directory / "seed"
    (seed / "local").mkdir(parents=True)
    (seed / "storage.cfg").write_bytes(b"dir: local\n")
    (seed / "local" / "config").write_bytes(b"x")
    node.start()
    assert node.path("storage.cfg").read_bytes() == b"dir: local\n"
    assert node.path("nodes/pve1/config").read_bytes() == b"x"
    assert not seed.exists()


def test_check_and_backup_while_running(node: Node, store: Store) -> None:
    store.write("f", b"1")
    argv = [sys.executable, "-m", "hostd.daemons.clusterd", "--database", str(node.database)]
    done = subprocess.run([*argv, "check"], cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert done.returncode == 1, "no certificates here"
    assert [line.split(":")[0] for line in done.stdout.decode().splitlines()] == ["attention", "  what to do"]
    subprocess.run([*argv, "backup", str(node.directory / "copy.db")], cwd=ROOT, check=True, timeout=60)
    store.write("f", b"2")
    node.end()
    os.replace(node.directory / "copy.db", node.database)
    node.start()
    assert node.path("f").read_bytes() == b"1"
    node.end()
    raw = bytearray(node.database.read_bytes())
    raw[4096:8192] = os.urandom(4096)
    node.database.write_bytes(raw)
    done = subprocess.run([*argv, "check"], cwd=ROOT, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout.startswith(b"broken: ")
