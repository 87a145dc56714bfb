"""What the move of a machine that is off carries, by the real programs: qcow2 images with the states inside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostd.core.run import run
from hostd.guests.config import GuestKind
from hostd.guests.volumes import catalog_of
from hostd.migration import machines
from hostd.migration.incoming import Incoming
from hostd.migration.outgoing import Road
from hostd.migration.plan import Wish
from hostd.node.host import Host
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.lib import required
from tests.unit.migration.test_container_protocol import Joined, World

PROGRAMS = ("qemu-img", "qemu-nbd", "qemu-io", "tar")


class Machine(Joined):
    """The target of a machine's move, in this process."""

    def __init__(self, host: Host, log: ListLog, node: str, vmid: int, *_: object) -> None:
        super().__init__(host, log, node, vmid, kind=GuestKind.QEMU)
        with self.world.at("beta"):
            self._session = Incoming(self.world.hosts[node], ListLog(), vmid, FakeMachines())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    if why := required.lack(PROGRAMS, "chown"):
        required.missing("machines", why)
    monkeypatch.setattr(machines, "Target", Machine)
    made = World(tmp_path, monkeypatch, run)
    monkeypatch.setattr(Joined, "world", made, raising=False)
    made.store.write("storage.cfg", made.store.read("storage.cfg").data.replace(b"rootdir", b"images"))
    made.store.delete("nodes/alpha/lxc/100.conf")
    for node in ("alpha", "beta"):
        made.store.mkdir(f"nodes/{node}/qemu-server", parents=True)
    return made


def written(path: str, letter: str) -> None:
    run(["qemu-io", "-f", "qcow2", "-c", f"write -P {ord(letter)} 1M 64k", path])


def holds(path: str, letter: str) -> bool:
    out = run(["qemu-io", "-r", "-f", "qcow2", "-c", f"read -P {ord(letter)} 1M 64k", path]).stdout
    return "verification failed" not in out


def test_an_image_arrives_with_its_states_and_memory_as_it_is(world: World, tmp_path: Path) -> None:
    catalog = catalog_of(world.hosts["alpha"])
    disk = catalog.allocate("here", VolumeSpec(vmid=100, size_bytes=1 << 30, format="qcow2"), "images")
    memory = catalog.allocate("here", VolumeSpec(vmid=100, size_bytes=1 << 20, name="vm-100-state-one"), "images")
    Path(catalog.path(memory)).write_bytes(b"m" * (1 << 20))
    written(catalog.path(disk), "a")
    catalog.snapshot(disk, "one")
    written(catalog.path(disk), "b")
    text = f"scsi0: {disk},size=1G\n\n[one]\nscsi0: {disk},size=1G\nsnaptime: 1\nvmstate: {memory}\n"
    world.store.write("nodes/alpha/qemu-server/100.conf", text.encode())
    log, wish = ListLog(), Wish(target="beta", storages={"here": "there"})
    machines.move(world.hosts["alpha"], log, 100, wish, Road(addresses=[]), ["beta"], machines=FakeMachines())
    moved = world.store.read("nodes/beta/qemu-server/100.conf").data.decode()
    assert moved == text.replace("here:", "there:")
    there = catalog_of(world.hosts["beta"])
    volume = VolumeId("there", disk.name)
    assert there.snapshots(volume).snapshots(volume.name) == ["one"]
    assert holds(there.path(volume), "b")
    there.rollback(volume, "one")
    assert holds(there.path(volume), "a")
    image = Path(there.path(volume)).stat()
    assert image.st_blocks * 512 < 32 << 20, "holes stay holes"
    assert image.st_mode & 0o777 == 0o640
    assert Path(there.path(VolumeId("there", memory.name))).read_bytes() == b"m" * (1 << 20)
    assert world.on_disk("alpha") <= {"vm-100-disk-0.raw", "subvol-100-disk-1.subvol"}, "those of the world's own"
    assert any("with its snapshots" in line for line in log.lines)
