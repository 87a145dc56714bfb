"""Machines that move between two real nodes while they run: memory, disks and a connection survive; whatever is killed
on the way, one machine is left that runs or can be started, and nothing else.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.conftest import Machine, switch_on, wait_for
from tests.lib.apiclient import Api
from tests.lib.movable import MARK, Line, arguments, build
from tests.lib.sniffer import Sniffer

SHARED = "/srv/shared"
STORAGES = """
dir: local
	path /var/lib/vz
	content images,rootdir,iso,vztmpl,backup,snippets,import

dir: both
	path /srv/shared/disks
	content images
	shared 1

dir: extra
	path /var/lib/extra
	content images

"""
PORT = 60000
SLOW = 3072  # KiB a second: the machine's memory takes half a minute


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two nodes of a cluster; ``cable``: this machine's end of the first one's, which hangs on a bridge with the other.

    ``network``: the first three numbers of their addresses.
    """

    first: Machine
    second: Machine
    cable: str
    network: str

    @property
    def nodes(self) -> tuple[Machine, Machine]:
        return self.first, self.second

    def other(self, machine: Machine) -> Machine:
        return self.second if machine is self.first else self.first

    def api(self, machine: Machine) -> Api:
        api = machine.api()
        api.node = machine.name
        return api


@pytest.fixture(scope="module")
def pair(machines: list[Machine], tmp_path_factory: pytest.TempPathFactory) -> Pair:
    first, second = machines[:2]
    if first.ask("test", "-e", "/etc/pve/corosync.conf").code:
        first.run("pvecm", "create", "lab")
        second.run(
            "pvecm", "add", first.address, "--fingerprint", first.fingerprint(), data=f"{first.password}\n"
        )  # fmt: skip
    wait_for("both are members", lambda: first.online() == second.online() == 2)
    assert first.write("storage.cfg", STORAGES)
    for machine in (first, second):
        machine.shell("mkdir -p /srv/shared/disks /srv/shared/boot /var/lib/extra; chmod 755 /srv/shared/*")
    cache = Path(os.environ.get("HOLDFAST_CACHE", "/var/cache/holdfast"))
    port = first.port
    with tempfile.TemporaryDirectory() as work:
        build(cache, Path(work), first.folder.parent / f"cluster-{port}-shared/boot")
    network = first.address.rpartition(".")[0]
    return Pair(first=first, second=second, cable=f"hf{port}", network=network)


