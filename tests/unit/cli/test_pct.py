"""pct: what it asks of the API, programs and files inside, file systems seen from the host."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from hostd.cli import manual, pct
from hostd.cli.commands import Local
from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, HostError, Invalid, NotFound
from hostd.guests import config as files
from hostd.guests.lxc import rooted, running, runtime_config, transfer, upkeep
from hostd.guests.lxc.ownership import where
from hostd.guests.lxc.transfer import Ownership
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.fakes.run import FakeRun
from tests.unit.cli.conftest import Shell

CONF = b"hostname: web\nunprivileged: 1\nrootfs: aa:100/vm-100-disk-0.raw,size=1G\nmp0: aa:0/subvol-0-disk-0,mp=/d\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(running, "FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(runtime_config, "folder", lambda vmid: f"{tmp_path}/lxc/{vmid}")
    monkeypatch.setattr(os, "chown", lambda *a: None)
    store = MemoryStore("alpha")
    store.write("storage.cfg", f"dir: aa\n\tpath {tmp_path}/vz\n\tcontent rootdir\n\n".encode())
    store.write("nodes/alpha/lxc/100.conf", CONF.replace(b"aa:0/subvol-0-disk-0", b"aa:100/vm-100-disk-1.raw"))
    (tmp_path / "vz/images/100").mkdir(parents=True)
    for number in range(2):
        (tmp_path / f"vz/images/100/vm-100-disk-{number}.raw").write_bytes(b"")
    return Host(node="alpha", store=store, mirror=store.mirror(), run=FakeRun())


def test_rows_are_methods_that_are_declared(shell: Shell) -> None:
    known = pct.SUITE.commands(shell.around().methods)
    assert {row.words for row in pct.ROWS} - set(known) == set()
    assert "delsnapshot" in manual.suite_page(pct.SUITE, shell.around().methods)


def test_the_state_is_one_line(shell: Shell) -> None:
    shell.scripted = {"GET /nodes/alpha/lxc/100/status/current": [{"status": "running", "vmid": 100}] * 2}
    around = shell.around()
    pct.SUITE.run(around, ["status", "100"])
    pct.SUITE.run(around, ["status", "100", "--verbose"])
    assert isinstance(around.out, io.StringIO)
    assert around.out.getvalue() == "status: running\nstatus: running\nvmid: 100\n"


def test_what_a_program_is_given_is_passed_on_as_it_is() -> None:
    seen: list[list[str]] = []
    command = Local(
        words="exec", doc="x", act=lambda around, args: seen.append(list(args)), positional=["vmid"], rest="c"
    )
    for args in (["100", "--", "ls", "-l"], ["100", "ls", "-l"], ["100", "--", "--", "x"]):
        command.run(None, "pct", args)  # type: ignore[arg-type]
    assert seen == [["100", "ls", "-l"], ["100", "ls", "-l"], ["100", "--", "x"]]
    assert command.usage("pct") == "usage: pct exec <vmid> [--] <c>…\n"


def test_programs_need_a_running_container(shell: Shell, host: Host) -> None:
    with pytest.raises(Conflict, match="CT 100 is not running"):
        pct.SUITE.run(shell.around(), ["enter", "100"])
    with pytest.raises(Invalid):
        pct.SUITE.run(shell.around(), ["enter", "web"])


# --- files


def test_files_are_replaced_and_never_followed(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "inside"
    source.write_bytes(b"x" * 3_000_000)
    place.mkdir()
    (place / "host").symlink_to("/etc/passwd")
    with open(source, "rb") as file:
        transfer._write(file.fileno(), f"{place}/host", 0o640, Ownership(user=os.getuid(), group=os.getgid()))
    assert not (place / "host").is_symlink()
    assert (place / "host").read_bytes() == source.read_bytes()
    assert stat.S_IMODE((place / "host").stat().st_mode) == 0o640
    with open(source, "rb") as file, pytest.raises(Conflict, match="is a folder"):
        transfer._write(file.fileno(), str(place), 0o640, Ownership())
    assert [path.name for path in place.iterdir()] == ["host"]


def test_only_plain_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "to", "wb") as file:
        with pytest.raises(Conflict, match="no plain file"):
            transfer._read(f"{tmp_path}/pipe", file.fileno())
        (tmp_path / "from").write_bytes(b"abc")
        transfer._read(f"{tmp_path}/from", file.fileno())
    assert (tmp_path / "to").read_bytes() == b"abc"


def test_a_copy_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(HostError):
        transfer.pull(os.getpid(), "/nowhere/at/all", f"{tmp_path}/to", None, unprivileged=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(HostError, match="cannot be made: No such file"):
        transfer.pull(os.getpid(), "/etc/hostname", f"{tmp_path}/no/to", None, unprivileged=False)
    with pytest.raises(HostError, match="cannot be read: No such file"):
        transfer.push(os.getpid(), f"{tmp_path}/none", "/x", Ownership(), unprivileged=False)
    with pytest.raises(Conflict, match="must be absolute"):
        transfer.push(os.getpid(), "/etc/hostname", "relative", Ownership(), unprivileged=False)


# --- file systems


def test_links_of_a_mounted_container_lead_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "srv/data").mkdir(parents=True)
    (root / "abs").symlink_to("/srv")
    (root / "up").symlink_to("../../../../etc")
    (root / "loop").symlink_to("loop")
    (root / "file").write_bytes(b"")
    for given, found in {
        "/srv/data": "srv/data", "/abs/data": "srv/data", "/up/x": "etc/x", "/abs/../../../new/one": "new/one",
        "/new/../../x": "x", "/": "",
    }.items():  # fmt: skip
        assert rooted.place_inside(str(root), given) == f"{root}/{found}".rstrip("/"), given
    with pytest.raises(Conflict, match="too many links"):
        rooted.place_inside(str(root), "/loop/x")
    with pytest.raises(Conflict, match="'/file' is no folder"):
        rooted.place_inside(str(root), "/file/x")


def test_folders_of_mount_points_are_made_through_no_link(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "srv").mkdir(parents=True)
    outside.mkdir()
    (root / "out").symlink_to(outside)
    (root / "in").symlink_to("srv")
    (root / "file").write_bytes(b"")
    me = os.getuid()
    rooted.make_plain_folders(str(root), "/srv/new/one", me)
    rooted.make_plain_folders(str(root), "/srv/new/one", me)
    assert (root / "srv/new/one").is_dir()
    rooted.make_plain_folders(str(root), "/not/here", me, make=False)
    for target in ("/out/x", "/in/x", "/in", "/file/x", "/file"):
        with pytest.raises(Conflict, match=f"a part of '{target}' is a link inside, or no folder"):
            rooted.make_plain_folders(str(root), target, me)
    assert sorted(path.name for path in root.iterdir()) == ["file", "in", "out", "srv"]
    assert list(outside.iterdir()) == []


def test_a_folder_swapped_for_a_link_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another container with the same files may do that between any two steps."""
    root, outside, make = tmp_path / "root", tmp_path / "outside", os.mkdir
    root.mkdir()
    outside.mkdir()

    def swapped(name: str, mode: int, *, dir_fd: int) -> None:
        make(name, mode, dir_fd=dir_fd)
        (root / name).rename(root / "away")
        (root / name).symlink_to(outside)

    monkeypatch.setattr(os, "mkdir", swapped)
    with pytest.raises(Conflict, match="a part of '/part/deep' is a link inside"):
        rooted.make_plain_folders(str(root), "/part/deep", os.getuid())
    assert list(outside.iterdir()) == []


