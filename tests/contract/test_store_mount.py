"""The mounted store: what shells, editors and programs do in it, and caches."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable

import pytest

from hostd.cluster.store import Store
from hostd.core.errors import NotFound
from tests.lib.mountedstore import PATIENCE_S, Node, Recorder, fails_with, shell

# --- what programs do


def test_shells_and_tools(node: Node, store: Store) -> None:
    script = """
    echo one > a; echo two >> a; cat a > b; sed -i s/one/1/ a; cp b c; mv c d; mv d e; cp -f a e
    mkdir -p sdn/x; mv e sdn/x/; rm b; touch empty; : > cut; echo x > cut; : > cut
    printf 'abcdef' > trunc; truncate -s 3 trunc; dd if=/dev/zero of=zeros bs=1000 count=3 conv=fsync 2>/dev/null
    tee t2 < a > /dev/null; rsync -a a t3 2> /dev/null || cp a t3
    """
    shell(node, script)
    expected = {
        "a": b"1\ntwo\n", "sdn/x/e": b"1\ntwo\n", "empty": b"", "cut": b"", "trunc": b"abc", "zeros": bytes(3000),
        "t2": b"1\ntwo\n", "t3": b"1\ntwo\n",
    }  # fmt: skip
    for name, data in expected.items():
        assert node.path(name).read_bytes() == data, name
    # An empty file is committed by its last close, which the program does not wait for.
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and store.read("cut").data:
        time.sleep(0.01)
    assert {name: store.read(name).data for name in expected} == expected
    assert store.list("") == sorted(["a", "cut", "empty", "nodes", "priv", "sdn", "t2", "t3", "trunc", "zeros"])
    special = [".clusterlog", ".debug", ".members", ".rrd", ".version", ".vmlist"]
    links = ["local", "lxc", "openvz", "qemu-server"]
    assert sorted(os.listdir(node.mount)) == sorted([*store.list(""), *special, *links])


@pytest.mark.parametrize("program", ["sh", "bash"])
def test_replacing_contents_never_shows_an_empty_file(node: Node, store: Store, program: str) -> None:
    """Truncate, then write: also where the shell duplicates and closes the descriptor in between."""
    store.write("f", b"old\n")
    recorder = Recorder(node)
    script = "echo 1 > f; { echo 2; echo 3; } > f; exec 3> f; exec 4>&3; exec 3>&-; echo 4 >&4; exec 4>&-"
    shell(node, script, program=program)
    shell(node, "echo new > g; cp f qemu-server/100.conf; cat f > i", program=program)
    node.path("f").write_bytes(b"5")
    states = recorder.states(store, "f")
    assert states[-1] == b"5"
    assert b"" not in states
    created = [(c.path, c.file.data) for c in recorder.seen if c.file and c.path not in ("f", "sync")]
    assert created == [("g", b"new\n"), ("nodes/pve1/qemu-server/100.conf", b"4\n"), ("i", b"4\n")]


def test_a_file_is_one_change(node: Node, store: Store) -> None:
    recorder = Recorder(node)
    with node.path("f").open("wb", buffering=0) as file:
        for number in range(10):
            file.write(bytes([number]) * 1000)
            assert os.stat(node.path("f")).st_size == 1000 * (number + 1)
    data = b"".join(bytes([n]) * 1000 for n in range(10))
    assert recorder.states(store, "f") == [data]
    assert node.path("f").read_bytes() == data


def test_fsync_commits_before_close(node: Node, store: Store) -> None:
    with node.path("f").open("wb") as file:
        file.write(b"1")
        file.flush()
        with pytest.raises(NotFound):
            store.read("f")
        os.fsync(file.fileno())
        assert store.read("f").data == b"1"
        file.write(b"2")
    assert store.read("f").data == b"12"


def test_temporary_file_and_rename(node: Node, store: Store) -> None:
    store.write("f", b"old")
    recorder = Recorder(node)
    for number in range(3):
        handle, name = tempfile.mkstemp(dir=node.mount)
        os.write(handle, b"new %d" % number)
        os.fsync(handle)
        os.close(handle)
        os.rename(name, node.path("f"))
    with node.path("tmp").open("wb") as file:  # renamed while it is open and not committed
        file.write(b"last")
        file.flush()
        os.rename(node.path("tmp"), node.path("f"))
        assert node.path("f").read_bytes() == b"last"
        assert store.read("f").data == b"last"
        file.write(b" word")
    assert recorder.states(store, "f") == [b"new 0", b"new 1", b"new 2", b"last", b"last word"]
    assert node.path("f").read_bytes() == b"last word"
    assert store.list("") == ["f", "nodes", "priv", "sync"]


def test_the_way_of_vim(node: Node, store: Store) -> None:
    """Backup by renaming, a new file under the old name, the backup removed; and by copying, then in place."""
    store.write("nodes/pve1/qemu-server/100.conf", b"cores: 1\n")
    file = node.path("qemu-server/100.conf")
    recorder = Recorder(node)
    probe = os.open(file.with_name("4913"), os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o640)
    os.fchown(probe, 0, os.fstat(probe).st_gid)
    os.close(probe)
    os.unlink(file.with_name("4913"))
    os.rename(file, f"{file}~")
    new = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    os.write(new, b"cores: 2\n")
    os.fsync(new)
    os.close(new)
    os.chmod(file, 0o640)
    os.unlink(f"{file}~")
    shutil.copyfile(file, f"{file}~")
    with file.open("r+b") as handle:
        handle.truncate(0)
        handle.write(b"cores: 3\n")
    os.unlink(f"{file}~")
    assert recorder.states(store, "nodes/pve1/qemu-server/100.conf") == [None, b"cores: 2\n", b"cores: 3\n"]
    assert os.listdir(node.path("qemu-server")) == ["100.conf"]


def test_real_vim(node: Node, store: Store) -> None:
    editor = shutil.which("vim.tiny") or shutil.which("vim")
    if editor is None:
        pytest.skip("vim is not installed")
    store.write("storage.cfg", b"dir: local\n\tpath /var/lib/vz\n")
    for options in ("set backupcopy=yes", "set backupcopy=no", "set nowritebackup"):
        argv = [editor, "-u", "NONE", "-es", "-c", options, "-c", "%s/vz/vz2/", "-c", "wq", "storage.cfg"]
        subprocess.run(argv, cwd=node.mount, check=True, timeout=30, stdin=subprocess.DEVNULL)
    assert store.read("storage.cfg").data == b"dir: local\n\tpath /var/lib/vz222\n"
    assert store.list("") == ["nodes", "priv", "storage.cfg"]


def test_appending(node: Node, store: Store) -> None:
    node.path("log").write_bytes(b"")
    one, two = (os.open(node.path("log"), os.O_WRONLY | os.O_APPEND) for _ in range(2))
    for number in range(3):
        os.write(one, b"a%d " % number)
        os.write(two, b"b%d " % number)
    os.close(one)
    os.close(two)
    assert store.read("log").data == b"a0 b0 a1 b1 a2 b2 "
    store.write("log", b"short")
    shell(node, "echo x >> log")
    assert node.path("log").read_bytes() == store.read("log").data == b"shortx\n"
    held = os.open(node.path("log"), os.O_WRONLY | os.O_APPEND)
    store.write("log", b"1")  # the kernel still believes in seven bytes
    os.write(held, b"2")
    os.close(held)
    assert node.path("log").read_bytes() == store.read("log").data == b"12"


def test_a_removed_file_is_readable_by_who_has_it_open(node: Node, store: Store) -> None:
    store.write("f", b"contents")
    with node.path("f").open("r+b") as file, node.path("g").open("wb") as fresh:
        fresh.write(b"never seen")
        fresh.flush()
        os.unlink(node.path("f"))
        os.unlink(node.path("g"))
        assert file.read() == b"contents"
        assert os.fstat(file.fileno()).st_size == 8
        file.write(b"more")
    assert store.list("") == ["nodes", "priv"]


def test_directories_with_a_file_being_made(node: Node) -> None:
    node.path("d").mkdir()
    with node.path("d/f").open("wb") as file:
        assert os.listdir(node.path("d")) == ["f"]
        fails_with(errno.ENOTEMPTY, node.path("d").rmdir)
        os.rename(node.path("d"), node.path("e"))
        file.write(b"x")
    assert node.path("e/f").read_bytes() == b"x"
    os.unlink(node.path("e/f"))
    node.path("e").rmdir()


def test_the_largest_file(node: Node, store: Store) -> None:
    data = os.urandom(1_048_576)
    node.path("big").write_bytes(data)
    assert store.read("big").data == data
    assert node.path("big").read_bytes() == data
    with node.path("big").open("ab", buffering=0) as file:
        fails_with(errno.EFBIG, lambda: file.write(b"x"))
    fails_with(errno.EFBIG, lambda: os.truncate(node.path("big"), 1_048_577))
    assert store.read("big").data == data
    store.write("big2", data)
    shell(node, "cmp big big2; cp big2 big3; cmp big3 big")


def test_refusals(node: Node, store: Store) -> None:
    store.write("qemu-server/100.conf", b"")
    path = node.path
    fails_with(errno.EEXIST, lambda: path("lxc/100.conf").write_bytes(b""))
    path("tmp").write_bytes(b"")
    fails_with(errno.EEXIST, lambda: os.rename(path("tmp"), path("lxc/100.conf")))
    fails_with(errno.EEXIST, lambda: os.open(path("tmp"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    fails_with(errno.EPERM, lambda: os.symlink("x", path("link")))
    fails_with(errno.EPERM, lambda: os.link(path("tmp"), path("link")))
    fails_with(errno.EPERM, lambda: os.mknod(path("pipe"), stat.S_IFIFO | 0o600))
    fails_with(errno.EPERM, lambda: os.unlink(path("local")))
    fails_with(errno.EPERM, lambda: os.unlink(path(".vmlist")))
    fails_with(errno.EPERM, lambda: os.rename(path("priv"), path("open")))
    path("priv/lock").rmdir()
    fails_with(errno.EPERM, path("priv").rmdir)
    fails_with(errno.EACCES, lambda: path(".rrd").write_bytes(b""))
    fails_with(errno.EACCES, lambda: path(".vmlist").write_bytes(b""))
    fails_with(errno.EINVAL, lambda: path("a\nb").write_bytes(b""))
    fails_with(errno.ENAMETOOLONG, lambda: path("x" * 256).write_bytes(b""))
    fails_with(errno.ENOTEMPTY, path("nodes/pve1").rmdir)
    fails_with(errno.ENOENT, lambda: path("none").read_bytes())
    fails_with(errno.EPERM, lambda: path("tmp").chmod(0o777))
    fails_with(errno.EPERM, lambda: os.chown(path("tmp"), 1000, -1))
    path("tmp").chmod(0o640)
    assert store.list("") == ["nodes", "priv", "tmp"]


def test_fixed_links_and_special_files(node: Node, store: Store) -> None:
    links = {name: os.readlink(node.path(name)) for name in ("local", "qemu-server", "lxc", "openvz")}
    assert links == {
        "local": "nodes/pve1", "qemu-server": "nodes/pve1/qemu-server", "lxc": "nodes/pve1/lxc",
        "openvz": "nodes/pve1/openvz",
    }  # fmt: skip
    assert '"nodename": "pve1"' in node.path(".members").read_text()
    assert '"100"' not in node.path(".vmlist").read_text()
    store.write("qemu-server/100.conf", b"")
    assert '"100"' in node.path(".vmlist").read_text()
    assert node.path(".vmlist").stat().st_size == len(node.path(".vmlist").read_bytes())
    version = store.write("storage.cfg", b"").version
    assert f'"storage.cfg": {version}' in node.path(".version").read_text()


def test_times(node: Node, store: Store) -> None:
    shell(node, "echo x > f; touch -d @1000 f; cp -p f g; touch new; touch -d @2000 made")
    assert [int(node.path(name).stat().st_mtime) for name in ("f", "g", "made")] == [1000, 1000, 2000]
    assert store.read("f").mtime_s == 1000
    node.path("f").write_bytes(b"y")
    assert abs(node.path("f").stat().st_mtime - time.time()) < 60


# --- caches


def test_a_change_through_the_socket_is_seen_at_once(node: Node, store: Store) -> None:
    """Names, attributes and data are in the kernel's caches, and each change must get through to them."""
    file = node.path("f")
    store.write("f", b"0")
    held = os.open(file, os.O_RDONLY)
    for number in range(1, 300):
        data = b"%d" % number * (1 + number % 5000)
        assert file.stat().st_size > 0
        store.write("f", data)
        assert file.stat().st_size == len(data)
        assert file.read_bytes() == data
        assert os.pread(held, 1 << 20, 0) == data
    os.close(held)
    for _ in range(50):
        store.delete("f")
        assert not file.exists()
        assert "f" not in os.listdir(node.mount)
        store.write("f", b"again")
        assert file.read_bytes() == b"again"
        store.rename("f", "g")
        assert not file.exists()
        assert node.path("g").read_bytes() == b"again"
        store.rename("g", "f")
        store.mkdir("d")
        assert os.listdir(node.path("d")) == []
        store.write("d/x", b"")
        assert os.listdir(node.path("d")) == ["x"]
        store.delete("d/x")
        store.delete("d")
        assert not node.path("d").exists()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_read_is_what_the_store_has_whoever_wrote_it(node: Node, store: Store, seed: int) -> None:
    """Writes by the mount leave the kernel's cache as it is: it must be right after each of them."""
    dice, file = random.Random(seed), node.path("f")
    store.write("f", b"beginning")
    reader, adder = os.open(file, os.O_RDONLY), os.open(file, os.O_WRONLY | os.O_APPEND)

    def within() -> None:
        descriptor = os.open(file, os.O_WRONLY)
        os.pwrite(descriptor, data[: dice.randrange(len(data)) + 1], dice.randrange(2 * file.stat().st_size + 1))
        os.close(descriptor)

    def added() -> None:
        os.write(adder, data)
        os.fsync(adder)

    def replaced() -> None:
        node.path("new").write_bytes(data)
        os.replace(node.path("new"), node.path("other"))
        file.write_bytes(node.path("other").read_bytes())

    ways: list[Callable[[], object]] = [
        within, added, replaced, lambda: file.write_bytes(data), lambda: store.write("f", data),
        lambda: os.truncate(file, dice.randrange(file.stat().st_size * 2 + 1)), lambda: shell(node, "echo x >> f"),
    ]  # fmt: skip
    for _ in range(150):
        data = dice.randbytes(dice.choice((1, 9, 4096, 5000, 70_000)))
        dice.choice(ways)()
        expected = store.read("f").data
        assert os.pread(reader, 2 << 20, 0) == expected
        assert file.read_bytes() == expected
        assert file.stat().st_size == len(expected)
    os.close(reader)
    os.close(adder)