class Guest:
    """A machine that answers at an address of the nodes' network."""

    def __init__(self, pair: Pair, vmid: int, **disks: str) -> None:
        self.pair, self.vmid, self.home = pair, vmid, pair.first
        base = int(pair.first.address.rpartition(".")[2]) - 2  # 32 addresses; the nodes have the first ones
        self.address = f"{pair.network}.{base + 20 + vmid % 10}"
        api = pair.api(pair.first)
        api.wait(
            api.post(
                f"/nodes/{pair.first.name}/qemu", vmid=vmid, memory=192, kvm=0, serial0="socket", vga="none",
                scsihw="virtio-scsi-pci", net0="virtio,bridge=vmbr0", ostype="l26", name="movable",
                args=arguments(f"{SHARED}/boot", f"{self.address}/27"), **disks,
            )
        )  # fmt: skip
        if "scsi1" in disks:
            api.put(f"{self.path(self.home)}/config", delete="scsi1")  # it becomes unused0
        api.wait(api.post(f"{self.path(self.home)}/status/start"))
        self.line = Line(self.address)

    def path(self, machine: Machine) -> str:
        return f"/nodes/{machine.name}/qemu/{self.vmid}"

    def begin(self, **options: object) -> tuple[Api, str]:
        """Begin to move it to the other node."""
        api = self.pair.api(self.home)
        options = {"online": 1, "target": self.pair.other(self.home).name, **options}
        return api, api.post(f"{self.path(self.home)}/migrate", **options)

    def move(self, **options: object) -> list[str]:
        """Move it, and where it was connected to it still is; the task's log."""
        api, upid = self.begin(**options)
        api.wait(upid, 300)
        self.home = self.pair.other(self.home)
        return api.task_log(upid)

    def processes(self) -> list[str]:
        """Nodes on which QEMU has it."""
        script = f"p=$(cat /run/libvirt/qemu/vm-{self.vmid}.pid) && test -d /proc/$p"
        return [machine.name for machine in self.pair.nodes if machine.ask("sh", "-c", script).code == 0]

    def owners(self) -> list[str]:
        return [
            machine.name
            for machine in self.pair.nodes
            if machine.ask("test", "-e", f"/etc/pve/nodes/{machine.name}/qemu-server/{self.vmid}.conf").code == 0
        ]

    def config(self) -> str:
        return self.pair.first.read(f"nodes/{self.home.name}/qemu-server/{self.vmid}.conf")

    def volumes(self, machine: Machine, folder: str = "/var/lib/vz") -> list[str]:
        found = machine.ask("sh", "-c", f"ls {folder}/images/{self.vmid} 2>/dev/null").text.split()
        return sorted(found)

    def state(self) -> str:
        return str(self.pair.api(self.home).get(f"{self.path(self.home)}/status/current")["qmpstatus"])

    def check_home(self, *, running: bool = True) -> None:
        """It is where it should be, there alone, and nothing is left of a move."""
        wait_for("nothing of it is elsewhere", lambda: self.processes() == ([self.home.name] if running else []), 60)
        assert self.owners() == [self.home.name]
        for machine in self.pair.nodes:
            wait_for(
                "no notes",
                lambda m=machine: m.ask("sh", "-c", "ls /var/lib/hostd/migration/ 2>/dev/null").text == "",  # type: ignore[misc]
            )
            assert machine.ask("test", "-e", f"/run/hostd/migration/{self.vmid}").code != 0
        assert "lock" not in self.config()
        assert "special:migration" not in self.config()

    def remove(self) -> None:
        self.line.close()
        api = self.pair.api(self.home)
        api.wait(api.post(f"{self.path(self.home)}/status/stop"))
        api.wait(api.delete(self.path(self.home)))


@pytest.fixture
def on_shared(pair: Pair) -> Iterator[Guest]:
    guest = Guest(pair, 901, scsi0="both:0.02,format=raw")
    yield guest
    guest.remove()


@pytest.fixture
def on_local(pair: Pair) -> Iterator[Guest]:
    guest = Guest(pair, 902, scsi0="local:0.02,format=qcow2", scsi1="local:0.01,format=raw")
    yield guest
    guest.remove()


def downtime_ms(lines: list[str]) -> int:
    found = [int(match[1]) for line in lines if (match := re.fullmatch(r"downtime (\d+) ms", line))]
    assert len(found) == 1, lines
    return found[0]


def test_a_running_machine_moves_and_its_connection_stays(pair: Pair, on_shared: Guest) -> None:
    guest, line = on_shared, on_shared.line
    assert line.ask("write") == "written"
    before = {what: line.ask(what) for what in ("mem", "disk")}
    ticked = int(line.ask("tick"))
    with Sniffer(pair.cable, PORT, MARK) as wire:
        lines = guest.move()
    assert int(line.ask("tick")) > ticked
    assert {what: line.ask(what) for what in before} == before
    guest.check_home()
    assert downtime_ms(lines) < 10_000
    assert wire.bytes > 20 << 20
    assert set(wire.firsts.values()) == {0x16}, "every connection begins with TLS"
    assert not wire.seen
    print("\n".join(lines))
    with Sniffer(pair.cable, PORT, MARK) as wire:
        lines = guest.move(migration_type="insecure")
    assert wire.seen, "without TLS the guest's memory is seen: this is how it is known that it was not before"
    assert {what: line.ask(what) for what in before} == before
    guest.check_home()


def test_a_tpm_goes_along(pair: Pair) -> None:
    """What it has in memory, and its state on a shared storage, with which it starts at the other node again."""
    guest = Guest(pair, 903, tpmstate0="both:1,version=v2.0")
    line = guest.line
    fresh = line.ask("pcr")
    assert line.ask("extend") == "extended"
    before = line.ask("pcr")
    assert before != fresh
    print("\n".join(guest.move()))
    assert line.ask("pcr") == before
    guest.check_home()
    line.ask("extend")
    api = pair.api(guest.home)
    api.wait(api.post(f"{guest.path(guest.home)}/status/stop"))
    api.wait(api.post(f"{guest.path(guest.home)}/status/start"))
    line.close()
    guest.line = Line(guest.address)
    assert guest.line.ask("pcr") == fresh
    guest.move()
    assert guest.line.ask("pcr") == fresh
    guest.line.close()
    guest.remove()


