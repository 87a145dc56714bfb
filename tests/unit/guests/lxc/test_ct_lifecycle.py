"""Containers on a real folder storage, with a store in memory and fakes for programs and LXC."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import CommandFailed, Conflict, HostError, Invalid, NotFound, ParseError, TimedOut, Unsupported
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.run import Result
from hostd.guests import config as files
from hostd.guests.changes import Change
from hostd.guests.lxc import (
    archive,
    build,
    identities,
    isolated,
    launch,
    lifecycle,
    mounts,
    prepared,
    runtime_config,
    start_log,
    volumes,
)
from hostd.guests.lxc import create as creation
from hostd.guests.lxc import engine as engines
from hostd.guests.lxc.create import NewContainer, create
from hostd.guests.lxc.engine import SystemdEngine
from hostd.guests.lxc.inside.job import Job, Report
from hostd.guests.lxc.volumes import Source
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.fakes.run import FakeRun

REPORT = Report(ostype="debian", arch="amd64", warnings=("mind the gap",))


class Programs(FakeRun):
    """``qemu-img create`` makes an empty file, as the real one would; folders change owner in name only."""

    def __call__(self, argv: Sequence[Any], **kwargs: Any) -> Result:
        result = super().__call__(argv, **kwargs)
        if list(argv[:2]) == ["qemu-img", "create"]:
            with open(argv[-2], "wb") as image:
                image.truncate(int(argv[-1]))
        return result

    def named(self, program: str) -> list[list[str]]:
        return [call for call in self.calls if call[0] == program]


@pytest.fixture
def programs() -> Programs:
    return Programs({"setpriv": REPORT.to_json(), "openssl": "$6$salt$hash\n"})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Programs) -> Host:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(runtime_config, "folder", lambda vmid: f"{tmp_path}/lxc/{vmid}")
    monkeypatch.setattr(volumes.os, "chown", lambda *a: None)
    monkeypatch.setattr(identities, "is_reserved", lambda *_: True)
    store = MemoryStore("pve1")
    store.write("storage.cfg", f"dir: local\n\tpath {tmp_path}/vz\n\tcontent rootdir,vztmpl,iso\n\n".encode())
    (tmp_path / "vz/template/cache").mkdir(parents=True)
    (tmp_path / "vz/template/cache/t.tar.gz").write_bytes(b"\x1f\x8b")
    return Host(node="pve1", store=store, mirror=store.mirror(), run=programs)


def current(host: Host, vmid: int = 100) -> GuestFile:
    return files.load(host.store, lifecycle.where(host, vmid)).file


def made(host: Host, **values: str) -> ListLog:
    log = ListLog()
    wanted = {"rootfs": "local:1", "unprivileged": "1"} | values
    create(host, log, 100, NewContainer(template="local:vztmpl/t.tar.gz", values=wanted, password="not in any log"))
    return log


def job_given(programs: Programs) -> dict[str, Any]:
    sent = next(text for call, text in zip(programs.calls, programs.inputs, strict=True) if call[0] == "setpriv")
    assert sent is not None
    found: dict[str, Any] = json.loads(sent)
    return found


def test_a_new_container(host: Host, programs: Programs, tmp_path: Path) -> None:
    log = made(host, mp0="local:1,mp=/data,ro=1", net0="name=eth0,bridge=vmbr0,ip=dhcp", description="two\nlines")
    file = current(host)
    assert file.current["rootfs"] == "local:100/vm-100-disk-0.raw,size=1G"
    assert file.current["mp0"] == "local:100/vm-100-disk-1.raw,mp=/data,ro=1,size=1G"
    assert "hwaddr=BC:24:11:" in file.current["net0"]
    assert (file.current["ostype"], file.current["hostname"], file.current["memory"]) == ("debian", "CT100", "512")
    assert "lock" not in file.current
    assert file.comment == "two\nlines"
    root = f"{tmp_path}/vz/images/100/vm-100-disk-0.raw"
    assert programs.named("mkfs.ext4")[0] == volumes.mkfs_argv(root, 100_000)
    sent = job_given(programs)
    assert [mount[1] for mount in sent["mounts"]] == [f"{tmp_path}/lxc/100/rootfs", f"{tmp_path}/lxc/100/rootfs/data"]
    assert sent["mounts"][1][0][4] == "loop,nodev"  # writable while it is filled
    assert json.loads(sent["job"])["password_hash"] == "$6$salt$hash"
    assert "WARN: mind the gap" in log.lines
    assert log.lines[-1] == "CT 100 created (debian, amd64)"


def test_secrets_are_in_no_log_and_no_command_line(host: Host, programs: Programs) -> None:
    log = made(host)
    told = [*log.lines, *(word for call in programs.calls for word in call)]
    assert not [text for text in told if "not in any log" in text or "$6$" in text]
    assert "not in any log" not in repr(NewContainer(template="t", values={}, password="not in any log"))


def test_a_first_start_need_not_look_at_the_files_again(host: Host, programs: Programs) -> None:
    made(host)
    container = launch.parse_container(100, current(host))
    before = len(programs.calls)
    launch.keep_files_current(host.run, container, read_only=False)
    assert len(programs.calls) == before
    host.store.write(lifecycle.where(host, 100).path, b"hostname: other\nostype: debian\nrootfs: local:100/x.raw\n")
    programs.answers["lxc-usernsexec"] = programs.answers[""] = Report(ostype="debian").to_json()
    launch.keep_files_current(host.run, launch.parse_container(100, current(host)), read_only=False)
    assert len(programs.calls) == before + 1


def test_a_folder_instead_of_an_image(host: Host, tmp_path: Path, programs: Programs) -> None:
    made(host, rootfs="local:0")
    assert current(host).current["rootfs"] == "local:100/subvol-100-disk-0.subvol,size=0T"
    assert (tmp_path / "vz/images/100/subvol-100-disk-0.subvol").is_dir()
    assert not programs.named("mkfs.ext4")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"setpriv": CommandFailed(["setpriv"], 1, "first\ntar: no space\n")}, "first; tar: no space"),
        ({"mkfs.ext4": 1}, "mkfs.ext4"),
        ({"openssl": "garbage"}, "no password hash"),
        ({"setpriv": Report(ostype="debian", arch="riscv64").to_json()}, "riscv64"),
    ],
)
def test_a_failed_creation_leaves_nothing(
    host: Host, programs: Programs, tmp_path: Path, answer: dict[str, Any], message: str
) -> None:
    programs.answers |= answer
    with pytest.raises(HostError, match=message):
        made(host)
    with pytest.raises(NotFound, match=r"'nodes/pve1/lxc/100\.conf' does not exist"):
        current(host)
    assert not list((tmp_path / "vz/images").iterdir())
    assert not (tmp_path / "lxc/100").exists()


def test_what_cannot_be_created(host: Host) -> None:
    with pytest.raises(NotFound):
        create(host, ListLog(), 100, NewContainer(template="local:vztmpl/no.tar.gz", values={"rootfs": "local:1"}))
    with pytest.raises(ParseError):
        create(host, ListLog(), 100, NewContainer(template="local", values={"rootfs": "local:1"}))
    with pytest.raises(Invalid):
        made(host, mp0="/srv,mp=/")
    with pytest.raises(Unsupported):
        made(host, features="mknod=1")
    made(host)
    with pytest.raises(Conflict, match="exists already"):
        made(host)


def test_starting_and_stopping(host: Host) -> None:
    made(host)
    engine, log = FakeEngine(), ListLog()
    lifecycle.start(host, log, 100, engine=engine)
    with pytest.raises(Conflict, match="already running"):
        lifecycle.start(host, log, 100, engine=engine)
    lifecycle.shutdown(host, log, 100, timeout_s=7, engine=engine)
    assert engine.calls == ["start 100", "shutdown 100 7"]
    with pytest.raises(Conflict, match="not running"):
        lifecycle.shutdown(host, log, 100, engine=engine)
    lifecycle.stop(host, log, 100, engine=engine)
    assert "CT 100 is not running" in log.lines


def test_a_deaf_container_is_ended_only_when_asked(host: Host) -> None:
    made(host)
    engine, log = FakeEngine(up={100}, deaf=True), ListLog()
    with pytest.raises(TimedOut, match="within 1 s"):
        lifecycle.shutdown(host, log, 100, timeout_s=1, engine=engine)
    assert engine.up == {100}
    lifecycle.shutdown(host, log, 100, timeout_s=1, force_stop=True, engine=engine)
    assert engine.calls[-1] == "kill 100"


def test_a_start_can_tell_all_that_lxc_does(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(start_log, "FOLDER", str(tmp_path))
    made(host)
    start_log.add(100, "something")
    engine, log = FakeEngine(), ListLog()
    lifecycle.start(host, log, 100, engine=engine)
    assert not any("something" in line for line in log.lines)
    lifecycle.stop(host, log, 100, engine=engine)
    lifecycle.start(host, log, 100, engine=engine, debug=True)
    assert engine.calls[-1] == "start 100 debug"
    assert any("something" in line for line in log.lines)
    assert launch.plan(host, 100, debug=True).log_level == "DEBUG"
    assert launch.plan(host, 100).log_level == "WARN"


def test_locks_and_templates_stop_a_start(host: Host) -> None:
    made(host)
    place = lifecycle.where(host, 100).path
    host.store.write(place, b"lock: backup\nrootfs: local:100/vm-100-disk-0.raw\n")
    with pytest.raises(Conflict, match=r"CT is locked \(backup\)"):
        lifecycle.start(host, ListLog(), 100, engine=FakeEngine())
    lifecycle.start(host, ListLog(), 100, engine=FakeEngine(), skip_lock=True)
    host.store.write(place, b"template: 1\nrootfs: local:100/vm-100-disk-0.raw\n")
    with pytest.raises(Conflict, match="template"):
        lifecycle.start(host, ListLog(), 100, engine=FakeEngine())


def test_changes_of_a_running_container(host: Host) -> None:
    """What can change at once does; what cannot waits."""
    made(host)
    engine = FakeEngine(up={100})
    change = Change(values={"memory": "1024", "tty": "4", "onboot": "1", "description": "now"})
    lifecycle.change(host, ListLog(), 100, change, engine=engine)
    file = current(host)
    assert (file.current["memory"], file.current["onboot"], file.comment) == ("1024", "1", "now")
    assert file.pending == {"tty": "4"}
    assert engine.limits[-1].memory_bytes == 1024 << 20
    engine.up.clear()
    lifecycle.start(host, ListLog(), 100, engine=engine)
    assert (current(host).current["tty"], current(host).pending) == ("4", {})


def test_limits_that_the_kernel_refuses_wait(host: Host) -> None:
    made(host)
    engine, log = FakeEngine(up={100}, limits_refused="memory.max: busy"), ListLog()
    lifecycle.change(host, log, 100, Change(values={"memory": "16", "onboot": "1"}), engine=engine)
    assert current(host).pending == {"memory": "16"}
    assert current(host).current["onboot"] == "1"
    assert log.lines == ["WARN: the new limits count from the next start on: memory.max: busy"]


def test_cards_are_plugged(host: Host, programs: Programs) -> None:
    made(host, net0="name=eth0,bridge=vmbr0,hwaddr=02:00:00:00:00:01")
    engine, log = FakeEngine(up={100}), ListLog()
    lifecycle.change(host, log, 100, Change(values={"net1": "name=eth1,bridge=vmbr1"}), engine=engine)
    lifecycle.change(host, log, 100, Change(delete={"net0": False}), engine=engine)
    assert current(host).pending == {}
    assert "net0" not in current(host).current
    assert programs.named("ip")[-1] == ["ip", "link", "delete", "dev", "veth100i0"]
    programs.answers["ip link add"] = 2
    lifecycle.change(host, log, 100, Change(values={"net2": "name=eth2,bridge=vmbr1"}), engine=engine)
    assert list(current(host).pending) == ["net2"]
    assert programs.calls[-1] == ["ip", "link", "delete", "dev", "veth100i2"]
    assert log.lines[-1].startswith("WARN: net2 counts from the next start on")


def test_a_limit_that_the_kernel_cannot_set_is_a_warning(host: Host, programs: Programs) -> None:
    made(host, net0="name=eth0,bridge=vmbr0,hwaddr=02:00:00:00:00:01")
    engine, log = FakeEngine(up={100}), ListLog()
    card = current(host).current["net0"]
    lifecycle.change(host, log, 100, Change(values={"net0": f"{card},rate=2"}), engine=engine)
    assert [argv[3:5] for argv in programs.named("tc")] == [
        ["dev", "veth100i0"], ["dev", "ifb100i0"], ["dev", "veth100i0"], ["dev", "veth100i0"],
    ]  # fmt: skip
    assert (current(host).current["net0"], log.lines) == (f"{card},rate=2", [])
    programs.answers["tc qdisc replace"] = 2
    lifecycle.change(host, log, 100, Change(values={"net0": f"{card},rate=3"}), engine=engine)
    assert current(host).current["net0"] == f"{card},rate=3"
    (warning,) = log.lines
    assert warning.startswith("WARN: net0: its limit (rate) is not in force: ")


def test_what_was_plugged_is_taken_back_when_the_file_cannot_be_written(host: Host, programs: Programs) -> None:
    made(host)
    engine = FakeEngine(up={100})
    with pytest.raises(Conflict, match="checksum mismatch"):
        lifecycle.change(host, ListLog(), 100, Change(values={"memory": "64"}), digest="0" * 40, engine=engine)
    assert engine.limits == []

    class Full(MemoryStore):
        def write(self, path: str, data: bytes, **kwargs: Any) -> Any:
            raise HostError("no quorum")

    full = Full("pve1")
    for path in ("storage.cfg", "nodes/pve1/lxc/100.conf"):
        MemoryStore.write(full, path, host.store.read(path).data)
    other = Host(node="pve1", store=full, mirror=full.mirror(), run=programs)
    change = Change(values={"memory": "64", "net1": "name=eth1,bridge=vmbr1"})
    with pytest.raises(HostError, match="no quorum"):
        lifecycle.change(other, ListLog(), 100, change, engine=engine)
    assert [one.memory_bytes >> 20 for one in engine.limits] == [64, 512]
    assert programs.calls[-1] == ["ip", "link", "delete", "dev", "veth100i1"]


def test_a_hookscript_sees_starts_and_stops(host: Host, programs: Programs, tmp_path: Path) -> None:
    made(host)
    storages = host.store.read("storage.cfg").data
    host.store.write("storage.cfg", storages + f"dir: snip\n\tpath {tmp_path}/snip\n\tcontent snippets\n\n".encode())
    (tmp_path / "snip/snippets").mkdir(parents=True)
    (tmp_path / "snip/snippets/hook").write_text("")
    engine = FakeEngine()
    lifecycle.change(host, ListLog(), 100, Change(values={"hookscript": "snip:snippets/hook"}), engine=engine)
    lifecycle.start(host, ListLog(), 100, engine=engine)
    lifecycle.shutdown(host, ListLog(), 100, engine=engine)
    script = f"{tmp_path}/snip/snippets/hook"
    phases = [call[2] for call in programs.named(script)]
    assert phases == ["pre-start", "post-start", "pre-stop", "post-stop"]
    programs.answers[f"{script} 100 pre-start"] = 1
    with pytest.raises(HostError, match="failed in pre-start"):
        lifecycle.start(host, ListLog(), 100, engine=engine)
    assert engine.up == set()


def test_changes_make_and_keep_volumes(host: Host, tmp_path: Path) -> None:
    made(host)
    engine, images = FakeEngine(), tmp_path / "vz/images/100"
    lifecycle.change(host, ListLog(), 100, Change(values={"mp1": "local:1,mp=/more"}), engine=engine)
    assert current(host).current["mp1"] == "local:100/vm-100-disk-1.raw,mp=/more,size=1G"
    lifecycle.change(host, ListLog(), 100, Change(delete={"mp1": False}), engine=engine)
    assert current(host).current["unused0"] == "local:100/vm-100-disk-1.raw"
    assert (images / "vm-100-disk-1.raw").exists()
    lifecycle.change(host, ListLog(), 100, Change(delete={"unused0": False}), engine=engine)
    assert not (images / "vm-100-disk-1.raw").exists()


def test_changes_that_are_refused(host: Host) -> None:
    made(host)
    before = current(host)
    for change, message in (
        (Change(values={"unprivileged": "0"}), "unprivileged"),
        (Change(delete={"unprivileged": False}), "unprivileged"),
        (Change(delete={"rootfs": False}), "rootfs"),
    ):
        with pytest.raises(Conflict, match=message):
            lifecycle.change(host, ListLog(), 100, change, engine=FakeEngine())
    with pytest.raises(Conflict, match="checksum mismatch"):
        lifecycle.change(host, ListLog(), 100, Change(values={"cores": "1"}), digest="0" * 40, engine=FakeEngine())
    assert current(host) == before


def test_removal(host: Host, tmp_path: Path) -> None:
    made(host, mp0="local:1,mp=/data")
    (tmp_path / "lxc/100/rootfs").mkdir()
    (tmp_path / "lxc/100/apparmor").mkdir()
    (tmp_path / "lxc/100/apparmor/lxc-100_<-var-lib-lxc>").write_text("profile")  # as LXC leaves it
    stray = tmp_path / "vz/images/100/vm-100-disk-9.raw"
    stray.write_bytes(b"")
    engine = FakeEngine(up={100})
    with pytest.raises(Conflict, match="is running - destroy failed"):
        lifecycle.destroy(host, ListLog(), 100, engine=engine)
    lifecycle.change(host, ListLog(), 100, Change(values={"protection": "1"}), engine=engine)
    with pytest.raises(Conflict, match="protection mode enabled"):
        lifecycle.destroy(host, ListLog(), 100, force=True, engine=engine)
    lifecycle.change(host, ListLog(), 100, Change(delete={"protection": False}), engine=engine)
    lifecycle.destroy(host, ListLog(), 100, force=True, engine=engine)
    assert engine.calls == ["kill 100"]
    assert [path.name for path in (tmp_path / "vz/images/100").iterdir()] == [stray.name]
    assert not (tmp_path / "lxc/100").exists()
    with pytest.raises(NotFound):
        current(host)


def test_what_an_interrupted_creation_left_is_removed(host: Host, tmp_path: Path) -> None:
    host.store.write("nodes/pve1/lxc/100.conf", b"lock: create\nrootfs: local:8\n")
    (tmp_path / "vz/images/100").mkdir(parents=True)
    (tmp_path / "vz/images/100/vm-100-disk-0.raw").write_bytes(b"")
    lifecycle.destroy(host, ListLog(), 100, engine=FakeEngine())
    assert not list((tmp_path / "vz/images").iterdir())
    with pytest.raises(NotFound):
        current(host)


def test_a_removal_that_ends_halfway_can_be_repeated(host: Host, programs: Programs) -> None:
    made(host)
    store, deleted = host.store, []

    class Broken(MemoryStore):
        def delete(self, path: str, **kwargs: Any) -> None:
            deleted.append(path)
            raise HostError("no quorum")

    broken = Broken("pve1")
    for path in ("storage.cfg", "nodes/pve1/lxc/100.conf"):
        broken.write(path, store.read(path).data)
    other = Host(node="pve1", store=broken, mirror=broken.mirror(), run=programs)
    with pytest.raises(HostError, match="no quorum"):
        lifecycle.destroy(other, ListLog(), 100, engine=FakeEngine())
    assert current(other).current["lock"] == "destroyed"
    host.store.write("nodes/pve1/lxc/100.conf", broken.read("nodes/pve1/lxc/100.conf").data)
    log = ListLog()
    lifecycle.destroy(host, log, 100, engine=FakeEngine())
    assert "volume 'local:100/vm-100-disk-0.raw' was already gone" in log.lines


# --- programs


def test_mount_commands() -> None:
    image = Source(path="/v/a.raw", kind="image")
    assert volumes.mount_argv(image, "/t", ["ro"]) == ["mount", "-t", "ext4", "-o", "loop,ro", "/v/a.raw", "/t"]
    block = Source(path="/dev/pve/a", kind="block")
    assert volumes.mount_argv(block, "/t", []) == ["mount", "-t", "ext4", "/dev/pve/a", "/t"]
    folder = Source(path="/tank/a", kind="folder")
    mine = mounts.parse_mount("mp0", "local:100/vm-100-disk-1.raw,mp=/d,mountoptions=noatime,ro=1")
    assert volumes.mount_options(mine, unprivileged=True) == ["nodev", "noatime", "ro"]
    assert volumes.mount_options(mine, unprivileged=False) == ["noatime", "ro"]
    given = mounts.parse_mount("mp1", "/dev/dri,mp=/dev/dri")
    assert volumes.mount_options(given, unprivileged=True) == []
    options = ["nodev", "discard", "acl", "ro"]
    assert volumes.mount_argv(folder, "/t", options) == ["mount", "-o", "bind,nodev,ro", "/tank/a", "/t"]


def test_archives_are_known_by_their_first_bytes() -> None:
    assert archive.compression(b"\x1f\x8b....") == "--gzip"
    assert archive.compression(b"\x28\xb5\x2f\xfd..") == "--zstd"
    assert archive.compression(b"\xfd7zXZ\x00") == "--xz"
    assert archive.compression(bytes(257) + b"ustar" + bytes(200)) == ""
    with pytest.raises(ParseError):
        archive.compression(b"PK\x03\x04")


def test_unpacking_is_done_by_the_containers_root() -> None:
    argv = archive.extract_argv("/t", "--zstd", unprivileged=True)
    assert argv[:6] == ["lxc-usernsexec", "-m", "u:0:100000:65536", "-m", "g:0:100000:65536", "--"]
    assert argv[argv.index("sh") + 4] == "tar"
    assert "./dev/*" in argv
    assert archive.extract_argv("/t", "", unprivileged=False)[0] == "tar"


def test_builds_cross_as_json() -> None:
    job = Job(first=True, hostname="a", password_hash="$6$x")
    work = build.Build(root="/r", mounts=((["mount", "x"], "/r"),), template="/t", unprivileged=True, job=job)
    assert build.Build.from_json(work.to_json()) == work
    assert isolated.isolated_argv(["x"])[-1] == "x"


def test_a_slow_archive_may_take_its_time(tmp_path: Path) -> None:
    archive = tmp_path / "t.tar"
    archive.write_bytes(bytes(257) + b"ustar" + bytes((1 << 20) - 262))
    work = build.Build(root="/r", mounts=(), template=str(archive), unprivileged=True, job=Job(first=True))
    slow = dataclasses.replace(work, limit_kib=1)
    assert slow.unpack_s - work.unpack_s == 1024


def test_hashes_come_through_a_pipe() -> None:
    programs = FakeRun({"openssl": "$6$a$b\n"})
    assert creation.hash_password(programs, "söcret") == "$6$a$b"
    assert programs.calls == [["openssl", "passwd", "-6", "-stdin"]]
    assert programs.inputs == ["söcret\n".encode()]


def test_the_hosts_resolver() -> None:
    found = launch.parse_resolv_conf("# x\nnameserver 192.0.2.1\nsearch a b\nnameserver ::1\noptions edns0\n")
    assert (found.nameservers, found.search) == (("192.0.2.1", "::1"), "a b")


def test_systemd_says_why_a_start_failed(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(start_log, "FOLDER", str(tmp_path))

    class Failing(FakeRun):
        def __call__(self, argv: Sequence[Any], **kwargs: Any) -> Result:
            if list(argv[:2]) == ["systemctl", "start"]:
                start_log.add(100, "volume 'x' does not exist")
            return super().__call__(argv, **kwargs)

    monkeypatch.setattr(engines, "prepared", lambda *_, **more: contextlib.nullcontext())
    programs = Failing({"systemctl start": 1})
    with pytest.raises(HostError, match="CT 100 did not start: volume 'x' does not exist"):
        SystemdEngine(dataclasses.replace(host, run=programs)).start(100)
    assert programs.calls[-1] == ["systemctl", "reset-failed", "hostd-ct@100.service"]
    with pytest.raises(HostError, match="its first program ended at once"):
        SystemdEngine(dataclasses.replace(host, run=FakeRun())).start(100)


def test_what_cannot_be_prepared_is_not_started(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(start_log, "FOLDER", str(tmp_path))
    programs = FakeRun()
    host.store.write("nodes/pve1/lxc/100.conf", b"arch: amd64\n")
    with pytest.raises(HostError, match="CT 100 did not start: CT 100 has no rootfs"):
        SystemdEngine(dataclasses.replace(host, run=programs)).start(100)
    assert ["systemctl", "start", "hostd-ct@100.service"] not in programs.calls


def test_where_the_unit_may_find_itself() -> None:
    first = "2:memory:/\n1:name=systemd:/node/init.scope\n0::/node/init.scope\n"
    assert prepared.unit_places(7, first) == [
        {"memory": "", "name=systemd": "/node", "": "/node"},
        {"memory": "/machine.slice", "name=systemd": "/node/machine.slice", "": "/node/machine.slice"},
        {
            "memory": "/machine.slice/hostd-ct@7.service",
            "name=systemd": "/node/machine.slice/hostd-ct@7.service",
            "": "/node/machine.slice/hostd-ct@7.service",
        },
    ]


def test_folders_and_devices_of_the_host(host: Host, tmp_path: Path) -> None:
    catalog = lifecycle.catalog_of(host)
    folder = lifecycle.planning.mounts.parse_mount("mp0", f"{tmp_path},mp=/srv")
    assert volumes.source_of_point(catalog, folder) == Source(path=str(tmp_path), kind="folder")
    device = lifecycle.planning.mounts.parse_mount("mp1", "/dev/null,mp=/srv")
    assert volumes.source_of_point(catalog, device).kind == "block"
    with pytest.raises(Conflict, match="neither a folder nor a device"):
        volumes.source_of_point(catalog, lifecycle.planning.mounts.parse_mount("mp2", f"{tmp_path}/no,mp=/srv"))
    assert creation.mount_plan(catalog, [folder], "/r") == []


def test_a_reboot_from_inside_applies_what_waits(host: Host, tmp_path: Path) -> None:
    from hostd.guests.lxc import running

    (tmp_path / "100").write_text("")
    assert running.take_reboot(100, str(tmp_path))
    assert not running.take_reboot(100, str(tmp_path))
    made(host)
    place = lifecycle.where(host, 100)
    text = host.store.read(place.path).data
    host.store.write(place.path, text + b"\n[pve:pending]\ntty: 4\ndelete: mp0\n")
    launch.apply_waiting(host, place)
    assert (current(host).current["tty"], current(host).pending) == ("4", {})
    host.store.write(place.path, text + b"\n[pve:pending]\ntty: 3\ndelete: !mp0\n")
    launch.apply_waiting(host, place)
    assert current(host).pending["tty"] == "3"
