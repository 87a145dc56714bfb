"""What a system inside sees of all this: a small Linux boots from its volume, and tells over its serial line.

Everything is emulated here, so one machine goes through much. The storages are a folder (qcow2) and btrfs (raw).
"""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostd.core.errors import HostError, Unavailable
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests.changes import Change
from hostd.guests.qemu import agent, lifecycle, making, snapshot_operations
from hostd.guests.qemu.connection import LibvirtMachines
from hostd.guests.qemu.machines import MachineState
from hostd.node.host import Host
from hostd.tasks.log import ListLog
from tests.contract.test_machine_tpm import node, units
from tests.contract.test_machines import Daemons, host, libvirt, missing
from tests.lib import tinylinux, tpmunit
from tests.lib.serialshell import SerialShell

__all__ = ["host", "libvirt", "node", "units"]
CACHE = Path(os.environ.get("HOLDFAST_CACHE", "/var/cache/holdfast"))
BOOT_S = 240
BRIDGE = "insidebr0"
VALUES = {
    "memory": "192", "ostype": "l26", "scsihw": "virtio-scsi-single", "serial0": "socket", "boot": "order=scsi0",
    "vga": "none", "agent": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that boots on BIOS and UEFI."""
    if not list(CACHE.glob("kernel/*/linux-image-*.deb")):
        missing(f"no kernel package below {CACHE}/kernel (make iso fetches one)")
    work = tmp_path_factory.mktemp("inside")
    package = tinylinux.kernel_package(CACHE)
    program = shutil.which("qemu-ga")
    inside = tinylinux.with_libraries(Path(program), "sbin/qemu-ga") if program else {}
    medium = tinylinux.build_iso(package, work, init=tinylinux.SHELL, more=("efivarfs",), files=inside)
    return medium.rename(medium.with_suffix(".raw"))


@pytest.fixture
def bridge(libvirt: Daemons) -> Iterator[str]:
    """A bridge without a way out."""
    run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    run(["ip", "link", "set", BRIDGE, "up"])
    yield BRIDGE
    run(["ip", "link", "del", BRIDGE], check=False)


def shell(node: Host, vmid: int = 100, timeout_s: float = BOOT_S) -> SerialShell:
    """The serial line of a machine, once it answers."""
    line = SerialShell(lifecycle.serial_socket(node, vmid))
    line.wait_ready(timeout_s)
    return line


def made(node: Host, image: Path, disk: str, **values: str) -> None:
    making.create(node, ListLog(), 100, {**VALUES, "scsi0": f"{disk},import-from={image}", **values})
    lifecycle.start(node, ListLog(), 100)


def wait_inside(line: SerialShell, command: str, timeout_s: float = 30) -> str:
    """What a command says once it says something."""
    end_s = time.monotonic() + timeout_s
    while not (said := line.run(f"{command} || :")):
        assert time.monotonic() < end_s, f"nothing from {command}"
        time.sleep(0.5)
    return said


def test_plugged_in_and_back_in_time(node: Host, image: Path, bridge: str) -> None:
    """Boot from qcow2 in a folder; a disk and a card plugged in are there; memory that was saved goes on."""
    made(node, image, "local:0,format=qcow2")
    with shell(node) as line:
        assert line.run("ls /sys/block | grep -c ^sd") == "1"
        making.change(node, ListLog(), 100, Change(values={"scsi1": "local:0.0625", "net0": f"virtio,bridge={bridge}"}))
        current = files.load(node.store, lifecycle.where(node, 100)).file
        assert not current.pending
        assert wait_inside(line, "cat /sys/block/sdb/size 2>/dev/null") == str(64 * 1024**2 // 512)
        mac = current.current["net0"].partition("=")[2].partition(",")[0].lower()
        assert wait_inside(line, "cat /sys/class/net/eth0/address 2>/dev/null") == mac
        line.run("echo seen by the guest | dd of=/dev/sdb conv=fsync 2>/dev/null")
        line.run("n=41; echo before > /tmp/told")
        making.change(node, ListLog(), 100, Change(delete={"net0": False}))
        assert wait_inside(line, "[ -e /sys/class/net/eth0 ] || echo gone") == "gone"
        # the raw disk in a folder keeps no states
        making.change(node, ListLog(), 100, Change(delete={"scsi1": True}))
        assert wait_inside(line, "[ -e /sys/block/sdb ] || echo gone") == "gone"
        making.change(node, ListLog(), 100, Change(delete={"unused0": True}))
        snapshot_operations.take(node, ListLog(), 100, "then", memory=True)
        line.run("n=$((n + 1)); echo after > /tmp/told")
        assert line.run("echo $n; cat /tmp/told") == "42\nafter"
    snapshot_operations.go_back(node, ListLog(), 100, "then")
    assert LibvirtMachines().state(100) is MachineState.RUNNING
    with shell(node, timeout_s=30) as line:
        assert line.run("echo $n; cat /tmp/told") == "41\nbefore"
    lifecycle.stop(node, ListLog(), 100)


def small_disk(line: SerialShell) -> str:
    """The disk of 64 MiB: which letter it has is not certain."""
    sectors = 64 * 1024**2 // 512
    name = line.run(f"for d in /sys/block/sd*; do [ $(cat $d/size) != {sectors} ] || echo ${{d##*/}}; done")
    return f"/dev/{name}"


def test_tpm_and_disk_on_btrfs(node: Host, image: Path, units: tpmunit.TpmUnits) -> None:
    """Boot from a raw volume; the kernel knows the TPM, and the disk goes back with its contents."""
    made(node, image, "kept:0,format=raw", tpmstate0="kept:1,version=v2.0", scsi1="kept:0.0625")
    with shell(node) as line:
        assert line.run("cat /sys/class/tpm/tpm0/tpm_version_major") == "2"
        assert len(line.run("cat /sys/class/tpm/tpm0/pcr-sha256/0")) == 64
        disk = small_disk(line)
        line.run(f"echo first | dd of={disk} conv=fsync 2>/dev/null")
        snapshot_operations.take(node, ListLog(), 100, "then")
        line.run(f"echo second | dd of={disk} conv=fsync 2>/dev/null")
        line.run("echo 3 > /proc/sys/vm/drop_caches")
        assert line.run(f"head -c 6 {disk}") == "second"
    snapshot_operations.go_back(node, ListLog(), 100, "then", start=True)
    with shell(node) as line:
        assert line.run(f"head -c 5 {small_disk(line)}") == "first"
        assert line.run("cat /sys/class/tpm/tpm0/tpm_version_major") == "2"
    lifecycle.stop(node, ListLog(), 100)


# Of the few vendors (crash dumps) whose variables Linux lets be written anew without further ado.
VARIABLE = "/sys/firmware/efi/efivars/Holdfast-cfc8fc79-be2e-4ddc-97f0-9f98bfe298a0"


def variable(line: SerialShell) -> str:
    line.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2>/dev/null || :")
    return line.run(f"tail -c 1 {VARIABLE} 2>/dev/null || echo none")


def set_variable(line: SerialShell, letter: str) -> None:
    """Attributes (non-volatile, for boot and run time) and one letter, in one write as efivarfs wants it."""
    line.run(f"printf '\\007\\000\\000\\000{letter}' > {VARIABLE}")


def test_uefi_variables(node: Host, image: Path) -> None:
    """They outlive stop and start, and go back with a rollback."""
    made(node, image, "local:0,format=qcow2", bios="ovmf", machine="q35", efidisk0="local:1,efitype=4m,format=qcow2")
    with shell(node) as line:
        assert variable(line) == "none"
        set_variable(line, "A")
    lifecycle.stop(node, ListLog(), 100)
    lifecycle.start(node, ListLog(), 100)
    with shell(node) as line:
        assert variable(line) == "A"
        snapshot_operations.take(node, ListLog(), 100, "then")
        set_variable(line, "B")
        assert variable(line) == "B"
    snapshot_operations.go_back(node, ListLog(), 100, "then", start=True)
    with shell(node) as line:
        assert variable(line) == "A"
    lifecycle.stop(node, ListLog(), 100)


def test_the_guests_agent(node: Host, image: Path) -> None:
    """The real one, by the very functions that the API calls."""
    if not shutil.which("qemu-ga"):
        missing("not installed: qemu-guest-agent")
    made(node, image, "local:0,format=qcow2")
    machines = LibvirtMachines()
    with shell(node) as line:
        with pytest.raises(Unavailable, match="guest agent is not running"):
            agent.ask(machines, 100, "ping")
        line.run("printf '#!/bin/sh\\npoweroff -f\\n' > /sbin/shutdown; chmod +x /sbin/shutdown; hostname inside")
        line.run("port=$(ls /sys/class/virtio-ports | head -1); qemu-ga -d -p /dev/$port -t /run -f /run/qga.pid")
        assert wait_inside(line, "cat /run/qga.pid 2>/dev/null")
        assert agent.ask(machines, 100, "ping") == {}
        assert agent.ask(machines, 100, "get-host-name") == {"host-name": "inside"}
        assert agent.ask(machines, 100, "fsfreeze-status") == "thawed"
        cards = agent.ask(machines, 100, "network-get-interfaces")
        assert [card["name"] for card in cards] == ["lo"]
        agent.write_file(machines, 100, "/tmp/given", base64.b64encode(b"from outside").decode())
        assert line.run("cat /tmp/given") == "from outside"
        assert agent.read_file(machines, 100, "/tmp/given", offset=5, count=3) == (b"out", True)
        pid = agent.execute(machines, 100, ["/bin/sh", "-c", "cat; echo err >&2; exit 3"], "said")
        end_s = time.monotonic() + 30
        while not (found := agent.execution(machines, 100, pid))["exited"]:
            assert time.monotonic() < end_s
            time.sleep(0.2)
        assert (found["exitcode"], found["out-data"], found["err-data"]) == (3, "said", "err\n")
        with pytest.raises(HostError, match="Agent error"):
            agent.execute(machines, 100, ["/no/such/program"], None)
        snapshot_operations.take(node, ListLog(), 100, "still")  # frozen and thawed on the way
        assert agent.ask(machines, 100, "fsfreeze-status") == "thawed"
    machines.close()
    lifecycle.shutdown(node, ListLog(), 100, timeout_s=60)  # there is no ACPI daemon inside: the agent does it