def test_local_disks_go_along(pair: Pair, on_local: Guest) -> None:
    guest, line = on_local, on_local.line
    api = pair.api(guest.home)
    found = api.get(f"{guest.path(guest.home)}/migrate")
    assert {disk["volid"] for disk in found["local_disks"]} == {
        "local:902/vm-902-disk-0.qcow2",
        "local:902/vm-902-disk-1.raw",
    }
    assert line.ask("write") == "written"
    before = {what: line.ask(what) for what in ("mem", "disk")}
    with pytest.raises(Exception, match="allow copying local disks"):
        guest.move()
    lines = guest.move(**{"with-local-disks": 1, "targetstorage": "local:extra"})
    print("\n".join(lines))
    assert {what: line.ask(what) for what in before} == before
    guest.check_home()
    assert guest.volumes(pair.first) == []
    assert guest.volumes(pair.second, "/var/lib/extra") == ["vm-902-disk-0.qcow2", "vm-902-disk-1.raw"]
    assert "scsi0: extra:902/vm-902-disk-0.qcow2" in guest.config()
    assert line.ask("write") == "written"
    after = line.ask("disk")
    api = pair.api(guest.home)
    api.wait(api.post(f"{guest.path(guest.home)}/status/stop"))
    said = guest.home.run("qm", "migrate", str(guest.vmid), pair.first.name, "--targetstorage", "local")
    assert "copying 'extra:902/vm-902-disk-0.qcow2'" in said
    guest.home = pair.first
    guest.check_home(running=False)
    assert guest.volumes(pair.first) == ["vm-902-disk-0.qcow2", "vm-902-disk-1.raw"]
    assert guest.volumes(pair.second, "/var/lib/extra") == []
    api = pair.api(guest.home)
    api.wait(api.post(f"{guest.path(guest.home)}/status/start"))
    line.close()
    guest.line = Line(guest.address)
    assert guest.line.ask("disk") == after


def under_way(api: Api, upid: str) -> None:
    wait_for("memory is moving", lambda: any("transferred" in text for text in api.task_log(upid)), 120)


def test_stopping_the_task_leaves_the_machine_where_it_was(pair: Pair, on_local: Guest) -> None:
    guest, line = on_local, on_local.line
    before = {what: line.ask(what) for what in ("mem", "disk")}
    with Sniffer(pair.cable, PORT, MARK) as wire:
        api, upid = guest.begin(**{"with-local-disks": 1, "bwlimit": SLOW})
        under_way(api, upid)
        time.sleep(8)
    took_s = wire.last_s - wire.started_s
    assert wire.bytes / took_s < SLOW * 1024 * 1.25, f"{wire.bytes} bytes in {took_s:.1f} s"
    assert wire.bytes / took_s > SLOW * 1024 * 0.3
    api.delete(f"/nodes/{guest.home.name}/tasks/{upid}")
    assert api.wait(upid, 60, ok=False) == "interrupted by signal"
    guest.check_home()
    assert guest.volumes(pair.second) == []
    assert guest.state() == "running"
    assert {what: line.ask(what) for what in before} == before


def kill_task(machine: Machine) -> None:
    machine.shell("find /sys/fs/cgroup -path '*hostd-task-*.scope/cgroup.procs' -exec cat {} + | xargs kill -9")


# The control of a move is the oldest of its connections.
CONTROL = "$(pgrep -o -f hostd.daemons.incoming)"


