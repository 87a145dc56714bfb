"""The mounted store and its socket: who may see and do what; locks."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys

import pytest

from hostd.cluster.store import Store
from tests.lib.mountedstore import ROOT, Node, fails_with, shell

# --- permissions


def test_permissions(node: Node, store: Store) -> None:
    store.write("user.cfg", b"public")
    store.write("priv/key", b"secret")
    store.write("local/priv/key", b"secret")
    assert shell(node, "cat user.cfg; cat .vmlist > /dev/null", user="www-data:www-data") == "public"
    assert "pve1" in shell(node, "ls nodes", user="www-data:www-data")
    forbidden = ["cat priv/key", "cat local/priv/key", "ls priv", "ls local/priv", "touch new", "rm user.cfg"]
    forbidden += ["mkdir d", "mv user.cfg x", "sh -c 'echo > user.cfg'", "touch nodes/pve1/lxc/100.conf"]
    script = "; ".join(f"! {command} 2> /dev/null" for command in forbidden)
    shell(node, script, user="www-data:www-data")
    shell(node, f"{script}; ! cat user.cfg 2> /dev/null; ! cat .vmlist 2> /dev/null", user="nobody:nogroup")
    assert "user.cfg" in shell(node, "ls", user="nobody:nogroup")
    modes = {name: stat.S_IMODE(node.path(name).stat().st_mode) for name in ("user.cfg", "nodes", "priv", "priv/key")}
    assert modes == {"user.cfg": 0o640, "nodes": 0o755, "priv": 0o700, "priv/key": 0o600}
    assert (node.path("user.cfg").stat().st_uid, node.path("user.cfg").owner(), node.path("user.cfg").group()) == (
        0, "root", "www-data",
    )  # fmt: skip


SOCKET_CLIENT = """
import sys
from hostd.cluster.store import Mirror, Store
from hostd.core.errors import Denied
store = Store(sys.argv[1], timeout_s=5)
def kind(call):
    try:
        return call()
    except Denied:
        return "denied"
print(kind(lambda: store.read("user.cfg").data.decode()))
print(kind(lambda: store.read("priv/key").data.decode()))
print(kind(lambda: store.write("user.cfg", b"x")))
store.close()
mirror = Mirror(sys.argv[1])
mirror.start()
try:
    mirror.wait_ready(float(sys.argv[2]))
    print(",".join(f.path for f in mirror.glob("")))
except Exception as err:
    print(type(err).__name__)
mirror.stop()
"""


@pytest.mark.parametrize(
    ("identity", "wait_s", "expected"),
    [
        (["--reuid=www-data", "--regid=www-data", "--clear-groups"], "5", ["public", "denied", "denied", "user.cfg"]),
        (["--reuid=nobody", "--regid=nogroup", "--groups=www-data"], "5", ["public", "denied", "denied", "user.cfg"]),
        (["--reuid=nobody", "--regid=nogroup", "--clear-groups"], "0.3", ["denied", "denied", "denied", "Unavailable"]),
    ],
    ids=["www-data", "member", "stranger"],
)
def test_the_socket_asks_the_kernel_who_is_there(
    node: Node, store: Store, identity: list[str], wait_s: str, expected: list[str]
) -> None:
    store.write("user.cfg", b"public")
    store.write("priv/key", b"secret")
    assert stat.S_IMODE(node.socket.stat().st_mode) == 0o666
    argv = ["setpriv", *identity, sys.executable, "-c", SOCKET_CLIENT, str(node.socket), wait_s]
    library = node.directory / "library"  # the checkout may be in a place that only root can reach
    shutil.copytree(ROOT / "hostd", library / "hostd")
    env = {**os.environ, "PYTHONPATH": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(argv, cwd="/", capture_output=True, check=False, timeout=60, env=env)
    assert done.stdout.decode().split() == expected, done.stderr.decode()


# --- locks


def test_locks_by_mkdir(node: Node, store: Store) -> None:
    lock = node.path("priv/lock/storage-x")
    lock.mkdir()
    fails_with(errno.EEXIST, lock.mkdir)
    fails_with(errno.EACCES, lambda: os.utime(lock, (0, 0)))
    node.clock.write_text("119")
    fails_with(errno.EACCES, lambda: os.utime(lock, (0, 0)))
    os.utime(lock, (5, 5))  # the holder refreshes it
    node.clock.write_text("200")
    fails_with(errno.EACCES, lambda: os.utime(lock, (0, 0)))
    assert lock.is_dir()
    node.clock.write_text("240")
    os.utime(lock, (0, 0))
    assert not lock.exists()
    lock.mkdir()
    lock.rmdir()
    assert store.list("priv/lock") == []
