"""A real unprivileged container on a folder storage: made from a template, started, entered, stopped, removed.

systemd is played by the test: it starts the unit's program and receives its readiness. ``REQUIRE=containers`` turns
the skip into a failure.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, HostError, NotFound
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests import notes
from hostd.guests.lxc import cgroups, launch, lifecycle, live, running, start_log, terminals
from hostd.guests.lxc import engine as engines
from hostd.guests.lxc.config import Container
from hostd.guests.lxc.create import NewContainer, create
from hostd.guests.lxc.facts import hierarchies
from hostd.guests.lxc.sampling import ContainerSampler
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.lib import required, tinylinux

ROOT = Path(__file__).resolve().parents[2]
VMID = 999_900_001
PROGRAMS = ("lxc-start", "lxc-usernsexec", "mkfs.ext4", "setpriv", "unshare", "openssl", "qemu-img", "tar")


def missing() -> str:
    """What this machine lacks for running containers, or ""."""
    if reason := required.lack(PROGRAMS, "start containers"):
        return reason
    if not os.path.exists("/dev/loop-control"):
        return "no loop devices"
    if not os.access("/sys/fs/cgroup", os.W_OK):
        return "control groups are not writable"
    return ""


class ForkedEngine:
    """Runs the unit's program as systemd would: a child with a socket for its readiness, reaped when it ends."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.pids: dict[int, int] = {}

    def running(self, vmid: int) -> bool:
        return running.init_pid(vmid) is not None

    def start(self, vmid: int, *, debug: bool = False) -> None:
        start_log.clear(vmid)
        path = str(self.folder / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(path)
            self.pids[vmid] = os.fork() or self._child(vmid, path)
            try:
                self._wait(ready, vmid)
                run(engines.wait_argv(vmid))
            finally:
                os.unlink(path)

    def _child(self, vmid: int, path: str) -> int:
        try:
            out = os.open(self.folder / "unit.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.setsid()
            argv = launch.launch(self.host, vmid)
            # The tools tree covers parts of /proc; the kernel wants one whole view before it gives a container its own.
            run(["mount", "-t", "proc", "proc", "/proc"])
            os.execvpe(argv[0], argv, {**os.environ, "NOTIFY_SOCKET": path})
        except BaseException as err:  # noqa: BLE001 - the child must not become a second test run
            os.write(2, f"{err!r}\n".encode())
        os._exit(1)

    def _wait(self, ready: socket.socket, vmid: int) -> None:
        ready.settimeout(0.2)
        heard = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                data, descriptors, _, _ = socket.recv_fds(ready, 4096, 4)
                for descriptor in descriptors:  # closing it is what the sender of a barrier waits for
                    os.close(descriptor)
                heard += data
                if b"READY=1" in heard and b"BARRIER=1" in heard:
                    return
            if os.waitpid(self.pids[vmid], os.WNOHANG)[0]:
                del self.pids[vmid]
                text = (self.folder / "unit.log").read_text()
                raise HostError(f"did not start: {start_log.reasons(start_log.read(vmid))} {text}")
        raise HostError("not ready after 60 s")

    def reap(self, vmid: int) -> int:
        """Wait for the end of the unit's process; its exit code."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pids.pop(vmid), 0)[1])

    def shutdown(self, vmid: int, timeout_s: int) -> bool:
        run(engines.shutdown_argv(vmid, timeout_s), timeout_s=timeout_s + 30, check=False)
        if self.running(vmid):
            return False
        self.reap(vmid)
        return True

    def kill(self, vmid: int) -> None:
        run(engines.kill_argv(vmid), check=False)
        self.reap(vmid)

    def freeze(self, vmid: int) -> None:
        run(engines.freeze_argv(vmid, hold=True))

    def thaw(self, vmid: int) -> None:
        run(engines.freeze_argv(vmid, hold=False))

    def mount_namespace(self, vmid: int) -> str:
        return f"/proc/{self.pids[vmid]}/ns/mnt"

    def init_pid(self, vmid: int) -> int:
        pid = running.init_pid(vmid)
        if pid is None:
            raise Conflict(f"CT {vmid} is not running")
        return pid

    def set_limits(self, container: Container) -> None:
        live.set_limits(container)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where containers leave their traces on a host, below the test's folder."""
    if reason := missing():
        required.missing("containers", reason)
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(notes, "FOLDER", str(tmp_path / "notes"))
    monkeypatch.setattr(running, "FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(start_log, "FOLDER", str(tmp_path / "log"))
    os.makedirs(tmp_path / "log")
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o001 == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)  # the container's root must be able to get there
    # As installed: readable by everybody, also by the container's root.
    shutil.copytree(ROOT / "hostd", tmp_path / "lib/hostd", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))


@pytest.fixture
def host(places: None, tmp_path: Path) -> Iterator[Host]:
    store = MemoryStore("pve1")
    store.write("storage.cfg", f"dir: local\n\tpath {tmp_path}/vz\n\tcontent rootdir,vztmpl\n\n".encode())
    yield Host(node="pve1", store=store, mirror=store.mirror(), run=run)
    end(VMID)


def end(vmid: int) -> None:
    """What a test that failed may have left of a container."""
    subprocess.run(engines.kill_argv(vmid), capture_output=True, check=False)
    lifecycle.remove_runtime_files(vmid)
    cgroups.remove_stale(vmid, hierarchies(), cgroups.parse_membership(Path("/proc/self/cgroup").read_text()))


@pytest.fixture
def template(tmp_path: Path) -> str:
    made = tinylinux.build_template(tmp_path)
    folder = tmp_path / "vz/template/cache"
    folder.mkdir(parents=True)
    shutil.copy(made, folder / "tiny.tar.gz")
    return "local:vztmpl/tiny.tar.gz"


def inside(host: Host, *command: str) -> str:
    return run(lifecycle.exec_argv(host, VMID, command), timeout_s=20).stdout


def mounts_of_container() -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"/lxc/{VMID}" in line]


