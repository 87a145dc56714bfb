"""What is read of running containers: control groups of both versions, first processes, counters, log-ins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostd.cluster.store import MemoryStore
from hostd.guests.lxc import cgroups, facts, identities, running, runtime_config, sampling, start_log, terminals
from hostd.guests.lxc.cgroups import Groups, Hierarchies
from hostd.guests.lxc.rooted import RootedFiles
from hostd.node.host import Host
from tests.fakes.run import FakeRun
from tests.fakes.tree import MemoryTree

V2_MOUNTS = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = """\
31 25 0:27 / /sys/fs/cgroup ro shared:5 - tmpfs tmpfs ro,mode=755
32 31 0:28 / /sys/fs/cgroup/unified rw shared:6 - cgroup2 cgroup2 rw
33 31 0:29 / /sys/fs/cgroup/systemd rw shared:7 - cgroup cgroup rw,xattr,name=systemd
34 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:8 - cgroup cgroup rw,cpu,cpuacct
35 31 0:31 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
36 31 0:31 /sub /other/memory rw shared:9 - cgroup cgroup rw,memory
"""


def test_which_version_is_mounted() -> None:
    assert cgroups.parse_mountinfo(V2_MOUNTS) == Hierarchies(version=2, mounts={"": "/sys/fs/cgroup"})
    old = cgroups.parse_mountinfo(V1_MOUNTS)
    assert old.version == 1
    assert old.mounts["cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct"
    assert old.mounts["memory"] == "/sys/fs/cgroup/memory"
    assert old.mounts["name=systemd"] == "/sys/fs/cgroup/systemd"


def test_where_a_container_is() -> None:
    membership = cgroups.parse_membership("4:memory:/m/u.service\n1:cpu,cpuacct:/\n0::/machine.slice/u.service\n")
    new = Groups(vmid=100, hierarchies=cgroups.parse_mountinfo(V2_MOUNTS), base=membership)
    assert new.folder("memory") == "/sys/fs/cgroup/machine.slice/u.service/ct-100"
    assert new.process_folder() == new.folder("cpu")
    old = Groups(vmid=100, hierarchies=cgroups.parse_mountinfo(V1_MOUNTS), base=membership)
    assert old.folder("memory") == "/sys/fs/cgroup/memory/m/u.service/ct-100"
    assert old.folder("cpuacct") == "/sys/fs/cgroup/cpu,cpuacct/ct-100"
    assert old.folder("pids") is None
    assert old.read("pids", "pids.current") == ""
    assert old.process_folder() == old.folder("memory")


def test_counters_are_read_as_the_kernel_writes_them() -> None:
    devices = frozenset(("8:0", "7:1"))
    text = "8:0 rbytes=100 wbytes=7 rios=1\n253:2 rbytes=100 wbytes=7\n7:1 rbytes=1\n"
    assert cgroups.parse_io_stat(text, devices) == (101, 7)
    old = "8:0 Read 5\n8:0 Write 6\n8:0 Total 11\n253:2 Read 5\nTotal 16\n"
    assert cgroups.parse_io_service(old, devices) == (5, 6)
    assert cgroups.parse_keys("usage_usec 12\nuser_usec 7\nmax max\n") == {"usage_usec": 12, "user_usec": 7}
    assert cgroups.parse_cpu_list("0-2,5\n") == (0, 1, 2, 5)
    assert cgroups.parse_cpu_list("\n") == ()
    assert sampling.allowed_cpus("0-3", "150000 100000") == 1.5
    assert sampling.allowed_cpus("0", "max 100000") == 1.0
    assert sampling.allowed_cpus("", "-1 100000") == 0.0
    mounts = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /proc rw - proc proc rw\n3 1 7:0 / /d rw - ext4 x rw\n"
    assert sampling.parse_devices(mounts) == {"8:1", "7:0"}


def test_a_first_process_is_told_by_its_numbers() -> None:
    assert running.namespace_pids("Name:\tinit\nNSpid:\t1216\t1\nVmPeak: 1\n") == [1216, 1]
    assert running.namespace_pids("Name: x\n") == []
    fields = " ".join(str(n) for n in range(3, 53))
    assert running.parse_stat(f"7 (a) b) {fields}") == 22


def test_stale_groups_are_removed_unless_in_use(tmp_path: Path) -> None:
    (tmp_path / "u/ct-100/init.scope").mkdir(parents=True)
    (tmp_path / "u/ct-100-monitor").mkdir()
    (tmp_path / "u/ct-1001").mkdir()
    (tmp_path / "u/ct-100-pivot").mkdir()
    (tmp_path / "u/ct-100-pivot/busy").write_text("1")
    cgroups.remove_stale(100, Hierarchies(version=2, mounts={"": str(tmp_path)}), {"": "/u"})
    assert sorted(os.listdir(tmp_path / "u")) == ["ct-100-pivot", "ct-1001"]


@pytest.fixture
def fake_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A container 100 whose first process is this test itself, with counters in plain files."""
    monkeypatch.setattr(running, "FOLDER", str(tmp_path / "run"))
    mounts = Hierarchies(version=2, mounts={"": str(tmp_path / "cg")})
    monkeypatch.setattr(sampling, "hierarchies", lambda: mounts)
    monkeypatch.setattr(running, "hierarchies", lambda: mounts)
    monkeypatch.setattr(running, "namespace_pids", lambda status: [os.getpid(), 1])
    group = tmp_path / "cg/unit/ct-100"
    group.mkdir(parents=True)
    values = {
        "cgroup.procs": f"{os.getpid()}\n", "cpu.stat": "usage_usec 1000000\n", "cpu.max": "200000 100000\n",
        "memory.current": "5000\n", "memory.max": "max\n", "memory.stat": "inactive_file 1000\nfile 2000\n",
        "memory.swap.current": "7\n",
    }  # fmt: skip
    for name, text in values.items():
        (group / name).write_text(text)
    monkeypatch.setattr(runtime_config, "folder", lambda vmid: f"{tmp_path}/lxc/{vmid}")
    for folder in ("cg/unit/ct-100-monitor", "lxc/100/rootfs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cg/unit/ct-100-monitor/cgroup.procs").write_text(f"{os.getpid()}\n")
    running.record(100, membership="0::/unit\n", cpus="1,3")
    store = MemoryStore("pve1")
    return Host(node="pve1", store=store, mirror=store.mirror(), run=FakeRun())


