"""Workers that get a real SIGKILL while they work on a container: what the next one leaves of it.

As ``test_killed_workers`` does with machines: the store's daemon, LXC and the programs that make and copy volumes
are real, and so is the task daemon's fork. systemd is played by the test (``ForkedEngine``).
``unit/migration/test_container_protocol`` kills both sides of a move at each step, ``cluster/test_moved_containers``
really.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hostd.core.errors import HostError
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests import notes
from hostd.guests.lxc import disks, lifecycle, running, snapshot_operations
from hostd.guests.lxc import tasks as lxc_tasks
from hostd.guests.lxc.engine import SystemdEngine
from hostd.guests.lxc.ownership import all_volumes, where
from hostd.guests.volumes import catalog_of
from hostd.storage.volume import VolumeId
from hostd.tasks.archive import Archive
from hostd.tasks.log import ListLog
from tests.contract.test_containers import ForkedEngine, end, loops_below
from tests.contract.test_containers import places as places
from tests.contract.test_containers import template as template
from tests.lib.killing import Counter, Workers
from tests.lib.mountedstore import Node

SOURCE, MADE = 999_900_011, 999_900_012
PLAIN = {"rootfs": "one:0.02", "mp0": "one:0,mp=/data", "unprivileged": "1", "memory": "96", "swap": "0"}
STATES = {"rootfs": "states:0.1", "mp0": "states:0.1,mp=/data", "unprivileged": "1", "memory": "96", "swap": "0"}
PATIENCE_S = 10


@dataclass
class Site(Workers):
    """One node with containers; ``folder`` has its storages."""

    TASKS = (lxc_tasks,)
    folder: Path = field(default=Path())
    template: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.engine = ForkedEngine(self.host, self.folder)

    def counted(self) -> None:
        pids = dict(self.engine.pids)
        SystemdEngine.mount_namespace = lambda _, vmid: f"/proc/{pids[vmid]}/ns/mnt"  # type: ignore[method-assign]

    def create(self, vmid: int, values: Mapping[str, str], counter: Counter | None = None) -> str:
        return self.task("vzcreate", counter, vmid=vmid, template=self.template, values=values)

    def guests(self) -> list[int]:
        return sorted(int(name.removesuffix(".conf")) for name in self.host.store.list("nodes/pve1/lxc"))

    def settle(self) -> None:
        """Whoever comes next: an incomplete container is removed, of a whole one all else is as if nothing were."""
        for vmid in self.guests():
            if files.load(self.host.store, where(self.host, vmid)).file.current.get("lock") == "create":
                assert self.task("vzdestroy", vmid=vmid) == "OK"
            elif running.init_pid(vmid) is not None:
                assert self.task("vzresume", vmid=vmid) == "OK"
            else:
                disks.rescan(self.host, ListLog(), vmid, engine=self.engine)

    def require_starts(self) -> None:
        """Those that are off."""
        for vmid in self.guests():
            if running.init_pid(vmid) is None:
                lifecycle.start(self.host, ListLog(), vmid, engine=self.engine)
                lifecycle.stop(self.host, ListLog(), vmid, engine=self.engine)

    def require_whole(self) -> None:
        """No lock, note, mount or loop device; no snapshot half-made; each volume and state is named, and is there."""
        named: set[str] = set()
        for vmid in self.guests():
            file = files.load(self.host.store, where(self.host, vmid)).file
            assert "lock" not in file.current, file.current
            assert not [part for part in file.snapshots.values() if "snapstate" in part.values], file.snapshots
            for name in all_volumes(file, vmid):
                volume = VolumeId.parse(name)
                named.add(f"{volume.storage}/{Path(volume.name).stem}")
                if volume.storage == "states":
                    states = catalog_of(self.host).snapshots(volume).snapshots(volume.name)
                    assert set(states) == set(file.snapshots), name
            assert notes.names(vmid) == []
        found = (path for path in self.folder.glob("*/images/*/*") if "@" not in path.name)
        assert {f"{path.parts[-4]}/{path.stem}" for path in found} == named
        self._require_unused()

    def _require_unused(self) -> None:
        up = [vmid for vmid in self.guests() if running.init_pid(vmid) is not None]
        pids = [str(self.engine.pids[vmid]) for vmid in up]
        deadline = time.monotonic() + PATIENCE_S
        while self._mounts(pids) or (not up and self._loops()):
            assert time.monotonic() < deadline, (self._mounts(pids), self._loops())
            time.sleep(0.05)

    def _loops(self) -> list[str]:
        return [line for line in loops_below(self.folder) if "states.img" not in line]

    def _mounts(self, allowed: list[str]) -> list[str]:
        """Mounts of containers in any process but those that run."""
        found = []
        own = {os.readlink(f"/proc/{pid}/ns/mnt") for pid in allowed}
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                try:
                    text = (process / "mountinfo").read_text()
                    if "/var/lib/lxc/9999" in text and os.readlink(process / "ns/mnt") not in own:
                        found.append(f"{process.name}: {(process / 'comm').read_text().strip()}")
                except OSError:
                    continue
        return found

    def remove(self, vmid: int) -> None:
        if running.init_pid(vmid) is not None:
            lifecycle.stop(self.host, ListLog(), vmid, engine=self.engine)
        assert self.task("vzdestroy", vmid=vmid) == "OK"


@pytest.fixture
def site(places: None, node: Node, tmp_path: Path, template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    archive = Archive(logs=str(tmp_path / "tasks"), running=str(tmp_path / "running"))
    os.makedirs(archive.running_folder)
    text = "".join(f"dir: {name}\n\tpath {tmp_path}/{name}\n\tcontent rootdir\n\n" for name in ("one", "two"))
    text += f"dir: local\n\tpath {tmp_path}/vz\n\tcontent vztmpl\n\n"
    made = Site(str(node.socket), archive, folder=tmp_path, template=template)
    made.host.store.write("storage.cfg", text.encode())
    yield made
    for vmid in (SOURCE, MADE):
        end(vmid)
    made.host.store.close()


@pytest.fixture
def states(site: Site) -> Iterator[str]:
    """A storage whose volumes have states: btrfs on an image."""
    if "btrfs" not in Path("/proc/filesystems").read_text() or not shutil.which("mkfs.btrfs"):
        pytest.skip("no btrfs in this kernel, or btrfs-progs is not installed")
    image, point = site.folder / "states.img", site.folder / "states"
    with open(image, "wb") as file:
        file.truncate(1 << 30)
    run(["mkfs.btrfs", "-q", str(image)])
    point.mkdir()
    run(["mount", "-o", "loop", str(image), str(point)])
    text = site.host.store.read("storage.cfg").data.decode()
    site.host.store.write("storage.cfg", f"{text}btrfs: states\n\tpath {point}\n\tcontent rootdir\n\n".encode())
    yield "states"
    for vmid in (SOURCE, MADE):
        end(vmid)
    subprocess.run(["umount", "--lazy", str(point)], check=False)


OPERATIONS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "clone": ("vzclone", {"vmid": SOURCE, "newid": MADE}),
    "resize": ("vzresize", {"vmid": SOURCE, "disk": "rootfs", "size": "+4M"}),
    "move": ("move_volume", {"vmid": SOURCE, "disk": "rootfs", "storage": "two", "delete": True}),
    "move a folder": ("move_volume", {"vmid": SOURCE, "disk": "mp0", "storage": "two"}),
}


@pytest.mark.parametrize("midst", [False, True], ids=["before", "midst"])
def test_a_creation_that_is_killed(site: Site, midst: bool) -> None:
    deaths = 0
    while (ended := site.create(MADE, PLAIN, Counter(deaths + 1, midst))) != "OK":
        assert "unexpected" in ended, ended
        deaths += 1
        site.settle()
        site.require_whole()
        if MADE in site.guests():  # it was whole before it died
            site.remove(MADE)
    assert deaths >= (2 if midst else 5)
    site.require_starts()
    site.require_whole()
    site.remove(MADE)
    site.require_whole()


@pytest.mark.parametrize("midst", [False, True], ids=["before", "midst"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_each_step(site: Site, name: str, midst: bool) -> None:
    """Of a container that is off; the next one to look for its volumes finds all of them."""
    type, args = OPERATIONS[name]
    assert site.create(SOURCE, PLAIN) == "OK"
    deaths = 0
    while True:
        ended = site.task(type, Counter(deaths + 1, midst), **args)
        site.settle()
        site.require_whole()
        if ended == "OK":
            break
        assert "unexpected" in ended, ended
        if MADE in site.guests():
            site.remove(MADE)
        deaths += 1
        _as_before(site)
    assert deaths >= (1 if midst else 2)
    site.require_starts()
    for vmid in site.guests():
        site.remove(vmid)
    site.require_whole()


def _as_before(site: Site) -> None:
    """The container with the volumes that it had, whatever became of the operation."""
    values = files.load(site.host.store, where(site.host, SOURCE)).file.current
    if any(key.startswith("unused") or "two:" in value for key, value in values.items()):
        site.remove(SOURCE)
        assert site.create(SOURCE, PLAIN) == "OK"


@pytest.mark.parametrize("midst", [False, True], ids=["before", "midst"])
@pytest.mark.parametrize("name", ["snapshot", "clone"])
def test_one_that_runs_goes_on(site: Site, states: str, name: str, midst: bool) -> None:
    """It is held still for states of its volumes; who dies meanwhile holds it no longer than until somebody comes."""
    assert site.create(SOURCE, STATES) == "OK"
    lifecycle.start(site.host, ListLog(), SOURCE, engine=site.engine)
    args = {"vmid": SOURCE, "name": "new"} if name == "snapshot" else {"vmid": SOURCE, "newid": MADE}
    deaths = 0
    while True:
        ended = site.task("vzsnapshot" if name == "snapshot" else "vzclone", Counter(deaths + 1, midst), **args)
        site.settle()
        _require_ticking(SOURCE)
        site.require_whole()
        for snapshot in files.load(site.host.store, where(site.host, SOURCE)).file.snapshots:
            snapshot_operations.remove(site.host, ListLog(), SOURCE, snapshot, engine=site.engine)
        if MADE in site.guests():
            site.remove(MADE)
        if ended == "OK":
            break
        assert "unexpected" in ended, ended
        deaths += 1
    assert deaths >= (1 if midst else 5)
    site.remove(SOURCE)
    site.require_whole()


def _require_ticking(vmid: int) -> None:
    pid = running.init_pid(vmid)
    if pid is None:
        raise HostError(f"CT {vmid} does not run")
    ticks = Path(f"/proc/{pid}/root/tmp/ticks")
    before, deadline = ticks.read_text(), time.monotonic() + PATIENCE_S
    while ticks.read_text() in ("", before):
        assert time.monotonic() < deadline, "it is held still"
        time.sleep(0.1)
