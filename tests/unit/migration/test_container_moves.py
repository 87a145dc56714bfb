"""Moving containers, as the source does it: what is in the way, the order of the steps, what becomes of a failure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import CommandFailed, Conflict, HostError, NotFound, Unavailable
from hostd.core.formats.keyvalue import LXC_PENDING, format_guest, parse_guest
from hostd.guests import config as files
from hostd.guests import handover
from hostd.guests.config import GuestKind
from hostd.guests.handover import Handover
from hostd.guests.lxc import runtime_config
from hostd.guests.lxc.handover import settle
from hostd.guests.lxc.ownership import where
from hostd.migration import containers, leftovers, sending
from hostd.migration.leftovers import Side
from hostd.migration.outgoing import Road
from hostd.migration.plan import Wish, plan
from hostd.migration.preconditions import Report
from hostd.node.host import Host
from hostd.storage.config import StorageFile, parse_storage_cfg
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun

STORAGES = (
    b"dir: here\n\tpath /a\n\tcontent rootdir\n\ndir: all\n\tpath /b\n\tshared 1\n\n"
    b"dir: some\n\tpath /c\n\tshared 1\n\tnodes alpha,beta\n\ndir: isos\n\tpath /d\n\tcontent iso\n\n"
)
ON_ALL = "rootfs: all:100/vm-100-disk-0.raw\n"


def storages() -> StorageFile:
    return parse_storage_cfg(STORAGES)


def report(text: str) -> Report:
    return containers.report(100, parse_guest(text, pending=LXC_PENDING), storages(), ["beta", "gamma"])


def check(text: str, target: str = "beta", *, running: bool = False, **there: str) -> list[str]:
    """Volumes that are copied; Conflict with what is in the way."""
    wish = Wish(target=target, storages=there)
    planned = plan(100, report(text), storages(), wish, running=running, kind=GuestKind.LXC)
    return [str(one.volume) for one in planned.transfers]


def test_volumes_decide_where_it_can_go() -> None:
    text = f"{ON_ALL}mp0: some:100/vm-100-disk-1.raw,mp=/x\n"
    assert report(text).allowed == ("beta",)
    assert report(text).unavailable["gamma"] == ("some",)
    assert check(text) == []
    with pytest.raises(Conflict, match="'gamma' does not have storage 'some'"):
        check(text, "gamma")
    with pytest.raises(Conflict, match="'delta' is not there; it is running: move it with 'restart'"):
        check(text, "delta", running=True)


def test_volumes_of_this_node_are_copied() -> None:
    text = f"{ON_ALL}mp0: here:100/subvol-100-disk-1.subvol,mp=/x\nunused0: here:100/vm-100-disk-3.raw\n"
    assert check(text) == ["here:100/subvol-100-disk-1.subvol", "here:100/vm-100-disk-3.raw"]
    with pytest.raises(Conflict, match="storage 'isos' takes no volumes of containers"):
        check(text, here="isos")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mp0: /srv,mp=/srv", "folders or devices of this node: mp0"),
        ("dev1: /dev/null", "dev1"),
        ("mp0: here:200/vm-200-disk-3.raw,mp=/x", "'here:200/vm-200-disk-3.raw'.*not the guest's own"),
        ("mp0: here:100/base-100-disk-3.raw,mp=/x", "a template's"),
        ("[old]\nrootfs: here:100/vm-100-disk-4.raw", "'here:100/vm-100-disk-4.raw' has snapshots"),
    ],
)
def test_what_is_of_this_node_alone(line: str, words: str) -> None:
    with pytest.raises(Conflict, match=words):
        check(f"{ON_ALL}{line}\n")


def test_a_shared_folder_is_everywhere() -> None:
    assert report(f"{ON_ALL}mp0: /srv,mp=/srv,shared=1\n").resources == ()


class FakeTarget:
    """Node beta. ``fail``: the request that it refuses; ``die``: the one at which it is gone."""

    fail = ""
    asked: list[tuple[str, Mapping[str, object]]] = []
    seen: list[tuple[str, bool, bool]] = []
    site: Any = None

    def __init__(self, host: Host, log: object, node: str, vmid: int, *_: object, kind: GuestKind) -> None:
        self.node = node
        assert kind is GuestKind.LXC

    def __enter__(self) -> FakeTarget:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, op: str, **more: object) -> dict[str, Any]:
        self.asked.append((op, more))
        self.seen.append((op, 100 in self.site.engine.up, self.site.is_here()))
        if op == self.fail:
            raise Unavailable("gone")
        name = str(more.get("name"))
        format = "subvol" if "subvol" in name else "raw"
        return {"volume": name.replace("disk-0", "disk-7"), "size": more.get("size", 0), "format": format}


class Site:
    """Node alpha with container 100, whose root is a file of its own."""

    def __init__(self, work: Path, text: str) -> None:
        self.store = MemoryStore("alpha")
        self.store.write("storage.cfg", STORAGES.replace(b"/a", f"{work}/a".encode()))
        self.store.write("nodes/alpha/lxc/100.conf", text.encode())
        self.store.mkdir("nodes/beta/lxc", parents=True)
        self.volume = work / "a/images/100/vm-100-disk-0.raw"
        self.volume.parent.mkdir(parents=True)
        self.volume.write_bytes(bytes(4096))
        self.run = FakeRun({"qemu-img info": '{"virtual-size": 4096, "format": "raw"}'})
        self.host = Host(node="alpha", store=self.store, mirror=self.store.mirror(), run=self.run)
        self.engine, self.log = FakeEngine(up={100}), ListLog()

    def move(self, *, restart: bool = True) -> None:
        containers.move(
            self.host, self.log, 100, Wish(target="beta"), Road(addresses=["10.0.0.2"]), ["beta"],
            restart=restart, engine=self.engine, machines=FakeMachines(),
        )  # fmt: skip

    def is_here(self) -> bool:
        try:
            self.store.read("nodes/alpha/lxc/100.conf")
        except NotFound:
            return False
        return True

    def text(self, node: str) -> str:
        return self.store.read(f"nodes/{node}/lxc/100.conf").data.decode()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(leftovers, "FOLDER", str(tmp_path / "notes"))
    monkeypatch.setattr(runtime_config, "folder", lambda vmid: f"{tmp_path}/lxc/{vmid}")
    monkeypatch.setattr(containers, "Target", FakeTarget)
    monkeypatch.setattr(FakeTarget, "asked", [])
    monkeypatch.setattr(FakeTarget, "seen", [])
    made = Site(tmp_path, "arch: amd64\nrootfs: here:100/vm-100-disk-0.raw,size=4K\n")
    monkeypatch.setattr(FakeTarget, "site", made)

    def send_image(*_: object) -> None:
        FakeTarget.seen.append(("image", 100 in made.engine.up, made.is_here()))

    monkeypatch.setattr(sending, "send_image", send_image)
    return made


def test_the_order_of_the_steps(site: Site) -> None:
    site.move()
    assert FakeTarget.seen == [("make", True, True), ("image", False, True), ("finish", False, False)]
    text = site.text("beta")
    assert "lock: migrate" in text
    assert "restart: 1" in text
    assert "volume0: here:100/vm-100-disk-0.raw 100/vm-100-disk-7.raw" in text
    assert not site.is_here()
    assert not site.volume.exists(), "what was copied is removed here"
    assert leftovers.noted(Side.DEPARTED, 100) is None


@pytest.mark.parametrize("fail", ["make", "image"])
def test_a_failure_before_it_is_handed_over_leaves_it_running_here(
    site: Site, monkeypatch: pytest.MonkeyPatch, fail: str
) -> None:
    monkeypatch.setattr(FakeTarget, "fail", fail)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sending, "send_image", broken)
    with pytest.raises((HostError, KeyboardInterrupt)):
        site.move()
    assert site.engine.up == {100}
    assert "lock" not in site.text("alpha")
    assert "special" not in site.text("alpha")
    assert site.volume.exists()
    assert leftovers.noted(Side.DEPARTED, 100) is None


def test_a_target_that_dies_after_it_was_handed_over_is_a_warning(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeTarget, "fail", "finish")
    site.move()
    assert not site.is_here()
    assert site.engine.up == set(), "it is the target's to start it"
    assert site.log.warnings == 1


def test_what_a_killed_send_left_is_removed_where_the_guest_stays(site: Site) -> None:
    """A state that was made for it would keep rollbacks from going back."""
    site.store.write("storage.cfg", b"zfspool: tank\n\tpool tank\n\tcontent rootdir\n\n")
    lines = "rootfs: tank:subvol-100-disk-0,size=8G\n"
    file = parse_guest(f"{lines}mp0: tank:subvol-100-disk-1,mp=/x\n[one]\n{lines}snaptime: 1\n", pending=LXC_PENDING)
    text = format_guest(handover.marked(file, Handover(target="beta")), pending=LXC_PENDING)
    site.store.write("nodes/alpha/lxc/100.conf", text.encode())
    site.run.answers["zfs list -Hp -d 1 -t snapshot"] = "tank/x@one\ntank/x@__sent__\n"
    settle(site.host, site.log, files.load(site.store, where(site.host, 100)))
    assert [call for call in site.run.calls if call[1] == "destroy"] == [
        ["zfs", "destroy", "tank/subvol-100-disk-0@__sent__"],
        ["zfs", "destroy", "tank/subvol-100-disk-1@__sent__"],
    ]
    assert "lock" not in site.text("alpha")
    site.run.answers["zfs list"] = CommandFailed(["zfs"], 1, "no pool")
    site.run.answers["zfs list -Hp -d 1 -t snapshot"] = CommandFailed(["zfs"], 1, "no pool")
    site.store.write("nodes/alpha/lxc/100.conf", text.encode())
    settle(site.host, site.log, files.load(site.store, where(site.host, 100)))
    assert "lock" not in site.text("alpha"), "it can be used, whatever its storage says"
    assert site.log.warnings == 2


def test_one_that_runs_does_not_move_unasked(site: Site) -> None:
    with pytest.raises(Conflict, match="it is running"):
        site.move(restart=False)
    assert site.engine.up == {100}
    assert FakeTarget.asked == []


def test_one_that_is_off_is_not_started(site: Site) -> None:
    site.engine.up.clear()
    site.move()
    assert "restart" not in site.text("beta")


def test_the_file_changes_hands(site: Site) -> None:
    site.store.write("nodes/alpha/lxc/100.conf", ON_ALL.encode())
    site.engine.up.clear()
    site.move(restart=False)
    assert site.text("beta") == ON_ALL
    assert FakeTarget.asked == []
