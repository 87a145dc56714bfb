"""TPMs of real machines: swtpm as its unit starts it, under a real libvirt and QEMU, on a storage that keeps states."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from hostd.core.errors import HostError
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests import notes
from hostd.guests.qemu import cloning, disks, lifecycle, making, power, process, snapshot_operations, tpm
from hostd.guests.qemu.cloning import Wanted
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.machines import MachineState
from hostd.guests.volumes import catalog_of
from hostd.node.host import Host
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog
from tests.contract.test_machines import host, libvirt, missing
from tests.contract.test_storage_drivers import loop_device
from tests.lib import tpmunit
from tests.lib.waiting import eventually

__all__ = ["host", "libvirt"]
VALUES = {"memory": "64", "scsi0": "kept:0.0625,format=raw", "tpmstate0": "kept:1,version=v2.0"}


@pytest.fixture
def units() -> tpmunit.TpmUnits:
    return tpmunit.TpmUnits()


@pytest.fixture
def node(host: Host, units: tpmunit.TpmUnits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """The node of the machines' tests with a btrfs storage ``kept`` besides."""
    if "btrfs" not in Path("/proc/filesystems").read_text():
        missing("no btrfs in this kernel")
    monkeypatch.setattr(notes, "FOLDER", str(tmp_path / "notes"))
    point = Path("/var/tmp/holdfast-contract-btrfs")
    with ExitStack() as stack:
        device = loop_device(tmp_path, stack)
        run(["mkfs.btrfs", "-q", device])
        point.mkdir(exist_ok=True)
        run(["mount", "-t", "btrfs", device, str(point)])
        stack.callback(run, ["umount", "-l", str(point)], check=False)
        text = host.store.read("storage.cfg").data.decode()
        host.store.write("storage.cfg", f"{text}btrfs: kept\n\tpath {point}\n\tcontent images\n\n".encode())
        yield replace(host, run=units)
        machines = LibvirtMachines()
        for vmid in (100, 101):
            if machines.state(vmid) is not None:
                machines.stop(vmid)
        machines.close()


def state_of(node: Host, vmid: int = 100) -> str:
    """The path of a machine's TPM state."""
    value = files.load(node.store, lifecycle.where(node, vmid)).file.current["tpmstate0"]
    return catalog_of(node).path(VolumeId.parse(value.partition(",")[0]))


def test_an_identity_that_stays(node: Host, units: tpmunit.TpmUnits, tmp_path: Path) -> None:
    log = ListLog()
    making.create(node, log, 100, VALUES)
    lifecycle.start(node, log, 100)
    pid = units.pids["100"]
    eventually(lambda: os.path.getsize(state_of(node)) < tpm.planning.TPM_BYTES, 60, "state")  # written by the firmware
    assert "tpm-tis" in LibvirtMachines().definition(100)
    lifecycle.stop(node, log, 100)
    assert not tpmunit.alive(pid)
    assert not os.path.exists(tpm.folder(100))
    assert os.path.getsize(state_of(node)) == tpm.planning.TPM_BYTES
    first = tpmunit.identity(state_of(node), tmp_path)
    assert len(first) > 100
    lifecycle.start(node, log, 100)
    lifecycle.stop(node, log, 100)
    assert tpmunit.identity(state_of(node), tmp_path) == first


def test_it_ends_with_its_machine(node: Host, units: tpmunit.TpmUnits) -> None:
    making.create(node, ListLog(), 100, {**VALUES, "tpmstate0": "kept:1"})
    lifecycle.start(node, ListLog(), 100)
    pid = units.pids["100"]
    os.kill(process.read_pid(100), 9)
    eventually(lambda: not tpmunit.alive(pid), 60, "end of swtpm")
    eventually(lambda: LibvirtMachines().state(100) is None, 60, "end of the machine")
    lifecycle.start(node, ListLog(), 100)
    lifecycle.stop(node, ListLog(), 100)


def test_one_that_does_not_start_leaves_no_tpm(node: Host, units: tpmunit.TpmUnits) -> None:
    making.create(node, ListLog(), 100, {**VALUES, "args": "-no-such-argument"})
    with pytest.raises(HostError, match="start failed"):
        lifecycle.start(node, ListLog(), 100)
    assert not units.pids
    assert not os.path.exists(tpm.folder(100))
    making.destroy(node, ListLog(), 100)


def test_states_and_copies_have_their_own(node: Host, tmp_path: Path) -> None:
    log, machines = ListLog(), LibvirtMachines()
    making.create(node, log, 100, VALUES)
    lifecycle.start(node, log, 100)
    snapshot_operations.take(node, log, 100, "off", memory=False)
    snapshot_operations.take(node, log, 100, "live", memory=True)
    cloning.clone(node, log, 100, Wanted(vmid=101))
    assert machines.state(100) is MachineState.RUNNING
    lifecycle.stop(node, log, 100)
    first = tpmunit.identity(state_of(node), tmp_path)
    assert os.path.getsize(state_of(node, 101)) == tpm.planning.TPM_BYTES
    assert tpmunit.identity(state_of(node, 101), tmp_path) == first
    tpmunit.ask(state_of(node, 101), tpmunit.CHANGE_SEED, tmp_path)
    other = tpmunit.identity(state_of(node, 101), tmp_path)
    assert other != first
    assert tpmunit.identity(state_of(node), tmp_path) == first
    tpmunit.ask(state_of(node), tpmunit.CHANGE_SEED, tmp_path)
    snapshot_operations.go_back(node, log, 100, "live")
    assert machines.state(100) is MachineState.RUNNING
    snapshot_operations.remove(node, log, 100, "live")
    lifecycle.stop(node, log, 100)
    assert tpmunit.identity(state_of(node), tmp_path) == first
    tpmunit.ask(state_of(node), tpmunit.CHANGE_SEED, tmp_path)
    snapshot_operations.go_back(node, log, 100, "off")
    assert tpmunit.identity(state_of(node), tmp_path) == first
    disks.move(node, log, 100, "tpmstate0", "local")
    assert tpmunit.identity(state_of(node), tmp_path) == first
    lifecycle.start(node, log, 101)
    lifecycle.stop(node, log, 101)
    assert tpmunit.identity(state_of(node, 101), tmp_path) == other


def test_suspended_to_disk_and_back(node: Host, tmp_path: Path) -> None:
    making.create(node, ListLog(), 100, VALUES)
    lifecycle.start(node, ListLog(), 100)
    power.suspend_to_disk(node, ListLog(), 100)
    assert not os.path.exists(tpm.folder(100))
    first = tpmunit.identity(state_of(node), tmp_path)
    power.resume(node, ListLog(), 100)
    lifecycle.stop(node, ListLog(), 100)
    assert tpmunit.identity(state_of(node), tmp_path) == first
