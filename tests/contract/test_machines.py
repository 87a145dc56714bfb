"""Real machines under a real libvirt and QEMU (emulated), through the very functions that the tasks call.

Starts libvirt's daemons by hand, so it wants a /run of its own: the tools tree has one. ``REQUIRE=libvirt`` turns the
skips into failures. The guest is SeaBIOS without anything to boot: its text on the serial line is what is waited for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, HostError, NotFound, Unavailable
from hostd.core.run import run
from hostd.core.undo import Undo
from hostd.guests import config as files
from hostd.guests.changes import Change
from hostd.guests.qemu import capabilities, gathering, hotplug, lifecycle, making, plugging, power, process, sockets
from hostd.guests.qemu import plan as planning
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.devices import firmware
from hostd.guests.qemu.devices.disk import Source
from hostd.guests.qemu.domain_xml import domain_xml, to_text
from hostd.guests.qemu.facts import OVMF_4M, MachineFacts
from hostd.guests.qemu.machines import MachineState
from hostd.guests.qemu.once import Once
from hostd.guests.qemu.sampling import MachineSampler
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.lib import nokvm, required
from tests.lib.waiting import eventually

DAEMONS = {"virtlogd": "/run/libvirt/virtlogd-sock", "libvirtd": "/run/libvirt/libvirt-sock"}
START_S = 60


missing = partial(required.missing, "libvirt")


class Daemons:
    """libvirt's daemons, started by hand."""

    def __init__(self) -> None:
        self.pids: dict[str, int] = {}

    def start(self, name: str) -> None:
        self.pids[name] = os.posix_spawnp(name, [name], os.environ, setsid=True)
        eventually(partial(os.path.exists, DAEMONS[name]), START_S, name)

    def end(self, name: str, number: int = signal.SIGTERM) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pids[name], number)
        os.waitpid(self.pids.pop(name), 0)


@pytest.fixture(scope="module")
def libvirt() -> Iterator[Daemons]:
    """libvirt for as long as the module's tests run."""
    if os.geteuid() != 0:
        missing("libvirt's daemons need root")
    if absent := [name for name in (*DAEMONS, "qemu-system-x86_64", "qemu-img") if not shutil.which(name)]:
        missing(f"not installed: {', '.join(absent)}")
    if os.path.exists("/run/libvirt"):
        missing("libvirt runs here already, and its machines are none of ours")
    os.makedirs("/run/libvirt", exist_ok=True)
    daemons = Daemons()
    try:
        with nokvm.covered():
            for name in DAEMONS:
                daemons.start(name)
        yield daemons
    finally:
        for name in list(daemons.pids):
            daemons.end(name)
        shutil.rmtree("/run/libvirt", ignore_errors=True)


