"""A machine moves between two installed hosts while it runs: its memory, a connection and its local disk survive; when
the host that it leaves loses its power on the way, one machine is left that can be started, and its disk.

Between hosts as containers the same is looked at in detail: tests/cluster/test_migration.py. Here are the appliance's
own kernel, AppArmor and LVM; the guest is emulated by an emulated host, so that times say little.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from imagebuild import lan
from imagebuild.vm import Forward, free_port

from tests.lib import movable
from tests.lib.apiclient import Api
from tests.lib.movable import Line
from tests.lib.waiting import eventually
from tests.vm import rack as racks
from tests.vm.harness import Host, Images, Lab
from tests.vm.rack import Rack
from tests.vm.test_guests import DENIED

VMID, STILL = 100, 101
CPU = "max,svm=off"
ADDRESS = f"{lan.NETWORK}.100"
MEDIA = "/srv/media"
DISK = "0.02"  # GiB
POOL = "local-lvm"
VOLUMES = f"lvs --noheadings -o lv_name -S 'lv_name=~^vm-{VMID}-disk'"
SLOW_S = 900
SLOW_KIB = 1024  # a second, so that there is time for an accident


class Mover:
    """The machine, and the hosts that it moves between; ``home``: where it is."""

    def __init__(self, rack: Rack, port: int) -> None:
        self.rack, self.port, self.home = rack, port, 1

    @property
    def host(self) -> Host:
        return self.rack.hosts[self.home]

    @property
    def api(self) -> Api:
        """Of the host that has it."""
        api = self.host.api()
        api.node = racks.name(self.home)
        return api

    @property
    def path(self) -> str:
        return f"/nodes/{racks.name(self.home)}/qemu/{VMID}"

    def do(self, action: str, **values: object) -> None:
        api = self.api
        api.wait(api.post(f"{self.path}/{action}", **values), SLOW_S)

    @contextmanager
    def line(self) -> Iterator[Line]:
        """A connection to it, once it answers."""
        line = Line("127.0.0.1", self.port, SLOW_S)
        try:
            yield line
        finally:
            line.close()

    def begin(self, target: int, **options: object) -> tuple[Api, str]:
        api = self.api
        return api, api.post(f"{self.path}/migrate", target=racks.name(target), online=1, **options)

    def move(self, target: int, **options: object) -> None:
        """And how long it stood still."""
        begun = time.monotonic()
        api, upid = self.begin(target, **options)
        api.wait(upid, SLOW_S)
        self.home = target
        (still_ms,) = [found[1] for text in api.task_log(upid) if (found := re.fullmatch(r"downtime (\d+) ms", text))]
        print(f"on {racks.name(target)} after {time.monotonic() - begun:.0f} s, of which {still_ms} ms still")

    def running_on(self) -> list[int]:
        return [n for n, host in self.rack.hosts.items() if host.ssh(f"pgrep -f '[g]uest=.*{VMID},'", check=False)]

    def with_volume(self) -> list[int]:
        """Hosts that have its local disk."""
        return [n for n, host in self.rack.hosts.items() if host.ssh(VOLUMES).strip()]

    def owners(self) -> list[str]:
        return sorted(self.host.ssh(f"cd /etc/pve/nodes; ls */qemu-server/{VMID}.conf").split())

    def check_home(self, *, running: bool, volume: bool) -> None:
        """All of it is where it should be, and nothing elsewhere."""
        eventually(lambda: self.running_on() == ([self.home] if running else []), 120, "it runs in one place")
        assert self.owners() == [f"{racks.name(self.home)}/qemu-server/{VMID}.conf"]
        eventually(lambda: self.with_volume() == ([self.home] if volume else []), 120, "its disk is in one place")
        assert "lock" not in self.api.get(f"{self.path}/config")


@pytest.fixture(scope="module")
def mover(
    request: pytest.FixtureRequest, lab: Lab, images: Images, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mover]:
    port = free_port()
    guest = lan.Member(address=ADDRESS, forwards=[Forward(host=port, guest=movable.PORT)])
    start_all = partial(Rack.start_all, cpu=CPU)
    with racks.running(request, lab, images, "moves", start_all, guests=[guest]) as rack:
        medium = movable.build_medium(lab.ctx.cache, tmp_path_factory.mktemp("movable"), f"{ADDRESS}/24")
        for host in rack.hosts.values():
            host.ssh(f"mkdir -p {MEDIA}/template/iso")
            host.copy_in(medium, f"{MEDIA}/template/iso/movable.iso")
        mover = Mover(rack, port)
        mover.api.post("/storage", storage="media", type="dir", path=MEDIA, content="iso", shared=1)
        mover.api.put("/storage/local", content="images,rootdir,iso,vztmpl,backup,snippets,import")
        yield mover
        for host in rack.hosts.values():
            assert host.ssh(DENIED) == ""


def test_memory_and_a_connection_survive(mover: Mover) -> None:
    api = mover.api
    api.wait(
        api.post(
            f"/nodes/{api.node}/qemu", vmid=VMID, name="movable", memory=192, ostype="l26", vga="none",
            serial0="socket", scsihw="virtio-scsi-pci", ide2="media:iso/movable.iso,media=cdrom", boot="order=ide2",
            net0="virtio,bridge=vmbr0",
        ),
        SLOW_S,
    )  # fmt: skip
    mover.do("status/start")
    with mover.line() as line:
        memory, ticked = line.ask("mem"), int(line.ask("tick"))
        for target in (2, 1):
            mover.move(target)
            assert line.ask("mem") == memory
            assert int(line.ask("tick")) > ticked
            ticked = int(line.ask("tick"))
        mover.check_home(running=True, volume=False)


def test_a_local_disk_goes_along(mover: Mover) -> None:
    mover.do("config", scsi0=f"{POOL}:{DISK}")
    with mover.line() as line:
        assert line.ask("write") == "written"
        before = {what: line.ask(what) for what in ("mem", "disk")}
        mover.move(2, **{"with-local-disks": 1})
        assert {what: line.ask(what) for what in before} == before
        mover.check_home(running=True, volume=True)


def test_a_host_that_loses_its_power_on_the_way_loses_neither_machine_nor_disk(mover: Mover) -> None:
    with mover.line() as line:
        disk = line.ask("disk")
    api, upid = mover.begin(1, **{"with-local-disks": 1, "bwlimit": SLOW_KIB})
    eventually(lambda: any("transferred" in text for text in api.task_log(upid)), SLOW_S, "memory is moving")
    mover.rack.hosts.pop(mover.home).vm.kill()
    eventually(lambda: (mover.running_on(), mover.with_volume()) == ([], []), 300, "the target has nothing of it")
    mover.rack.start(mover.home, cpu=CPU)
    mover.rack.wait_until_whole()
    mover.check_home(running=False, volume=True)
    mover.do("status/start")
    with mover.line() as line:
        assert line.ask("disk") == disk
    mover.check_home(running=True, volume=True)


def test_all_machines_leave_a_host(mover: Mover) -> None:
    """The one that runs, and one with a snapshot in its disk's file."""
    api, source = mover.api, f"/nodes/{racks.name(mover.home)}"
    api.wait(api.post(f"{source}/qemu", vmid=STILL, memory=32, scsi0="local:0.01,format=qcow2", name="still"), SLOW_S)
    api.wait(api.post(f"{source}/qemu/{STILL}/snapshot", snapname="then"), SLOW_S)
    with mover.line() as line:
        before = {what: line.ask(what) for what in ("mem", "disk")}
        api.wait(api.post(f"{source}/migrateall", target=racks.name(3), **{"with-local-disks": 1}), SLOW_S)
        mover.home = 3
        assert {what: line.ask(what) for what in before} == before
    mover.check_home(running=True, volume=True)
    assert api.get(f"{source}/qemu") == []
    target = f"/nodes/{racks.name(3)}/qemu/{STILL}"
    assert {row["name"] for row in mover.api.get(f"{target}/snapshot")} == {"then", "current"}
    assert "then" in mover.host.ssh(f"qemu-img snapshot -l /var/lib/vz/images/{STILL}/*.qcow2")
    mover.api.wait(mover.api.post(f"{target}/snapshot/then/rollback"), SLOW_S)