def test_mounting_by_hand_locks_the_container(host: Host, tmp_path: Path) -> None:
    engine = FakeEngine(up={100})
    with pytest.raises(Conflict, match="is running"):
        upkeep.mount(host, ListLog(), 100, engine=engine)
    engine.up.clear()
    root = upkeep.mount(host, ListLog(), 100, engine=engine)
    assert isinstance(host.run, FakeRun)
    targets = [call[-1] for call in host.run.calls if call[0] == "mount"]
    assert targets == [root, f"{root}/d"]
    assert files.load(host.store, where(host, 100)).file.current["lock"] == "mounted"
    with pytest.raises(Conflict, match=r"locked \(mounted\)"):
        upkeep.mount(host, ListLog(), 100, engine=engine)
    upkeep.unmount(host, ListLog(), 100)
    assert "lock" not in files.load(host.store, where(host, 100)).file.current
    with pytest.raises(Conflict, match="is not mounted"):
        upkeep.unmount(host, ListLog(), 100)


def test_a_mount_that_fails_is_undone(host: Host) -> None:
    assert isinstance(host.run, FakeRun)
    host.run.answers["mount -t ext4 -o loop,nodev,nosuid"] = 32
    with pytest.raises(HostError):
        upkeep.mount(host, ListLog(), 100, engine=FakeEngine())
    assert "lock" not in files.load(host.store, where(host, 100)).file.current


def test_usage_and_checks(host: Host) -> None:
    assert isinstance(host.run, FakeRun)
    host.run.answers["nsenter"] = "size used avail\n1000 400 600\n2000 0 2000\n"
    found = upkeep.usage(host, 100, FakeEngine(up={100}))
    assert [(one.point.key, one.used_bytes, one.free_bytes) for one in found] == [
        ("rootfs", 400, 600),
        ("mp0", 0, 2000),
    ]
    with pytest.raises(Conflict, match="not running"):
        upkeep.usage(host, 100, FakeEngine())
    log = ListLog()
    upkeep.check(host, log, 100, "mp0", force=True, engine=FakeEngine())
    assert host.run.calls[-1][:3] == ["e2fsck", "-p", "-f"]
    host.run.answers["e2fsck"] = 4
    with pytest.raises(HostError, match="need a person"):
        upkeep.check(host, log, 100, "rootfs", engine=FakeEngine())
    with pytest.raises(NotFound):
        upkeep.check(host, log, 100, "mp9", engine=FakeEngine())
    host.run.answers["nsenter"] = 1
    upkeep.trim(host, log, 100, engine=FakeEngine(up={100}))
    assert log.lines[-1].startswith("WARN: mp0:")


def test_sizes_are_short() -> None:
    assert [pct._short(n) for n in (0, 1023, 1536, 5 << 40, 9 << 50)] == ["0.0B", "1023.0B", "1.5K", "5.0T", "9216.0T"]