def test_samples(fake_node: Host, tmp_path: Path) -> None:
    sampler = sampling.ContainerSampler(fake_node)
    first = sampler.sample(100.0)[100]
    assert (first["cpu"], first["mem"], first["swap"], first["status"]) == (0.0, 4000, 7, "running")
    assert "maxmem" not in first
    assert first["maxdisk"] >= first["disk"] > 0
    (tmp_path / "cg/unit/ct-100/cpu.stat").write_text("usage_usec 3000000\n")
    (tmp_path / "cg/unit/ct-100/memory.max").write_text("8000\n")
    second = sampler.sample(104.0)[100]
    assert second["cpu"] == 0.25  # two seconds of work in four, on two processors
    assert second["maxmem"] == 8000
    (tmp_path / "cg/unit/ct-100/cgroup.procs").write_text("")
    assert 100 in sampler.sample(106.0)  # its first process is still there
    (tmp_path / "cg/unit/ct-100-monitor/cgroup.procs").unlink()
    last = sampler.sample(107.0)[100]  # LXC's own is not: the container's view of its root is not asked
    assert (last["disk"], last["maxdisk"]) == (0, 0)
    fresh = sampling.ContainerSampler(fake_node)
    assert fresh.sample(1.0) == {}  # nothing runs in its groups


def test_what_containers_are_pinned_to(fake_node: Host) -> None:
    assert running.pinned() == ["1,3"]
    assert running.recorded() == [100]
    assert running.init_pid(100) == os.getpid()
    assert running.init_pid(101) is None
    assert facts.gather(running.pinned()).busy_cpus == (1, 3)


def test_cards_are_counted_from_the_containers_side(tmp_path: Path) -> None:
    for name, (received, sent) in {"veth100i0": (1, 20), "veth100i1": (3, 40), "eth0": (9, 9)}.items():
        place = tmp_path / name / "statistics"
        place.mkdir(parents=True)
        (place / "rx_bytes").write_text(f"{received}\n")
        (place / "tx_bytes").write_text(f"{sent}\n")
    assert sampling.card_counters(str(tmp_path)) == {100: (60, 4)}


def test_reasons_of_a_failed_start() -> None:
    log = (
        "lxc-start 100 20261120143527.159 WARN     cgfsng - ../src/lxc/cgroups/cgfsng.c:f:1 - a warning\n"
        "lxc-start 100 20261120143527.160 ERROR    conf - ../src/lxc/conf.c:run_buffer:1 - Script exited with 1\n"
        'lxc-start 100 20261120143527.161 ERROR    start - ../src/lxc/start.c:x:2 - Failed to spawn container "100"\n'
        "holdfast ERROR net0: bridge 'x' does not exist\n"
    )
    assert start_log.reasons(log) == ["Script exited with 1", "net0: bridge 'x' does not exist"]
    assert start_log.reasons("") == []