def loops_below(folder: Path) -> list[str]:
    return [line for line in run(["losetup", "--list", "--noheadings"]).stdout.splitlines() if str(folder) in line]


def test_a_container_lives(host: Host, template: str, tmp_path: Path) -> None:
    log, engine = ListLog(), ForkedEngine(host, tmp_path)
    values = {
        "hostname": "tiny", "rootfs": "local:0.05", "mp0": "local:0.02,mp=/data/more", "memory": "96", "swap": "0",
        "cores": "1", "unprivileged": "1", "net0": "name=eth0,ip=10.9.9.2/24", "description": "made by a test",
    }  # fmt: skip
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample tester"
    wanted = NewContainer(template=template, values=values, password="not-in-any-log", ssh_keys=key)
    create(host, log, VMID, wanted, engine=engine)

    guest = files.load(host.store, lifecycle.where(host, VMID))
    config = guest.file.current
    assert (config["ostype"], config["arch"], config["hostname"]) == ("unmanaged", "amd64", "tiny")
    assert re.fullmatch(rf"local:{VMID}/vm-{VMID}-disk-0.raw,size=\S+", config["rootfs"])
    assert "hwaddr=" in config["net0"]
    assert "lock" not in config
    assert guest.file.comment == "made by a test"
    assert not mounts_of_container()
    assert not loops_below(tmp_path)

    lifecycle.start(host, log, VMID, engine=engine)
    assert not mounts_of_container()  # they are the unit's own
    assert "uid=0" in inside(host, "/bin/id")
    assert inside(host, "/bin/hostname").strip() == "tiny"
    assert inside(host, "/bin/cat", "/root/.ssh/authorized_keys").splitlines()[1] == key
    assert inside(host, "/bin/cat", "/etc/shadow").startswith("root:$6$")
    assert " /data/more ext4 " in inside(host, "/bin/cat", "/proc/mounts")
    assert "eth0" in inside(host, "/bin/ls", "/sys/class/net")
    pid = running.init_pid(VMID)
    assert pid is not None
    assert Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", "100000", "65536"]
    assert os.stat(f"/proc/{pid}/root/etc").st_uid == 100_000
    with pytest.raises(Conflict, match="already running"):
        lifecycle.start(host, log, VMID, engine=engine)

    sampler = ContainerSampler(host)
    sampler.sample(10.0)
    values_now = sampler.sample(12.0)[VMID]
    assert values_now["maxmem"] == 96 * 1024**2
    assert 0 < values_now["mem"] < values_now["maxmem"]
    assert 0 < values_now["disk"] < values_now["maxdisk"] <= 51 * 1024**2
    assert 0 <= values_now["uptime"] < 600
    assert values_now["pid"] == pid
    assert terminals.attach_argv(VMID) == lifecycle.console_argv(host, VMID)[:-2]
    assert lifecycle.console_argv(host, VMID)[-2:] == ["/bin/sh", "-l"]

    with pytest.raises(Conflict, match="is running"):
        lifecycle.destroy(host, log, VMID, engine=engine)
    lifecycle.shutdown(host, log, VMID, timeout_s=20, engine=engine)
    assert not engine.running(VMID)
    assert not loops_below(tmp_path)
    assert ContainerSampler(host).sample(1.0) == {}

    lifecycle.start(host, log, VMID, engine=engine)
    lifecycle.stop(host, log, VMID, engine=engine)
    lifecycle.destroy(host, log, VMID, engine=engine)
    with pytest.raises(NotFound):
        files.load(host.store, lifecycle.where(host, VMID))
    assert not list((tmp_path / "vz/images").iterdir())
    assert not os.path.exists(f"/var/lib/lxc/{VMID}")
    assert not [line for line in log.lines if "not-in-any-log" in line or "$6$" in line]


