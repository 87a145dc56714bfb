"""What is done to the disks of a running machine, under a real libvirt and QEMU: states with memory, growth, moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.guests import config as files
from hostd.guests import notes
from hostd.guests.changes import Change
from hostd.guests.qemu import cloning, disks, lifecycle, making, snapshot_operations
from hostd.guests.qemu.cloning import Wanted
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.machines import MachineState
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.contract.test_machines import host, libvirt

__all__ = ["host", "libvirt"]
VALUES = {"name": "tiny", "memory": "64", "scsi0": "local:0.05,format=qcow2", "virtio0": "local:0.05,format=qcow2"}
IMAGES = Path("/var/tmp/holdfast-contract/images")


@pytest.fixture
def machines(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LibvirtMachines:
    monkeypatch.setattr(notes, "FOLDER", str(tmp_path / "notes"))
    making.create(host, ListLog(), 100, VALUES)
    lifecycle.start(host, ListLog(), 100)
    return LibvirtMachines()


def config(host: Host, vmid: int = 100) -> dict[str, str]:
    return dict(files.load(host.store, lifecycle.where(host, vmid)).file.current)


def test_back_to_saved_memory(host: Host, machines: LibvirtMachines) -> None:
    generation = config(host)["vmgenid"]
    snapshot_operations.take(host, ListLog(), 100, "live", memory=True)
    assert machines.state(100) is MachineState.RUNNING
    snapshot_operations.take(host, ListLog(), 100, "disks")
    assert machines.state(100) is MachineState.RUNNING
    snapshot_operations.remove(host, ListLog(), 100, "disks")
    making.change(host, ListLog(), 100, Change(values={"name": "other"}))
    snapshot_operations.go_back(host, ListLog(), 100, "live")
    assert machines.state(100) is MachineState.RUNNING
    assert config(host)["name"] == "tiny"
    assert config(host)["vmgenid"] != generation
    lifecycle.stop(host, ListLog(), 100)
    snapshot_operations.remove(host, ListLog(), 100, "live")
    assert sorted(path.name for path in IMAGES.rglob("*.*")) == ["vm-100-disk-0.qcow2", "vm-100-disk-1.qcow2"]


def test_a_failed_state_lets_the_machine_go_on(
    host: Host, machines: LibvirtMachines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LibvirtMachines, "save_memory", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        snapshot_operations.take(host, ListLog(), 100, "live", memory=True)
    assert machines.state(100) is MachineState.RUNNING
    assert "lock" not in config(host)
    assert not list(IMAGES.rglob("*state*"))


def test_growth_and_moves(host: Host, machines: LibvirtMachines) -> None:
    disks.resize(host, ListLog(), 100, "scsi0", "+8M")
    assert config(host)["scsi0"] == "local:100/vm-100-disk-0.qcow2,size=60620K"
    disks.resize(host, ListLog(), 100, "scsi0", "+512")  # no multiple of what a raw image is made of
    disks.move(host, ListLog(), 100, "scsi0", "local", format="raw", delete=True)
    assert config(host)["scsi0"].startswith("local:100/vm-100-disk-2.raw,")
    assert machines.state(100) is MachineState.RUNNING
    disks.resize(host, ListLog(), 100, "scsi0", "+1M")
    assert "lock" not in config(host)
    lifecycle.stop(host, ListLog(), 100)


def test_a_copy_of_a_running_machine(host: Host, machines: LibvirtMachines) -> None:
    cloning.clone(host, ListLog(), 100, Wanted(vmid=101, name="copy"))
    assert machines.state(100) is MachineState.RUNNING
    lifecycle.start(host, ListLog(), 101)
    assert machines.state(101) is MachineState.RUNNING
    lifecycle.stop(host, ListLog(), 101)
    making.destroy(host, ListLog(), 101)
    assert "lock" not in config(host)