def test_both_sides_die_after_the_machine_was_handed_over(pair: Pair, on_local: Guest) -> None:
    """The target's side is held still, so that it cannot go on by itself; then both are killed."""
    guest, source, target = on_local, pair.first, pair.second
    before = {what: guest.line.ask(what) for what in ("disk", "mem")}
    api, upid = guest.begin(**{"with-local-disks": 1, "bwlimit": SLOW})
    under_way(api, upid)
    target.shell(f"kill -STOP {CONTROL}")
    guest.home = target
    wait_for("the file has changed hands", lambda: guest.owners() == [target.name], 180)
    assert guest.processes() == [target.name]
    wait_for("it stands still", lambda: guest.state() == "paused", 30)
    assert "lock: migrate" in guest.config()
    kill_task(source)
    target.shell(f"kill -KILL {CONTROL}")
    assert api.wait(upid, 60, ok=False) == "unexpected status"
    wait_for("it goes on", lambda: "lock" not in guest.config() and guest.state() == "running", 60)
    assert {what: guest.line.ask(what) for what in before} == before
    assert guest.volumes(source) == ["vm-902-disk-0.qcow2", "vm-902-disk-1.raw"], "nobody was left to remove them"
    guest.move(**{"with-local-disks": 1})
    guest.check_home()
    assert guest.volumes(source) == ["vm-902-disk-0.qcow2", "vm-902-disk-1.raw"]
    assert guest.volumes(target) == []
    assert {what: guest.line.ask(what) for what in before} == before


KILLS: dict[str, tuple[Callable[[Guest], object], bool]] = {
    "source-qemu": (lambda g: g.home.shell(f"kill -9 $(cat /run/libvirt/qemu/vm-{g.vmid}.pid)"), False),
    "source-libvirtd": (lambda g: g.home.run("systemctl", "kill", "-s", "KILL", "libvirtd.service"), True),
    "task": (lambda g: kill_task(g.home), True),
    "target-qemu": (
        lambda g: g.pair.other(g.home).shell(f"kill -9 $(cat /run/libvirt/qemu/vm-{g.vmid}.pid)"),
        True,
    ),
    "target-libvirtd": (
        lambda g: g.pair.other(g.home).run("systemctl", "kill", "-s", "KILL", "libvirtd.service"),
        True,
    ),
    "target-incoming": (
        lambda g: g.pair.other(g.home).run("systemctl", "kill", "-s", "KILL", "hostd-incoming@*.service"),
        True,
    ),
}


def test_a_target_that_loses_its_power_does_not_take_the_machine_along(pair: Pair, on_local: Guest) -> None:
    guest, target = on_local, pair.second
    before = {what: guest.line.ask(what) for what in ("disk", "mem")}
    api, upid = guest.begin(**{"with-local-disks": 1, "bwlimit": SLOW})
    under_way(api, upid)
    subprocess.run(["lxc-stop", "-k", "-n", target.container], check=True)
    assert api.wait(upid, 120, ok=False) != "OK"
    assert {what: guest.line.ask(what) for what in before} == before
    switch_on(target)
    wait_for("both are members", lambda: pair.first.online() == target.online() == 2, 120)
    wait_for("the target has nothing of it", lambda: guest.volumes(target) == [], 120)
    api = pair.api(guest.home)
    assert "already running" in api.wait(api.post(f"{guest.path(guest.home)}/status/start"), 60, ok=False)
    guest.check_home()
    assert guest.state() == "running"
    assert {what: guest.line.ask(what) for what in before} == before


@pytest.mark.parametrize("what", KILLS)
def test_whatever_is_killed_one_machine_is_left(pair: Pair, on_local: Guest, what: str) -> None:
    guest = on_local
    kill, survives = KILLS[what]
    before = {name: guest.line.ask(name) for name in ("disk", "mem")}
    api, upid = guest.begin(**{"with-local-disks": 1, "bwlimit": SLOW})
    under_way(api, upid)
    kill(guest)
    assert api.wait(upid, 90, ok=False) != "OK"
    wait_for("the target has nothing of it", lambda: guest.volumes(pair.second) == [], 60)
    start = api.post(f"{guest.path(guest.home)}/status/start")
    status = api.wait(start, 60, ok=False)
    assert status == "OK" if not survives else "already running" in status
    guest.check_home()
    assert guest.state() == "running"
    if not survives:
        guest.line.close()
        guest.line = Line(guest.address)
        del before["mem"]
    assert {name: guest.line.ask(name) for name in before} == before
    lines = guest.move(**{"with-local-disks": 1})
    guest.check_home()
    assert downtime_ms(lines) < 10_000
    assert {name: guest.line.ask(name) for name in before} == before
    guest.move(**{"with-local-disks": 1})