@pytest.fixture
def host(libvirt: Daemons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A node with a folder storage that QEMU's own user can reach."""
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(sockets, "FOLDER", "/run/hostd/qemu")
    monkeypatch.setattr(kvm_probe, "CACHE", str(tmp_path / "kvm.json"))
    storage = Path("/var/tmp/holdfast-contract")
    shutil.rmtree(storage, ignore_errors=True)
    storage.mkdir(mode=0o755)
    store = MemoryStore("pve1")
    store.write("storage.cfg", f"dir: local\n\tpath {storage}\n\tcontent images,iso\n\n".encode())
    made = Host(node="pve1", store=store, mirror=store.mirror(), run=run)
    yield made
    machines = LibvirtMachines()
    if machines.state(100) is not None:
        machines.stop(100)
    machines.close()
    shutil.rmtree(storage, ignore_errors=True)


VALUES = {
    "name": "tiny", "memory": "64", "ostype": "l26", "scsihw": "virtio-scsi-single", "scsi0": "local:1,iothread=1",
    "virtio0": "local:1,format=qcow2,cache=writeback", "ide2": "none,media=cdrom", "serial0": "socket", "agent": "1",
    "smbios1": "manufacturer=SG9sZGZhc3Q=,base64=1", "cpu": "x86-64-v2-AES", "sata0": "local:1,ssd=1",
}  # fmt: skip


def connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(path)
    return connection


def test_a_machine_lives(host: Host) -> None:
    log, machines = ListLog(), LibvirtMachines()
    making.create(host, log, 100, VALUES)
    lifecycle.start(host, log, 100)
    assert machines.state(100) is MachineState.RUNNING
    assert process.is_running(100)
    with pytest.raises(Conflict, match="already running"):
        lifecycle.start(host, log, 100)
    with connect(lifecycle.vnc_socket(host, 100)) as screen:
        assert screen.recv(12) == b"RFB 003.008\n"
        screen.sendall(b"RFB 003.008\n")
        assert screen.recv(2) == b"\x01\x01"  # one way to log in: none, as only root reaches the socket
    with connect(lifecycle.serial_socket(host, 100)):
        pass
    sampler = MachineSampler()
    sampler.sample(machines.stats(), time.monotonic())
    time.sleep(1)
    values = sampler.sample(machines.stats(), time.monotonic())[100]
    assert 0 < float(str(values["cpu"])) <= 1
    assert values["qmpstatus"] == "running"
    assert int(str(values["memhost"])) > 0
    lifecycle.reset(host, log, 100)
    making.change(host, log, 100, Change(values={"memory": "96", "name": "renamed"}))
    file = files.load(host.store, lifecycle.where(host, 100)).file
    assert (file.current["memory"], file.pending["memory"], file.current["name"]) == ("64", "96", "renamed")
    with pytest.raises(Conflict, match="is running"):
        making.destroy(host, log, 100)
    with pytest.raises(HostError, match="did not shut down"):  # there is no system inside that could hear
        lifecycle.shutdown(host, log, 100, timeout_s=1)
    lifecycle.shutdown(host, log, 100, timeout_s=1, force_stop=True)
    assert machines.state(100) is None
    assert not process.is_running(100)
    making.destroy(host, log, 100)
    with pytest.raises(NotFound):
        files.load(host.store, lifecycle.where(host, 100))
    assert not list(Path("/var/tmp/holdfast-contract/images").rglob("*disk*"))


def test_what_qemu_can_be(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "FOLDER", str(tmp_path))
    machines = LibvirtMachines()
    found = capabilities.of("x86_64", lambda: machines)
    assert {"qemu64", "kvm64", "Nehalem", "EPYC"} <= set(found.models)
    assert {"aes", "svm", "sse4.2"} <= set(found.tcg)
    newest = max(capabilities.versioned(found.machines), key=lambda one: one.number)
    assert machines.qemu_version().startswith(f"{newest.version}.")

    def unasked() -> LibvirtMachines:
        raise AssertionError("libvirt is asked again")

    assert capabilities.of("x86_64", unasked) == found


def test_a_start_as_another_machine(host: Host) -> None:
    making.create(host, ListLog(), 100, {"memory": "64", "cpu": "x86-64-v2-AES"})
    lifecycle.start(host, ListLog(), 100, once=Once(machine="pc-q35-9.2", processor="Nehalem,+aes"))
    with open(f"/proc/{process.read_pid(100)}/cmdline", encoding="utf-8") as file:
        words = file.read().split("\0")
    assert [words[n + 1] for n, word in enumerate(words) if word == "-cpu"][-1] == "Nehalem,+aes"
    kinds = LibvirtMachines().human_monitor(100, "info qom-tree")
    assert "(Nehalem-x86_64-cpu)" in kinds
    assert "(pc-q35-9.2-machine)" in kinds


@pytest.mark.parametrize(
    "values",
    [
        {
            "machine": "q35", "bios": "ovmf", "efidisk0": "local:1,efitype=4m", "ide0": "none,media=cdrom",
            "vga": "virtio",
        },
        {
            "machine": "q35", "bios": "ovmf", "efidisk0": "local:1,efitype=4m,pre-enrolled-keys=1,format=qcow2",
            "ostype": "win11", "sata0": "local:1",
        },
        {"scsi0": "local:1", "scsi9": "local:1,mbps_rd=10,iops_wr=100", "vga": "serial0", "serial0": "socket"},
        {"cpu": "max", "kvm": "0", "sockets": "2", "cores": "2", "vcpus": "3", "balloon": "0", "tablet": "0"},
        {"cpu": "host,flags=+aes", "args": "-device virtio-rng-pci,addr=0x1d", "cpulimit": "0.5", "cpuunits": "200"},
        {"scsihw": "pvscsi", "scsi0": "local:1", "machine": "pc-i440fx-9.1+pve0", "localtime": "1", "acpi": "0"},
        {
            "machine": "q35,viommu=virtio", "agent": "1", "vga": "std,clipboard=vnc", "rng0": "source=/dev/urandom",
            "watchdog": "i6300esb,action=reset", "audio0": "device=ich9-intel-hda,driver=none", "numa": "1",
            "sockets": "2", "ivshmem": "size=1,name=x", "scsihw": "virtio-scsi-single", "scsi0": "local:1,iothread=1",
            "scsi30": "local:1", "virtio0": "local:1", "virtio15": "local:1", "ostype": "l26", "sata5": "local:1",
            "allow-ksm": "0",
        },
        {"machine": "q35,viommu=intel", "vga": "vmware", "agent": "1"},
        {
            "agent": "1", "audio0": "device=AC97", "watchdog": "ib700", "virtio6": "local:1", "scsi7": "local:1",
            "machine": "pc-i440fx-7.0", "ostype": "win10", "usb0": "host=1-9", "cpu": "EPYC,phys-bits=40,level=13",
        },
    ],
    ids=["uefi", "secure-boot", "serial", "processors", "arguments", "pinned", "q35", "iommu", "devices"],
)  # fmt: skip
def test_definitions_are_accepted(host: Host, values: dict[str, str]) -> None:
    log = ListLog()
    making.create(host, log, 100, {"memory": "128", **values})
    lifecycle.start(host, log, 100)
    assert LibvirtMachines().state(100) is MachineState.RUNNING
    lifecycle.stop(host, log, 100)
    making.destroy(host, log, 100)


def test_uefi_variables_on_a_block_device(host: Host, tmp_path: Path) -> None:
    """A volume is rounded up to whole extents there; the machine must find its variables all the same."""
    backing = tmp_path / "device"
    backing.write_bytes(bytes(4 * 1024**2))
    device = run(["losetup", "--find", "--show", str(backing)]).stdout.strip()
    machines = LibvirtMachines()
    try:
        format = firmware.store_format(OVMF_4M, block=True, size_bytes=4 * 1024**2, format="raw")
        run(["qemu-img", "convert", "-f", "raw", "-O", format, OVMF_4M.variables, device])
        source = Source(path=device, format=format, block=True)
        config = {"bios": "ovmf", "machine": "q35", "memory": "128", "efidisk0": "lvm:vm-100-disk-0,efitype=4m"}
        folder = sockets.prepare(100)
        facts = MachineFacts(vmid=100, kvm=False, sockets=folder, sources={"lvm:vm-100-disk-0": source})
        machines.start(to_text(domain_xml(config, facts)))
        assert machines.state(100) is MachineState.RUNNING
        machines.stop(100)
    finally:
        run(["losetup", "-d", device])


def test_devices_are_plugged_while_it_runs(host: Host) -> None:
    """Each kind of step against the real thing; the definition libvirt has afterwards tells whether it counted."""
    log, machines = ListLog(), LibvirtMachines()
    values = {
        "memory": "128", "cores": "4", "vcpus": "1", "scsihw": "virtio-scsi-single", "scsi0": "local:1", "hotplug":
        "disk,usb,cpu", "ide2": "none,media=cdrom", "ostype": "l26",
    }  # fmt: skip
    making.create(host, log, 100, {**values, "virtio3": "local:1", "scsi5": "local:1"})
    lifecycle.start(host, log, 100)
    running = files.load(host.store, lifecycle.where(host, 100)).file.current
    image = Path("/var/tmp/holdfast-contract/template/iso/x.iso")
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(bytes(1024**2))

    def change(**changes: str) -> list[str]:
        nonlocal running
        wanted = {**running, **changes}
        version = machines.qemu_version()
        facts = gathering.facts_of(host, 100, wanted, kvm=False, qemu=version, also=running)
        plan = hotplug.plan(running, wanted, facts)
        assert not plan.pending
        for step in plan.now:
            plugging.perform(machines, 100, step)
        done = {step.key for step in plan.now} | plan.settled
        running = hotplug.applied(running, wanted, done)
        assert hotplug.plan(running, wanted, facts) == hotplug.Plan()
        return [str(step.kind) for step in plan.now]

    wanted = planning.plan_values({"virtio9": "local:1,iothread=1", "scsi7": "local:1"})
    with Undo() as undo:
        fresh = making.allocate(host, log, 100, wanted, undo)
        undo.keep()
    assert change(virtio9=fresh["virtio9"]) == ["attach"]
    assert change(scsi7=fresh["scsi7"]) == ["attach", "attach"]
    assert change(virtio9=fresh["virtio9"] + ",mbps_rd=10,iops_wr=100") == ["disk-limits"]
    assert change(ide2="local:iso/x.iso,media=cdrom") == ["medium"]
    assert change(ide2="none,media=cdrom") == ["medium"]
    assert change(ide2="local:iso/x.iso,media=cdrom") == ["medium"]
    assert change(balloon="64", shares="0") == ["balloon"]
    assert change(vcpus="3") == ["processors"]
    definition = machines.definition(100)
    for there in ("vm-100-disk-3", "ua-scsi7", "x.iso"):
        assert there in definition
    assert "<read_bytes_sec>10485760</read_bytes_sec>" in definition
    machines.detach(100, _device(definition, "ua-virtio9"), "ua-virtio9", 20)  # SeaBIOS lets go of it
    assert "ua-virtio9" not in machines.definition(100)
    machines.close()
    lifecycle.stop(host, log, 100)


def _device(definition: str, alias: str) -> str:
    found = ElementTree.fromstring(definition).find(f"devices/*/alias[@name='{alias}']/..")
    assert found is not None
    return ElementTree.tostring(found, encoding="unicode")


def test_suspended_to_disk_and_back(host: Host) -> None:
    log, machines = ListLog(), LibvirtMachines()
    making.create(host, log, 100, {"memory": "64", "serial0": "socket", "scsi0": "local:1", "agent": "1"})
    lifecycle.start(host, log, 100)
    power.suspend(host, log, 100)
    assert machines.state(100) is MachineState.PAUSED
    power.resume(host, log, 100)
    assert machines.state(100) is MachineState.RUNNING
    power.suspend_to_disk(host, log, 100)
    assert machines.state(100) is None
    assert files.load(host.store, lifecycle.where(host, 100)).file.current["lock"] == "suspended"
    power.resume(host, log, 100)
    assert machines.state(100) is MachineState.RUNNING
    assert "lock" not in files.load(host.store, lifecycle.where(host, 100)).file.current
    assert not list(Path("/var/tmp/holdfast-contract/images").rglob("*state*"))
    assert "VM status: running" in machines.human_monitor(100, "info status")
    assert machines.human_monitor(100, "sendkey ctrl-alt-delete").strip() == ""
    assert "nonsense" in machines.human_monitor(100, "sendkey nonsense")
    with pytest.raises(Unavailable, match="guest agent is not running"):
        machines.ask_agent(100, '{"execute": "guest-ping"}', 1)
    machines.close()
    lifecycle.stop(host, log, 100)


def test_libvirts_reason_reaches_the_user(host: Host) -> None:
    making.create(host, ListLog(), 100, {"memory": "64", "args": "-no-such-argument"})
    with pytest.raises(HostError, match="start failed"):
        lifecycle.start(host, ListLog(), 100)
    assert LibvirtMachines().state(100) is None
    assert not os.path.exists(sockets.folder(100))


def test_a_machine_outlives_libvirts_daemon(host: Host, libvirt: Daemons) -> None:
    """The connection is made anew, and the machine is still known."""
    machines = LibvirtMachines()
    making.create(host, ListLog(), 100, {"memory": "64"})
    lifecycle.start(host, ListLog(), 100)
    pid = process.read_pid(100)
    libvirt.end("libvirtd", signal.SIGKILL)
    assert os.path.exists(f"/proc/{pid}")
    libvirt.start("libvirtd")
    eventually(lambda: _known(machines), START_S, "machine")
    lifecycle.stop(host, ListLog(), 100)
    assert not os.path.exists(f"/proc/{pid}")


def _known(machines: LibvirtMachines) -> bool:
    try:
        return machines.state(100) is MachineState.RUNNING
    except HostError:
        return False
