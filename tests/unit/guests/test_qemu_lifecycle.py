"""Machines on a real folder storage, a store in memory and a fake libvirt: made, started, changed, removed."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import CommandFailed, Conflict, HostError, Invalid, NotFound, TimedOut
from hostd.core.formats.keyvalue import GuestFile
from hostd.guests import config as files
from hostd.guests.changes import Change
from hostd.guests.qemu import lifecycle, making, plan, power, sockets
from hostd.guests.qemu.connection import to_stats
from hostd.guests.qemu.devices import firmware
from hostd.guests.qemu.facts import OVMF_4M
from hostd.guests.qemu.machines import MachineState
from hostd.guests.qemu.once import Once
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.fakes.run import FakeRun


class QemuImg(FakeRun):
    """``qemu-img create`` makes an empty file, as the real one would."""

    def __call__(self, argv, **kwargs):  # type: ignore[no-untyped-def]
        result = super().__call__(argv, **kwargs)
        if argv[:2] == ["qemu-img", "create"]:
            with open(argv[-2], "wb") as image:
                image.truncate(int(argv[-1]))
        return result


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A node ``pve1`` whose locks, sockets and storage lie in a temporary folder."""
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(sockets, "FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(kvm_probe, "CACHE", str(tmp_path / "kvm.json"))
    store = MemoryStore("pve1")
    store.write("storage.cfg", f"dir: local\n\tpath {tmp_path}/vz\n\tcontent images,iso\n\n".encode())
    run = QemuImg({"": '{"usable": false, "reason": "not here"}'})
    return Host(node="pve1", store=store, mirror=store.mirror(), run=run)


def current(host: Host, vmid: int = 100) -> GuestFile:
    return files.load(host.store, lifecycle.where(host, vmid)).file


def made(host: Host, machines: FakeMachines, **values: str) -> ListLog:
    log = ListLog()
    making.create(host, log, 100, values, machines=machines)
    return log


def test_a_new_machine(host: Host, tmp_path: Path) -> None:
    made(
        host,
        FakeMachines(),
        scsi0="local:1,ssd=1",
        net0="virtio,bridge=vmbr0",
        ide2="none,media=cdrom",
        description="two\nlines",
    )
    file = current(host)
    assert file.current["scsi0"] == "local:100/vm-100-disk-0.raw,size=1G,ssd=1"
    assert file.current["net0"].startswith("virtio=BC:24:11:")
    assert file.current["boot"] == "order=scsi0;ide2;net0"
    assert file.current["smbios1"].startswith("uuid=")
    assert len(file.current["vmgenid"]) == 36
    assert file.current["meta"].startswith("creation-qemu=10.0.2,ctime=")
    assert file.comment == "two\nlines"
    assert "lock" not in file.current
    assert (tmp_path / "vz/images/100/vm-100-disk-0.raw").stat().st_size == 1024**3


def test_a_failed_creation_leaves_nothing(host: Host, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nope"):
        made(host, FakeMachines(), scsi0="local:1", scsi1="nope:1")
    with pytest.raises(NotFound):
        current(host)
    assert not list((tmp_path / "vz").rglob("*.raw"))


def test_an_id_is_taken_once(host: Host) -> None:
    made(host, FakeMachines(), name="a")
    with pytest.raises(Conflict, match="unable to create VM 100"):
        made(host, FakeMachines(), name="b")
    assert current(host).current["name"] == "a"


def test_every_wrong_drive_is_named(host: Host) -> None:
    with pytest.raises(Invalid) as caught:
        made(host, FakeMachines(), scsi0="local:0", ide0="/etc/passwd", efidisk0="local:1", net0="virtio,bridge=a b")
    assert set(caught.value.errors) == {"scsi0", "ide0", "efidisk0", "net0"}


def test_uefi_variables_are_copied(host: Host) -> None:
    made(host, FakeMachines(), bios="ovmf", machine="q35", efidisk0="local:1,efitype=4m,pre-enrolled-keys=1")
    assert current(host).current["efidisk0"] == ("local:100/vm-100-disk-0.raw,efitype=4m,pre-enrolled-keys=1,size=528K")
    assert isinstance(host.run, FakeRun)
    copies = [call for call in host.run.calls if call[:2] == ["qemu-img", "convert"]]
    assert copies[0][-2].endswith("OVMF_VARS_4M.ms.fd")


@pytest.mark.parametrize(
    ("block", "size", "format", "inside"),
    [(False, 540672, "raw", "raw"), (False, 540672, "qcow2", "qcow2"), (True, 540672, "raw", "raw"),
     (True, 4 * 1024**2, "raw", "qcow2")],
)  # fmt: skip
def test_uefi_variables_have_exactly_their_size(block: bool, size: int, format: str, inside: str) -> None:
    assert firmware.store_format(OVMF_4M, block=block, size_bytes=size, format=format) == inside


def test_a_start_as_another_machine_leaves_no_trace(host: Host) -> None:
    machines = FakeMachines()
    made(host, machines, args="-name x")
    before = current(host)
    once = Once(machine="pc-q35-9.2", processor="Nehalem,+aes")
    lifecycle.start(host, ListLog(), 100, machines=machines, once=once)
    domain = ElementTree.fromstring(machines.xml[100])
    assert domain.find("os/type").get("machine") == "pc-q35-9.2"  # type: ignore[union-attr]
    words = [arg.get("value") for arg in domain.iter("{http://libvirt.org/schemas/domain/qemu/1.0}arg")]
    assert words == ["-name", "x", "-cpu", "Nehalem,+aes"]
    assert current(host) == before
    lifecycle.stop(host, ListLog(), 100, machines=machines)
    lifecycle.start(host, ListLog(), 100, machines=machines)
    assert "Nehalem" not in machines.xml[100]


def test_what_goes_on_from_saved_memory_stays_what_it_was(host: Host) -> None:
    machines = FakeMachines()
    made(host, machines)
    lifecycle.start(host, ListLog(), 100, machines=machines)
    power.suspend_to_disk(host, ListLog(), 100, storage="local", machines=machines)
    with pytest.raises(Conflict, match="saved memory"):
        lifecycle.start(host, ListLog(), 100, machines=machines, once=Once(machine="q35"))
    assert current(host).current["lock"] == "suspended"
    lifecycle.start(host, ListLog(), 100, machines=machines)


def test_start_and_stop(host: Host, tmp_path: Path) -> None:
    machines, log = FakeMachines(), ListLog()
    made(host, machines, scsi0="local:1", serial0="socket")
    lifecycle.start(host, log, 100, machines=machines)
    assert "vm-100-disk-0.raw" in machines.xml[100]
    assert '<domain type="qemu">' in machines.xml[100]
    assert any("no hardware virtualization" in line for line in log.lines)
    assert (tmp_path / "run/100").is_dir()
    with pytest.raises(Conflict, match="already running"):
        lifecycle.start(host, log, 100, machines=machines)
    lifecycle.stop(host, log, 100, machines=machines)
    assert machines.states == {}
    lifecycle.stop(host, log, 100, machines=machines)  # nothing left to do is no error
    with pytest.raises(Conflict, match="not running"):
        lifecycle.reset(host, log, 100, machines=machines)


def test_one_that_begins_frozen_waits_to_be_resumed(host: Host) -> None:
    machines = FakeMachines()
    made(host, machines, freeze="1")
    lifecycle.start(host, ListLog(), 100, machines=machines)
    assert machines.states == {100: MachineState.PAUSED}


def test_a_start_that_fails_leaves_no_sockets(host: Host, tmp_path: Path) -> None:
    machines = FakeMachines(refuse="no such bridge")
    made(host, machines, name="a")
    with pytest.raises(HostError, match="no such bridge"):
        lifecycle.start(host, ListLog(), 100, machines=machines)
    assert not (tmp_path / "run/100").exists()


def test_a_bridge_that_is_missing_is_named(host: Host) -> None:
    made(host, FakeMachines(), net0="virtio,bridge=nosuchbr")
    with pytest.raises(Conflict, match="net0: bridge 'nosuchbr' does not exist"):
        lifecycle.start(host, ListLog(), 100, machines=FakeMachines())


def test_shutdown_waits_and_may_be_forced(host: Host) -> None:
    machines, log = FakeMachines(deaf=True), ListLog()
    made(host, machines, name="a")
    lifecycle.start(host, log, 100, machines=machines)
    machines.suspend(100)
    with pytest.raises(TimedOut, match="within 1 s"):
        lifecycle.shutdown(host, log, 100, timeout_s=1, machines=machines)
    assert machines.states == {100: MachineState.RUNNING}  # woken up to hear it
    lifecycle.shutdown(host, log, 100, timeout_s=1, force_stop=True, machines=machines)
    assert machines.states == {}


class Quick(FakeMachines):
    """A guest that is off before libvirt has answered, which then knows no such machine (observed)."""

    def shutdown(self, vmid: int) -> None:
        super().shutdown(vmid)
        raise NotFound(f"VM {vmid} is not running")


def test_a_guest_that_is_off_before_the_answer_was_shut_down(host: Host) -> None:
    machines, log = Quick(), ListLog()
    made(host, machines, name="a")
    lifecycle.start(host, log, 100, machines=machines)
    lifecycle.shutdown(host, log, 100, timeout_s=1, machines=machines)
    assert machines.states == {}
    assert log.lines[-1].endswith("VM 100 stopped")


@pytest.mark.parametrize(("key", "value", "words"), [("lock", "backup", "locked"), ("template", "1", "template")])
def test_machines_that_must_not_start(host: Host, key: str, value: str, words: str) -> None:
    made(host, FakeMachines(), **{key: value})
    with pytest.raises(Conflict, match=words):
        lifecycle.start(host, ListLog(), 100, machines=FakeMachines())


def test_removal(host: Host, tmp_path: Path) -> None:
    machines, log = FakeMachines(), ListLog()
    made(host, machines, scsi0="local:1", protection="1")
    with pytest.raises(Conflict, match="protection"):
        making.destroy(host, log, 100, machines=machines)
    making.change(host, log, 100, Change(values={"protection": "0"}, delete={"scsi0": False}), running=False)
    assert current(host).current["unused0"] == "local:100/vm-100-disk-0.raw"
    lifecycle.start(host, log, 100, machines=machines)
    with pytest.raises(Conflict, match="running"):
        making.destroy(host, log, 100, machines=machines)
    lifecycle.stop(host, log, 100, machines=machines)
    (tmp_path / "vz/images/100/vm-100-disk-7.raw").write_bytes(b"left over")
    making.destroy(host, log, 100, unreferenced=True, machines=machines)
    assert not (tmp_path / "vz/images/100").exists()
    with pytest.raises(NotFound):
        current(host)


def test_removal_goes_on_when_a_disk_is_gone(host: Host, tmp_path: Path) -> None:
    made(host, FakeMachines(), scsi0="local:1")
    (tmp_path / "vz/images/100/vm-100-disk-0.raw").unlink()
    log = ListLog()
    making.destroy(host, log, 100, machines=FakeMachines())
    assert log.warnings == 0
    with pytest.raises(NotFound):
        current(host)


def test_changes_of_a_running_machine_wait(host: Host) -> None:
    machines, log = FakeMachines(), ListLog()
    made(host, machines, scsi0="local:1", memory="512")
    lifecycle.start(host, log, 100, machines=machines)
    change = Change(values={"memory": "1024", "name": "b", "scsi1": "local:1"}, delete={"scsi0": True})
    making.change(host, log, 100, change, running=True)
    file = current(host)
    assert (file.current["memory"], file.current["name"]) == ("512", "b")
    assert file.pending == {"memory": "1024", "scsi1": "local:100/vm-100-disk-1.raw,size=1G", "delete": "!scsi0"}
    lifecycle.stop(host, log, 100, machines=machines)
    lifecycle.start(host, log, 100, machines=machines)
    file = current(host)
    assert file.pending == {}
    assert file.current["memory"] == "1024"
    assert "vm-100-disk-0" not in machines.xml[100]
    with pytest.raises(NotFound):
        lifecycle.catalog_of(host).volume(plan.VolumeId.parse("local:100/vm-100-disk-0.raw"))


def test_an_old_digest_is_refused_and_nothing_stays_behind(host: Host, tmp_path: Path) -> None:
    made(host, FakeMachines(), name="a")
    with pytest.raises(Conflict, match="file change by other user"):
        making.change(host, ListLog(), 100, Change(values={"scsi0": "local:1"}), digest="00", running=False)
    assert not list((tmp_path / "vz").rglob("*.raw"))


def test_disks_of_other_guests_stay_theirs(host: Host, tmp_path: Path) -> None:
    made(host, FakeMachines(), scsi0="local:1")
    with pytest.raises(Conflict, match="belongs to guest 100"):
        making.create(host, ListLog(), 101, {"scsi0": "local:100/vm-100-disk-0.raw"}, machines=FakeMachines())
    assert (tmp_path / "vz/images/100/vm-100-disk-0.raw").exists()


def test_iso_images_are_shared_and_never_removed(host: Host, tmp_path: Path) -> None:
    iso = tmp_path / "vz/template/iso/a.iso"
    iso.parent.mkdir(parents=True)
    iso.write_bytes(bytes(4096))
    made(host, FakeMachines(), ide2="local:iso/a.iso,media=cdrom")
    assert current(host).current["ide2"] == "local:iso/a.iso,media=cdrom,size=4K"
    making.destroy(host, ListLog(), 100, machines=FakeMachines())
    assert iso.exists()


def test_a_failing_program_undoes_what_came_before(host: Host, tmp_path: Path) -> None:
    assert isinstance(host.run, FakeRun)
    host.run.answers["qemu-img convert"] = CommandFailed(["qemu-img"], 1, "no space")
    with pytest.raises(CommandFailed):
        made(host, FakeMachines(), scsi0="local:1", bios="ovmf", efidisk0="local:1,efitype=4m")
    assert not list((tmp_path / "vz").rglob("*.raw"))


def test_statistics_of_a_domain() -> None:
    values = {
        "state.state": 1, "cpu.time": 5, "vcpu.current": 2, "balloon.maximum": 1024, "balloon.rss": 600,
        "balloon.available": 1000, "balloon.usable": 400, "net.count": 2, "net.0.rx.bytes": 1, "net.1.rx.bytes": 2,
        "net.0.tx.bytes": 7, "block.count": 1, "block.0.rd.bytes": 3, "block.0.wr.bytes": 4,
    }  # fmt: skip
    stats = to_stats(100, values)
    assert (stats.net_in, stats.net_out, stats.disk_read, stats.disk_write) == (3, 7, 3, 4)
    assert (stats.memory_max, stats.memory_host, stats.guest_memory_used) == (1024**2, 600 * 1024, 600 * 1024)
