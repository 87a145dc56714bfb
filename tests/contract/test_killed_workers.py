"""Workers that get a real SIGKILL while they work on a machine's disks: what the next start leaves of it.

The store's daemon, libvirt, QEMU and qemu-img are real, and so is the way from the request to the worker: the task
daemon's own fork. Only the worker's host counts: at its N-th effect (a write to the store, a program, a file removed,
a call to libvirt) the process kills itself, before the effect or in its midst. ``test_machine_disks`` simulates that
for more operations.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from hostd.cluster import locks
from hostd.guests import config as files
from hostd.guests import notes
from hostd.guests.qemu import lifecycle, making, snapshot_operations
from hostd.guests.qemu import tasks as qemu_tasks
from hostd.guests.qemu.config import state_volumes
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.definitions import disk_paths
from hostd.guests.qemu.machines import MachineState
from hostd.guests.qemu.volumes import all_volumes, where
from hostd.guests.volumes import catalog_of
from hostd.node import kvm_probe
from hostd.storage.volume import VolumeId
from hostd.tasks.archive import Archive
from hostd.tasks.log import ListLog
from tests.contract.test_machines import libvirt
from tests.lib.killing import Counter, Workers
from tests.lib.mountedstore import Node

__all__ = ["libvirt"]
FOLDER = Path("/var/tmp/holdfast-contract")
VALUES = {"memory": "32", "scsi0": "one:0.01,format=qcow2", "virtio1": "one:0.01,format=qcow2"}


@dataclass
class Site(Workers):
    """One node with machines."""

    TASKS = (qemu_tasks,)

    def counted(self) -> None:
        for name in ("start", "stop", "suspend", "resume", "save_memory", "monitor", "resize_disk", "copy_disk"):
            setattr(LibvirtMachines, name, self.counter.wrap(getattr(LibvirtMachines, name)))

    def values(self, vmid: int) -> Mapping[str, str]:
        return files.load(self.host.store, where(self.host, vmid)).file.current

    def guests(self) -> list[int]:
        return sorted(int(name.removesuffix(".conf")) for name in self.host.store.list("nodes/pve1/qemu-server"))

    def state(self, vmid: int) -> MachineState | None:
        machines = LibvirtMachines()
        try:
            return machines.state(vmid)
        finally:
            machines.close()  # a worker is forked from a process without connections

    def require_whole(self) -> None:
        """No lock, no snapshot half-made, no volume that no file names, no disk that is not there."""
        named: set[str] = set()
        for vmid in self.guests():
            file = files.load(self.host.store, where(self.host, vmid)).file
            assert "lock" not in file.current, file.current
            assert not [s for s in file.snapshots.values() if "snapstate" in s.values], file.snapshots
            named |= {name.rpartition("/")[2] for name in all_volumes(file, vmid)}
        assert {path.name for path in FOLDER.rglob("images/*/*") if path.is_file()} == named

    def require_disks_as_told(self, vmid: int) -> None:
        """The running machine uses what its file says, no copy is under way, no state but a snapshot's is left."""
        machines, catalog = LibvirtMachines(), catalog_of(self.host)
        definition = machines.definition(vmid)
        machines.close()
        assert "<mirror" not in definition
        told = {key: VolumeId.parse(name) for key, name in state_volumes(self.values(vmid)).items()}
        assert {key: catalog.path(volume) for key, volume in told.items()} == disk_paths(definition)
        file = files.load(self.host.store, where(self.host, vmid)).file
        for volume in told.values():
            assert set(catalog.snapshots(volume).snapshots(volume.name)) == set(file.snapshots)

    def remove(self, vmid: int) -> None:
        if self.state(vmid) is not None:
            lifecycle.stop(self.host, ListLog(), vmid)
        making.destroy(self.host, ListLog(), vmid)


@pytest.fixture
def site(libvirt: object, node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(notes, "FOLDER", str(tmp_path / "notes"))
    monkeypatch.setattr(kvm_probe, "CACHE", str(tmp_path / "kvm.json"))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o755)
    text = "".join(f"dir: {name}\n\tpath {FOLDER}/{name}\n\tcontent images\n\n" for name in ("one", "two"))
    archive = Archive(logs=str(tmp_path / "tasks"), running=str(tmp_path / "running"))
    os.makedirs(archive.running_folder)
    made = Site(str(node.socket), archive)
    made.host.store.write("storage.cfg", text.encode())
    yield made
    for vmid in (100, 101):
        if made.state(vmid) is not None:
            machines = LibvirtMachines()
            machines.stop(vmid)
            machines.close()
    made.host.store.close()
    shutil.rmtree(FOLDER, ignore_errors=True)


OPERATIONS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "create": ("qmcreate", {"vmid": 101, "values": VALUES}),
    "clone": ("qmclone", {"vmid": 100, "newid": 101}),
    "snapshot": ("qmsnapshot", {"vmid": 100, "name": "new"}),
    "snapshot with memory": ("qmsnapshot", {"vmid": 100, "name": "new", "memory": True}),
    "resize": ("resize", {"vmid": 100, "disk": "scsi0", "size": "+1M"}),
    "move": ("qmmove", {"vmid": 100, "disk": "scsi0", "storage": "two", "delete": True}),
}


@pytest.mark.parametrize("midst", [False, True], ids=["before", "midst"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_each_step(site: Site, name: str, midst: bool) -> None:
    """The next start of each machine settles what was begun; the machine that was running runs."""
    type, args = OPERATIONS[name]
    making.create(site.host, ListLog(), 100, VALUES)
    assert site.task("qmstart", vmid=100) == "OK"
    deaths = 0
    while True:
        ended = site.task(type, Counter(deaths + 1, midst), **args)
        for vmid in site.guests():
            told = site.task("qmstart", vmid=vmid)
            assert told in ("OK", "WARNINGS: 1", "WARNINGS: 2") or "already running" in told
            assert site.state(vmid) is MachineState.RUNNING, (deaths, vmid)
            site.require_disks_as_told(vmid)
        site.require_whole()
        if 101 in site.guests():
            site.remove(101)
        if ended == "OK":
            break
        assert "unexpected" in ended, ended
        deaths += 1
        _as_before(site)
    assert deaths >= (1 if midst else 2)
    site.remove(100)
    site.require_whole()
    assert not list(FOLDER.rglob("images/*/*"))


def _as_before(site: Site) -> None:
    """Machine 100 with the disks that it had, whatever became of the operation."""
    values = site.values(100)
    file = files.load(site.host.store, where(site.host, 100)).file
    for snapshot in file.snapshots:
        snapshot_operations.remove(site.host, ListLog(), 100, snapshot)
    if any(key.startswith("unused") for key in values) or "one:" not in values["scsi0"]:
        site.remove(100)
        making.create(site.host, ListLog(), 100, VALUES)
        assert site.task("qmstart", vmid=100) == "OK"