def test_the_start_log_holds_our_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_log, "FOLDER", str(tmp_path / "log"))
    start_log.clear(100)
    assert start_log.read(100) == ""
    start_log.add(100, "two\nlines")
    assert start_log.reasons(start_log.read(100)) == ["two lines"]
    start_log.clear(100)
    assert start_log.read(100) == ""


@pytest.mark.parametrize(
    ("text", "reserved"),
    [
        ("", False),
        ("root:100000:65536\n", True),
        ("me:100000:65536\nroot:50000:200000\n", True),
        ("root:100000:1000\n", False),
        ("root:165536:65536\nme:100000:65536\n", False),
        ("0:100000:65536\n", True),
        ("nonsense\nroot:a:b\n", False),
    ],
)
def test_numbers_reserved_for_containers(text: str, reserved: bool) -> None:
    assert identities.is_reserved(text) == reserved


def test_reserving_says_which_numbers() -> None:
    argv = identities.reserve_argv(["--add-subuids", "--add-subgids"])
    assert argv == ["usermod", "--add-subuids", "100000-165535", "--add-subgids", "100000-165535", "root"]


# --- terminals


def test_terminal_lines() -> None:
    assert terminals.terminal_line("/dev/console") == 0
    assert terminals.terminal_line("/dev/lxc/tty2") == 2
    assert terminals.terminal_line("/dev/pts/2") is None


def write_container(root: Path, *, shadow: str = "", program: str = "/bin/sh", login: bool = False) -> None:
    for folder in ("etc", "bin"):
        (root / folder).mkdir()
    (root / "etc/passwd").write_text(f"root:x:0:0:root:/root:{program}\n")
    (root / "etc/shadow").write_text(shadow)
    (root / "bin/sh").write_text("#!")
    if login:
        (root / "bin/login").write_text("#!")


def test_a_console_shows_a_log_in_where_there_is_one(tmp_path: Path) -> None:
    write_container(tmp_path, shadow="root:$6$a$b:1::::::\n", login=True)
    root = str(tmp_path)
    attach = terminals.attach_argv(100)
    assert terminals.console_argv(100, "tty", [0], root) == terminals.line_argv(100, 0)
    assert terminals.console_argv(100, "tty", [0, 1, 2], root) == terminals.line_argv(100, 1)
    assert terminals.console_argv(100, "console", [], root) == terminals.line_argv(100, 0)
    assert terminals.console_argv(100, "tty", [], root) == [*attach, "/bin/login"]
    assert terminals.console_argv(100, "shell", [1], root) == [*attach, "/bin/sh", "-l"]


def test_a_console_without_anybody_who_could_log_in_is_a_shell(tmp_path: Path) -> None:
    write_container(tmp_path, shadow="root:*:1::::::\nme:!$6$x:1::::::\n", program="/bin/zsh", login=True)
    attach = terminals.attach_argv(100)
    assert terminals.console_argv(100, "tty", [], str(tmp_path)) == [*attach, "/bin/sh", "-l"]
    (tmp_path / "bin/zsh").write_text("#!")
    assert terminals.console_argv(100, "tty", [], str(tmp_path)) == [*attach, "/bin/zsh", "-l"]


def test_accounts_that_can_log_in() -> None:
    assert terminals.has_password(MemoryTree({"etc/shadow": "a:*:\nroot:$y$x:1\n"}))
    assert not terminals.has_password(MemoryTree({"etc/shadow": "root::1\na:!:\nb:*:\n"}))
    assert not terminals.has_password(MemoryTree())


def test_files_are_read_below_the_root_only(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/plain").write_text("text")
    (root / "etc/inner").symlink_to("plain")
    (root / "etc/absolute").symlink_to("/etc/plain")
    (root / "etc/climbing").symlink_to("../../../../../outside")
    (root / "etc/foreign").symlink_to(str(tmp_path / "outside"))
    (root / "etc/loop").symlink_to("loop")
    (root / "up").symlink_to("..")
    os.mkfifo(root / "etc/pipe")
    with RootedFiles(str(root)) as files:
        for name in ("etc/plain", "etc/inner", "etc/absolute", "etc/../etc/plain", "up/up/etc/plain", "/etc//./plain"):
            assert files.read(name) == "text", name
        for name in ("etc/climbing", "etc/foreign", "../outside", "etc/loop", "etc/pipe", "etc", "nothing"):
            assert files.read(name) is None, name
        assert files.head("etc/plain", 2) == b"te"
