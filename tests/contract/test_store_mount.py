"""The store's daemon as a process with a real mount: what editors and shells do, caches, crashes, permissions."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostd.cluster.store import Change, Mirror, Store
from hostd.core.errors import Conflict, HostError, NotFound

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="/dev/fuse is missing"),
]

# The daemon with a clock that the test can turn: seconds in the file are added to the time since boot.
WITH_CLOCK = """
from pathlib import Path
from hostd.cluster.fs import service
from hostd.daemons import clusterd
real = service.serve
def offset():
    try:
        return float(Path({clock!r}).read_text())
    except (OSError, ValueError):
        return 0.0
async def serve(settings, **more):
    await real(settings, boot_s=lambda: service.boot_clock_s() + offset(), **more)
clusterd.serve = serve
clusterd.main()
"""


class Node:
    """A daemon, its directory (readable by everybody) and its mount."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mount = directory / "mnt"
        self.socket = directory / "store.sock"
        self.database = directory / "config.db"
        self.clock = directory / "clock"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = directory / "log"

    def start(self) -> None:
        argv = [sys.executable, "-c", WITH_CLOCK.format(clock=str(self.clock)), "--mount", str(self.mount)]
        argv += ["--database", str(self.database), "--socket", str(self.socket), "--node", "pve1"]
        argv += ["--seed", str(self.directory / "seed")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=ROOT, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)})
        deadline = time.monotonic() + 30
        while True:
            try:
                with Store(str(self.socket), timeout_s=0.1) as store:
                    store.list("")
                return
            except HostError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def path(self, name: str) -> Path:
        return self.mount / name


@pytest.fixture
def node() -> Iterator[Node]:
    directory = Path(tempfile.mkdtemp(prefix="holdfast-store-"))
    directory.chmod(0o755)
    node = Node(directory)
    node.start()
    # A daemon that hangs would hang this process in the kernel, too: end it instead, and every access fails.
    guard = threading.Timer(PATIENCE_S, lambda: node.process and node.process.kill())
    guard.start()
    yield node
    expired = not guard.is_alive()
    guard.cancel()
    if node.process is not None and node.process.poll() is None:
        node.end()
    subprocess.run(["umount", "--lazy", str(node.mount)], capture_output=True, check=False)
    log = node.log.read_text()
    shutil.rmtree(directory)
    assert not expired, f"the daemon hung:\n{log}"
    assert "Traceback" not in log, log


@pytest.fixture
def store(node: Node) -> Iterator[Store]:
    with Store(str(node.socket)) as store:
        yield store


def shell(node: Node, script: str, *, program: str = "sh", user: str = "") -> str:
    """Run a script in the mount; returns stdout. CalledProcessError carries stderr."""
    argv = [program, "-euc", script]
    if user:
        uid, gid = user.split(":")
        argv = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *argv]
    done = subprocess.run(argv, cwd=node.mount, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, f"{script}: {done.stderr.decode()}"
    return done.stdout.decode()


class Recorder:
    """Every state of the files that the feed told, in order."""

    def __init__(self, node: Node) -> None:
        self.seen: list[Change] = []
        self.mirror = Mirror(str(node.socket))
        self.mirror.start()
        self.mirror.wait_ready(10)
        self.mirror.subscribe(self.seen.append)

    def states(self, store: Store, name: str) -> list[bytes | None]:
        """Contents that ``name`` went through (None: gone) up to now."""
        self.mirror.wait_for(store.write("sync", b"").version)
        self.mirror.stop()
        return [change.file.data if change.file else None for change in self.seen if change.path == name]


def fails_with(number: int, call: Callable[[], object]) -> None:
    with pytest.raises(OSError) as caught:
        call()
    assert caught.value.errno == number, caught.value


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
