"""Work on containers' volumes that is killed at each step: whoever comes next ends it, and no volume is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster.store import MemoryStore
from hostd.core.errors import NotFound
from hostd.core.run import Result
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests.handover import Handover, marked
from hostd.guests.lxc import cloning, disks, lifecycle
from hostd.guests.lxc.cloning import Wanted
from hostd.guests.lxc.mounts import parse_mount
from hostd.guests.lxc.ownership import all_volumes, where
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.containers import FakeEngine
from tests.unit.guests.lxc.test_ct_volumes import CONF, Programs
from tests.unit.guests.lxc.test_ct_volumes import host as host
from tests.unit.guests.lxc.test_ct_volumes import programs as programs

OTHER = b"unprivileged: 1\nhostname: other\nrootfs: aa:101/vm-101-disk-5.raw,size=1G\n"


class Killed(BaseException):
    """As SIGKILL: nothing of the process runs any more, no way back is gone."""


class Clock:
    """Kills after so many changes of the world."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


class DyingStore(MemoryStore):
    clock = Clock(0)

    def write(self, path: str, data: bytes, **kwargs: Any) -> Any:
        done = super().write(path, data, **kwargs)
        self.clock.tick()
        return done


class DyingPrograms(Programs):
    clock = Clock(0)

    def __call__(self, argv: Sequence[Any], **kwargs: Any) -> Result:
        done = super().__call__(argv, **kwargs)
        self.clock.tick()
        return done


@pytest.fixture
def dying(host: Host, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Host:
    """The same host, whose process can be killed."""
    end = Undo.__exit__

    def leave(self: Undo, kind: Any, error: Any, trace: Any) -> None:
        if kind is not Killed:
            end(self, kind, error, trace)

    monkeypatch.setattr(Undo, "__exit__", leave)
    store, run = DyingStore("pve1"), DyingPrograms(programs.answers)
    for path, data in (("storage.cfg", host.store.read("storage.cfg").data), ("nodes/pve1/lxc/100.conf", CONF),
                       ("nodes/pve1/lxc/101.conf", OTHER)):  # fmt: skip
        store.write(path, data)
    return Host(node="pve1", store=store, mirror=store.mirror(), run=run)


Work = Callable[[Host], None]
WORK: dict[str, Work] = {
    "move": lambda h: disks.move(h, ListLog(), 100, "mp0", "bb", engine=FakeEngine()),
    "move and delete": lambda h: disks.move(h, ListLog(), 100, "mp0", "bb", delete=True, engine=FakeEngine()),
    "resize": lambda h: disks.resize(h, ListLog(), 100, "rootfs", "+1G", engine=FakeEngine()),
    "give away": lambda h: disks.reassign(h, ListLog(), 100, "mp0", 101, "mp0", engine=FakeEngine()),
    "template": lambda h: cloning.make_template(h, ListLog(), 100, engine=FakeEngine()),
    "clone": lambda h: cloning.clone(h, ListLog(), 100, Wanted(vmid=102, storage="bb"), engine=FakeEngine()),
}


@pytest.mark.parametrize("name", WORK)
def test_no_volume_is_lost(dying: Host, tmp_path: Path, name: str) -> None:
    steps = 1
    while killed_after(dying, tmp_path, WORK[name], steps):
        steps += 1
    assert steps > 2, "the work has more steps than that"


def killed_after(host: Host, folder: Path, work: Work, steps: int) -> bool:
    """Begin anew, kill, let the next ones come, and look; False when the work was done before that."""
    begin_anew(host, folder)
    DyingStore.clock = DyingPrograms.clock = Clock(steps)
    killed = False
    try:
        work(host)
    except Killed:
        killed = True
    DyingStore.clock = DyingPrograms.clock = Clock(0)
    for vmid in (100, 101):
        disks.rescan(host, ListLog(), vmid, engine=FakeEngine())
    named: set[str] = set()
    for vmid in (100, 101, 102):
        try:
            file = files.load(host.store, where(host, vmid)).file
        except NotFound:
            continue
        if file.current.get("lock") == "create":  # removing it is all that can be done
            lifecycle.destroy(host, ListLog(), vmid, engine=FakeEngine())
            continue
        assert "lock" not in file.current, (vmid, steps)
        named |= set(all_volumes(file, vmid))
    assert named == on_disk(folder), steps
    return killed


def begin_anew(host: Host, folder: Path) -> None:
    for storage in ("aa", "bb"):
        for path in sorted((folder / storage).glob("images/*/*")):
            path.unlink()
    for vmid, numbers in ((100, range(3)), (101, (5,))):
        (folder / f"aa/images/{vmid}").mkdir(parents=True, exist_ok=True)
        for number in numbers:
            with open(folder / f"aa/images/{vmid}/vm-{vmid}-disk-{number}.raw", "wb") as image:
                image.truncate(1 << 30)
    host.store.write("nodes/pve1/lxc/100.conf", CONF)
    host.store.write("nodes/pve1/lxc/101.conf", OTHER)
    try:
        host.store.delete("nodes/pve1/lxc/102.conf")
    except NotFound:
        return


def on_disk(folder: Path) -> set[str]:
    found = ((storage, path) for storage in ("aa", "bb") for path in (folder / storage).glob("images/*/*"))
    return {f"{storage}:{path.parent.name}/{path.name}" for storage, path in found}


@pytest.mark.parametrize(("target", "root"), [("alpha", "bb:vm-100-disk-7"), ("beta", "aa:100/vm-100-disk-0.raw")])
def test_a_move_that_was_killed_is_completed_by_its_target_and_forgotten_elsewhere(
    host: Host, target: str, root: str
) -> None:
    place = where(host, 100)
    guest = files.load(host.store, place)
    old = parse_mount("rootfs", guest.file.current["rootfs"]).source
    moved = {old: root} if target == host.node else {}
    files.save(host.store, guest, marked(guest.file, Handover(target=target, restart=True, moved=moved)))
    engine, log = FakeEngine(), ListLog()
    lifecycle.stop(host, log, 100, engine=engine)
    after = files.load(host.store, place).file
    assert "lock" not in after.current
    assert not after.special
    assert parse_mount("rootfs", after.current["rootfs"]).source == (root if target == host.node else old)
    assert engine.calls == [], "what is asked for next decides whether it runs"