def test_an_engine_that_is_killed_leaves_no_mount(host: Host, template: str, tmp_path: Path) -> None:
    log, engine = ListLog(), ForkedEngine(host, tmp_path)
    values = {"rootfs": "local:0.05", "unprivileged": "1"}
    create(host, log, VMID, NewContainer(template=template, values=values), engine=engine)
    lifecycle.start(host, log, VMID, engine=engine)
    pid = running.init_pid(VMID)
    assert pid is not None
    assert loops_below(tmp_path)
    os.kill(engine.pids[VMID], signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):  # it may have died with LXC's process; else systemd would end it
        os.kill(pid, signal.SIGKILL)
    engine.reap(VMID)
    deadline = time.monotonic() + 10
    while loops_below(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not loops_below(tmp_path)
    assert not mounts_of_container()
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_a_start_that_fails_says_why(host: Host, template: str, tmp_path: Path) -> None:
    log, engine = ListLog(), ForkedEngine(host, tmp_path)
    values = {"rootfs": "local:0.05", "unprivileged": "1"}
    create(host, log, VMID, NewContainer(template=template, values=values), engine=engine)
    guest = files.load(host.store, lifecycle.where(host, VMID))
    broken = {**guest.file.current, "net0": "name=eth0,bridge=nosuchbr,hwaddr=02:00:00:00:00:01"}
    files.save(host.store, guest, files.GuestFile(current=broken))
    with pytest.raises(HostError, match="bridge 'nosuchbr' does not exist"):
        lifecycle.start(host, log, VMID, engine=engine)
    assert not loops_below(tmp_path)
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_a_failed_creation_leaves_nothing(host: Host, tmp_path: Path) -> None:
    folder = tmp_path / "vz/template/cache"
    folder.mkdir(parents=True)
    (folder / "broken.tar.gz").write_bytes(b"\x1f\x8b\x08\x00 this is no archive")
    wanted = NewContainer(
        template="local:vztmpl/broken.tar.gz", values={"rootfs": "local:0.05", "unprivileged": "1"}, password="secret"
    )
    with pytest.raises(HostError, match="gzip"):
        create(host, ListLog(), VMID, wanted)
    with pytest.raises(NotFound):
        files.load(host.store, lifecycle.where(host, VMID))
    assert not list((tmp_path / "vz/images").iterdir())
    assert not loops_below(tmp_path)


def test_a_debian_shaped_tree_gets_names_and_addresses(host: Host, tmp_path: Path) -> None:
    tinylinux.build_template(tmp_path)
    root = tmp_path / "template"
    for path, text in {
        "etc/os-release": "ID=debian\nVERSION_ID=13\n",
        "etc/debian_version": "13.1\n",
        "etc/shadow": "root:*:19000:0:99999:7:::\n",
        "etc/hosts": "127.0.0.1 localhost\n",
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    }.items():
        (root / path).write_text(text)
    (root / "etc/resolv.conf").symlink_to("/etc/../../../../run/resolve/stub.conf")  # leads nowhere, and not out
    (root / "dev/evil").write_text("not a device, and not wanted")
    folder = tmp_path / "vz/template/cache"
    folder.mkdir(parents=True)
    run(["tar", "-C", str(root), "--owner=0", "--group=0", "--zstd", "-cf", f"{folder}/deb.tar.zst", "."])
    values = {
        "rootfs": "local:0.05", "unprivileged": "1", "hostname": "deb.example.org", "nameserver": "192.0.2.53",
        "net0": "name=eth0,ip=192.0.2.5/24,gw=192.0.2.1",
    }  # fmt: skip
    log, engine = ListLog(), ForkedEngine(host, tmp_path)
    create(host, log, VMID, NewContainer(template="local:vztmpl/deb.tar.zst", values=values, password="x" * 8))
    assert files.load(host.store, lifecycle.where(host, VMID)).file.current["ostype"] == "debian"
    lifecycle.start(host, log, VMID, engine=engine)
    assert inside(host, "/bin/cat", "/etc/hostname") == "deb\n"
    assert "192.0.2.5 deb.example.org deb" in inside(host, "/bin/cat", "/etc/hosts")
    assert "nameserver 192.0.2.53" in inside(host, "/bin/cat", "/etc/resolv.conf")
    assert "\taddress 192.0.2.5/24\n\tgateway 192.0.2.1\n" in inside(host, "/bin/cat", "/etc/network/interfaces")
    assert inside(host, "/bin/cat", "/etc/machine-id") == ""
    assert inside(host, "/bin/cat", "/etc/shadow").startswith("root:$6$")
    assert "root     root" in inside(host, "/bin/ls", "-l", "/etc/network/interfaces")
    assert "evil" not in inside(host, "/bin/ls", "/dev")
    # a change of an address reaches the files at the next start
    lifecycle.shutdown(host, log, VMID, timeout_s=20, engine=engine)
    net = (
        files.load(host.store, lifecycle.where(host, VMID)).file.current["net0"].replace("192.0.2.5/24", "192.0.2.6/24")
    )
    lifecycle.change(host, log, VMID, lifecycle.Change(values={"net0": net}), engine=engine)
    lifecycle.start(host, log, VMID, engine=engine)
    assert "\taddress 192.0.2.6/24\n" in inside(host, "/bin/cat", "/etc/network/interfaces")
    lifecycle.stop(host, log, VMID, engine=engine)
    lifecycle.destroy(host, log, VMID, engine=engine)


def test_a_folder_as_root(host: Host, template: str, tmp_path: Path) -> None:
    log, engine = ListLog(), ForkedEngine(host, tmp_path)
    create(host, log, VMID, NewContainer(template=template, values={"rootfs": "local:0", "unprivileged": "1"}))
    place = tmp_path / f"vz/images/{VMID}/subvol-{VMID}-disk-0.subvol"
    assert (place / "sbin/init").stat().st_uid == 100_000
    lifecycle.start(host, log, VMID, engine=engine)
    assert "uid=0" in inside(host, "/bin/id")
    lifecycle.stop(host, log, VMID, engine=engine)
    lifecycle.destroy(host, log, VMID, engine=engine)
    assert not place.exists()