def test_unchanged_files_are_read_from_the_cache(node: Node, store: Store) -> None:
    """A stopped daemon answers nothing, yet what is cached stays readable."""
    store.write("f", b"contents")
    held = os.open(node.path("f"), os.O_RDONLY)
    assert os.pread(held, 100, 0) == b"contents"
    assert node.process is not None
    node.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(1000):
            assert os.pread(held, 100, 0) == b"contents"
        assert time.monotonic() - started < PATIENCE_S
    finally:
        node.process.send_signal(signal.SIGCONT)
        os.close(held)


def test_both_doors_at_once(node: Node, store: Store) -> None:
    """Mount and socket change the same files from many threads: no deadlock, and both agree in the end."""
    errors: list[BaseException] = []

    def guarded(body: Callable[[int], None], number: int) -> None:
        try:
            body(number)
        except Exception as err:  # noqa: BLE001 - shown below
            errors.append(err)

    def through_mount(number: int) -> None:
        for turn in range(40):
            node.path("shared").write_bytes(b"m%d.%d" % (number, turn))
            temporary = node.path(f"tmp{number}")
            temporary.write_bytes(b"t%d" % turn)
            os.replace(temporary, node.path("moved"))
            os.listdir(node.mount)
            node.path(f"d{number}").mkdir()
            node.path(f"d{number}").rmdir()

    def through_socket(number: int) -> None:
        for turn in range(80):
            store.write("shared", b"s%d.%d" % (number, turn))
            store.write(f"own{number}", b"%d" % turn)
            assert node.path(f"own{number}").read_bytes() == b"%d" % turn
            store.delete(f"own{number}")

    threads = [threading.Thread(target=guarded, args=(through_mount, n)) for n in range(3)]
    threads += [threading.Thread(target=guarded, args=(through_socket, n)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert node.path("shared").read_bytes() == store.read("shared").data
    assert store.list("") == ["moved", "nodes", "priv", "shared"]
