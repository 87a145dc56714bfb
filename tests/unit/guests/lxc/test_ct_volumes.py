"""Copies, templates, growing and moving of containers' volumes, on folder storages with fakes for programs and LXC."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import CommandFailed, Conflict, HostError, Invalid, NotFound, ParseError
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.run import Result
from hostd.guests import config as files
from hostd.guests import notes
from hostd.guests.changes import Change
from hostd.guests.lxc import (
    cloning,
    copies,
    disks,
    identities,
    interfaces,
    isolated,
    lifecycle,
    power,
    runtime_config,
    snapshot_operations,
    volumes,
)
from hostd.guests.lxc.cloning import Wanted
from hostd.guests.lxc.inside.job import Report
from hostd.guests.lxc.volumes import Source
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.fakes.run import FakeRun

CONF = (
    b"hostname: web\nostype: debian\nunprivileged: 1\nnet0: name=eth0,bridge=vmbr0,hwaddr=02:00:00:00:00:01\n"
    b"rootfs: aa:100/vm-100-disk-0.raw,size=1G\nmp0: aa:100/vm-100-disk-1.raw,mp=/data,ro=1,size=1G\n"
    b"unused0: aa:100/vm-100-disk-2.raw\n"
)
REPORT = Report(ostype="debian", arch="amd64").to_json()


class Programs(FakeRun):
    """``qemu-img create`` and ``resize`` leave a file of that size, as the real one would."""

    def __call__(self, argv: Sequence[Any], **kwargs: Any) -> Result:
        result = super().__call__(argv, **kwargs)
        words = [str(word) for word in argv]
        if words[:2] in (["qemu-img", "create"], ["qemu-img", "resize"]):
            with open(words[-2], "ab") as image:
                image.truncate(int(words[-1]))
        return result

    def named(self, program: str) -> list[list[str]]:
        return [call for call in self.calls if call[0] == program]


@pytest.fixture
def programs() -> Programs:
    return Programs({"setpriv": REPORT, "losetup --noheadings": "/dev/loop7\n"})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Programs) -> Host:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(runtime_config, "folder", lambda vmid: f"{tmp_path}/lxc/{vmid}")
    monkeypatch.setattr(volumes.os, "chown", lambda *a: None)
    monkeypatch.setattr(identities, "is_reserved", lambda *a: True)
    monkeypatch.setattr(notes, "FOLDER", str(tmp_path / "notes"))
    store = MemoryStore("pve1")
    text = "".join(f"dir: {name}\n\tpath {tmp_path}/{name}\n\tcontent rootdir\n\n" for name in ("aa", "bb"))
    store.write("storage.cfg", text.encode())
    store.write("nodes/pve1/lxc/100.conf", CONF)
    (tmp_path / "aa/images/100").mkdir(parents=True)
    for number in range(3):
        with open(tmp_path / f"aa/images/100/vm-100-disk-{number}.raw", "wb") as image:
            image.truncate(1 << 30)
    return Host(node="pve1", store=store, mirror=store.mirror(), run=programs)


def current(host: Host, vmid: int = 100) -> GuestFile:
    return files.load(host.store, lifecycle.where(host, vmid)).file


def images(tmp_path: Path, storage: str = "aa") -> list[str]:
    return sorted(path.name for path in (tmp_path / storage / "images").glob("*/*"))


# --- copies


def test_a_full_copy_is_somebody_else(host: Host, programs: Programs, tmp_path: Path) -> None:
    cloning.clone(host, ListLog(), 100, Wanted(vmid=101, hostname="db", storage="bb"), engine=FakeEngine())
    file = current(host, 101)
    assert file.current["rootfs"] == "bb:101/vm-101-disk-0.raw,size=1G"
    assert file.current["mp0"] == "bb:101/vm-101-disk-1.raw,mp=/data,ro=1,size=1G"
    assert file.current["hostname"] == "db"
    assert "hwaddr=02:00:00:00:00:01" not in file.current["net0"]
    assert not {"unused0", "lock", "parent"} & set(file.current)
    sent = json.loads(next(text for call, text in zip(programs.calls, programs.inputs, strict=True)
                           if call[0] == "setpriv") or "")  # fmt: skip
    job = json.loads(sent["job"])
    assert (sent["template"], job["copied"], job["first"], job["hostname"]) == ("", True, False, "db")
    assert images(tmp_path, "bb") == ["vm-101-disk-0.raw", "vm-101-disk-1.raw"]


@pytest.mark.parametrize("answers", [{"setpriv": CommandFailed(["x"], 1, "no\n")}, {"qemu-img convert": 1}])
def test_a_copy_that_fails_leaves_nothing(
    host: Host, programs: Programs, tmp_path: Path, answers: dict[str, Any]
) -> None:
    programs.answers |= answers
    with pytest.raises(HostError):
        cloning.clone(host, ListLog(), 100, Wanted(vmid=101, storage="bb"), engine=FakeEngine())
    with pytest.raises(NotFound):
        current(host, 101)
    assert images(tmp_path, "bb") == []
    assert "lock" not in current(host).current


def test_copies_that_cannot_be(host: Host) -> None:
    with pytest.raises(Conflict, match="Linked clone feature is not supported for 'rootfs'"):
        cloning.clone(host, ListLog(), 100, Wanted(vmid=101, full=False), engine=FakeEngine())
    with pytest.raises(Conflict, match="shut it down first"):
        cloning.clone(host, ListLog(), 100, Wanted(vmid=101), engine=FakeEngine(up={100}))
    with pytest.raises(NotFound):
        current(host, 101)


def test_a_folder_becomes_an_image_file_by_file(host: Host, programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "aa/images/100/subvol-100-disk-0.subvol").mkdir()
    wanted = copies.Copied(
        source=disks.VolumeId.parse("aa:100/subvol-100-disk-0.subvol"), storage="bb", vmid=100,
        size_bytes=1 << 30, unprivileged=True,
    )  # fmt: skip
    made = copies.copy(disks.catalog_of(host), programs, wanted)
    assert str(made) == "bb:100/vm-100-disk-0.raw"
    assert programs.named("mkfs.ext4")
    sent = json.loads(next(text for call, text in zip(programs.calls, programs.inputs, strict=True)
                           if call[0] == "setpriv") or "")  # fmt: skip
    assert sent["argvs"][0] == [
        "mount", "-o", "bind,nodev,ro", f"{tmp_path}/aa/images/100/subvol-100-disk-0.subvol", isolated.FROM,
    ]  # fmt: skip
    assert sent["argvs"][2][-2:] == [f"{isolated.FROM}/.", isolated.TO]
    programs.answers["setpriv"] = CommandFailed(["setpriv"], 1, "cp: no space\n")
    with pytest.raises(HostError, match="cp: no space"):
        copies.copy(disks.catalog_of(host), programs, wanted)
    assert images(tmp_path, "bb") == ["vm-100-disk-0.raw"]


def test_templates_need_storages_with_linked_copies(host: Host) -> None:
    made = FakeEngine()
    cloning.make_template(host, ListLog(), 100, engine=made)
    file = current(host)
    assert file.current["template"] == "1"
    assert file.current["rootfs"] == "aa:100/base-100-disk-0.raw,size=1G"
    assert "lock" not in file.current
    with pytest.raises(Conflict, match="template and cannot be started"):
        lifecycle.start(host, ListLog(), 100, engine=made)
    with pytest.raises(Conflict, match="its volumes stay as they are"):
        disks.resize(host, ListLog(), 100, "rootfs", "+1G", engine=made)
    with pytest.raises(Conflict, match="a template has no snapshots"):
        snapshot_operations.take(host, ListLog(), 100, "one", engine=made)


# --- growing


def test_growing_a_stopped_container(host: Host, programs: Programs, tmp_path: Path) -> None:
    disks.resize(host, ListLog(), 100, "rootfs", "+1G", engine=FakeEngine())
    path = f"{tmp_path}/aa/images/100/vm-100-disk-0.raw"
    assert programs.named("e2fsck") == [["e2fsck", "-f", "-p", path]]
    assert programs.named("resize2fs") == [["resize2fs", path]]
    assert current(host).current["rootfs"] == "aa:100/vm-100-disk-0.raw,size=2G"
    with pytest.raises(Conflict, match="shrinking"):
        disks.resize(host, ListLog(), 100, "rootfs", "1G", engine=FakeEngine())
    with pytest.raises(NotFound, match="'mp7' does not exist"):
        disks.resize(host, ListLog(), 100, "mp7", "9G", engine=FakeEngine())


def test_a_file_system_that_did_not_grow_can_be_grown_again(host: Host, programs: Programs) -> None:
    programs.answers["nsenter"] = 1
    with pytest.raises(HostError, match="'pct resize 100 rootfs 2G' tries that again"):
        disks.resize(host, ListLog(), 100, "rootfs", "2G", engine=FakeEngine(up={100}))
    assert current(host).current["rootfs"].endswith("size=1G")
    disks.resize(host, ListLog(), 100, "rootfs", "2G", engine=FakeEngine())
    assert current(host).current["rootfs"].endswith("size=2G")
    assert len(programs.named("resize2fs")) == 1


def test_growing_a_running_container(host: Host, programs: Programs) -> None:
    disks.resize(host, ListLog(), 100, "mp0", "3G", engine=FakeEngine(up={100}))
    assert programs.calls[-2:] == [
        ["losetup", "--set-capacity", "/dev/loop7"],
        ["nsenter", "--mount=/proc/100/ns/mnt", "--", "resize2fs", "/dev/loop7"],
    ]
    assert current(host).current["mp0"] == "aa:100/vm-100-disk-1.raw,mp=/data,ro=1,size=3G"


def test_a_damaged_file_system_is_not_grown() -> None:
    broken = FakeRun({"e2fsck": 4})
    with pytest.raises(HostError, match="'/x' has errors"):
        copies.grow_stopped(broken, Source(path="/x", kind="block"))
    assert not [call for call in broken.calls if call[0] == "resize2fs"]
    with pytest.raises(HostError, match="no loop device"):
        copies.loop_device(FakeRun(), "/x")


# --- moving


def test_moving_to_another_storage(host: Host, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="shut CT 100 down first"):
        disks.move(host, ListLog(), 100, "rootfs", "bb", engine=FakeEngine(up={100}))
    disks.move(host, ListLog(), 100, "mp0", "bb", engine=FakeEngine())
    file = current(host)
    assert file.current["mp0"] == "bb:100/vm-100-disk-0.raw,mp=/data,ro=1,size=1G"
    assert file.current["unused1"] == "aa:100/vm-100-disk-1.raw"
    disks.move(host, ListLog(), 100, "rootfs", "bb", delete=True, engine=FakeEngine())
    assert "vm-100-disk-0.raw" not in images(tmp_path)
    assert "lock" not in current(host).current
    with pytest.raises(Conflict, match="already"):
        disks.move(host, ListLog(), 100, "rootfs", "bb", engine=FakeEngine())


def test_a_move_that_fails_changes_nothing(host: Host, programs: Programs, tmp_path: Path) -> None:
    before = current(host)
    programs.answers["qemu-img convert"] = 1
    with pytest.raises(CommandFailed):
        disks.move(host, ListLog(), 100, "rootfs", "bb", delete=True, engine=FakeEngine())
    assert current(host) == before
    assert images(tmp_path, "bb") == []


def test_giving_a_volume_to_another_container(host: Host) -> None:
    host.store.write("nodes/pve1/lxc/101.conf", b"unprivileged: 1\nrootfs: aa:101/vm-101-disk-5.raw,size=1G\n")
    with pytest.raises(Invalid):
        disks.reassign(host, ListLog(), 100, "mp0", 100, "mp1", engine=FakeEngine())
    with pytest.raises(Conflict, match="a container needs it"):
        disks.reassign(host, ListLog(), 100, "rootfs", 101, "mp0", engine=FakeEngine())
    with pytest.raises(Conflict, match="has no path inside"):
        disks.reassign(host, ListLog(), 100, "unused0", 101, "mp0", engine=FakeEngine())
    disks.reassign(host, ListLog(), 100, "mp0", 101, "mp3", engine=FakeEngine())
    assert current(host, 101).current["mp3"] == "aa:101/vm-101-disk-0.raw,mp=/data,ro=1,size=1G"
    assert "mp0" not in current(host).current
    host.store.write("nodes/pve1/lxc/102.conf", b"rootfs: aa:102/vm-102-disk-0.raw,size=1G\n")
    with pytest.raises(Conflict, match="owners of the files"):
        disks.reassign(host, ListLog(), 100, "unused0", 102, "unused0", engine=FakeEngine())


# --- what a killed process left


def test_a_volume_that_no_file_names_becomes_unused(host: Host, tmp_path: Path) -> None:
    host.store.write("nodes/pve1/lxc/100.conf", CONF + b"lock: disk\n")
    (tmp_path / "bb/images/100").mkdir(parents=True)
    (tmp_path / "bb/images/100/vm-100-disk-0.raw").write_bytes(b"")
    engine = FakeEngine()
    lifecycle.start(host, ListLog(), 100, engine=engine)
    file = current(host)
    assert file.current["unused1"] == "bb:100/vm-100-disk-0.raw"
    assert "lock" not in file.current
    assert engine.up == {100}


def test_a_template_that_was_cut_off_finds_its_base(host: Host, tmp_path: Path) -> None:
    host.store.write("nodes/pve1/lxc/100.conf", CONF + b"lock: disk\n")
    (tmp_path / "aa/images/100/vm-100-disk-0.raw").rename(tmp_path / "aa/images/100/base-100-disk-0.raw")
    disks.rescan(host, ListLog(), 100, engine=FakeEngine())
    assert current(host).current["rootfs"] == "aa:100/base-100-disk-0.raw,size=1G"


def test_a_container_that_was_held_still_goes_on(host: Host) -> None:
    engine, log = FakeEngine(up={100}, frozen={100}), ListLog()
    notes.write(100, notes.HELD)
    lifecycle.change(host, log, 100, Change(values={"tags": "x"}), engine=engine)
    assert engine.frozen == set()
    assert notes.names(100) == []
    assert "CT 100 was held still; it goes on" in log.lines
    notes.write(100, notes.HELD)
    lifecycle.start(host, ListLog(), 100, engine=(off := FakeEngine()))
    assert off.calls == ["start 100"], "there was nothing to let go"
    assert notes.names(100) == []


def test_rescan_tells_and_names(host: Host, tmp_path: Path) -> None:
    with open(tmp_path / "aa/images/100/vm-100-disk-9.raw", "wb") as image:
        image.truncate(1 << 20)
    with open(tmp_path / "aa/images/100/vm-100-disk-1.raw", "wb") as image:
        image.truncate(5 << 30)
    log = ListLog()
    disks.rescan(host, log, 100, dry_run=True, engine=FakeEngine())
    assert log.lines == ["CT 100: 'aa:100/vm-100-disk-9.raw' is not in the configuration"]
    assert "unused1" not in current(host).current
    disks.rescan(host, log, 100, engine=FakeEngine())
    assert current(host).current["unused1"] == "aa:100/vm-100-disk-9.raw"
    assert current(host).current["mp0"].endswith("size=5G")


# --- snapshots and power


def test_a_snapshot_needs_a_storage_with_states(host: Host) -> None:
    with pytest.raises(Conflict, match="snapshot feature is not available: rootfs"):
        snapshot_operations.take(host, ListLog(), 100, "before", engine=FakeEngine())
    assert "lock" not in current(host).current
    host.store.write("nodes/pve1/lxc/100.conf", CONF + b"\n[before]\nrootfs: aa:100/vm-100-disk-0.raw\n")
    snapshot_operations.describe(host, 100, "before", "two\nlines")
    assert current(host).snapshots["before"].comment == "two\nlines"
    with pytest.raises(HostError):
        snapshot_operations.go_back(host, ListLog(), 100, "before", engine=FakeEngine(up={100}))
    assert notes.read(100, notes.ROLLBACK) == ""
    assert "lock" not in current(host).current


def test_holding_still_and_booting_anew(host: Host) -> None:
    engine, log = FakeEngine(up={100}), ListLog()
    power.suspend(host, log, 100, engine=engine)
    assert engine.frozen == {100}
    power.resume(host, log, 100, engine=engine)
    assert engine.frozen == set()
    power.reboot(host, log, 100, timeout_s=5, engine=engine)
    assert engine.calls[-2:] == ["shutdown 100 5", "start 100"]
    engine.up.clear()
    with pytest.raises(Conflict, match="not running"):
        power.suspend(host, log, 100, engine=engine)


def test_interfaces_of_iproute() -> None:
    text = json.dumps([
        {"ifname": "eth0", "address": "02:00:00:00:00:01", "addr_info": [
            {"family": "inet", "local": "192.0.2.5", "prefixlen": 24},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64},
        ]},
        {},
    ])  # fmt: skip
    (card,) = interfaces.parse(text)
    assert (card.name, card.first("inet"), card.first("inet6")) == ("eth0", "192.0.2.5/24", "fe80::1/64")
    with pytest.raises(ParseError):
        interfaces.parse("no json")
