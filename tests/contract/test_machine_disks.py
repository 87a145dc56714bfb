"""Machines' disks on a real folder storage with the real qemu-img: snapshots, clones, moves; and what a kill leaves.

libvirt is a fake: what a running machine does is in test_machines.py and on the dev node.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hostd.cluster import locks
from hostd.cluster.store import MemoryStore
from hostd.core.errors import Conflict, NotFound
from hostd.core.formats.keyvalue import GuestFile
from hostd.core.run import run
from hostd.guests import config as files
from hostd.guests import notes
from hostd.guests.changes import Change
from hostd.guests.qemu import cloning, disks, importing, interrupted, making, seeds, snapshot_operations, sockets
from hostd.guests.qemu.cloning import Wanted
from hostd.guests.qemu.volumes import all_volumes, where
from hostd.node import kvm_probe
from hostd.node.host import Host
from hostd.storage.imports import read_machine
from hostd.tasks.log import ListLog
from tests.fakes.machines import FakeMachines
from tests.lib import appliance

FAKE = FakeMachines()


class Killed(BaseException):
    """What SIGKILL is to the process: nothing that comes after it has an effect."""


class Mortal:
    """Counts what a process does to the world; after ``lives`` steps it is dead, and does nothing more."""

    def __init__(self, lives: int = 10**9) -> None:
        self.lives, self.steps, self.dead = lives, 0, False

    def step(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.dead or self.steps >= self.lives:
            self.dead = True
            raise Killed
        self.steps += 1
        return act(*args, **kwargs)

    def wrap(self, act: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.step(act, *args, **kwargs)


class MortalStore:
    """The store of a process that may die; what was written stays."""

    def __init__(self, store: MemoryStore, mortal: Mortal) -> None:
        self._store = store
        self.write, self.delete = mortal.wrap(store.write), mortal.wrap(store.delete)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Place:
    """A node with two folder storages, ``one`` and ``two``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore("pve1")
        text = "".join(f"dir: {n}\n\tpath {folder}/{n}\n\tcontent images,iso,snippets\n\n" for n in ("one", "two"))
        self.store.write("storage.cfg", text.encode())
        self.host = Host(node="pve1", store=self.store, mirror=self.store.mirror(), run=run)

    def mortal(self, mortal: Mortal, monkeypatch: pytest.MonkeyPatch) -> Host:
        for module, name in ((os, "unlink"), (os, "rename"), (os, "rmdir"), (shutil, "rmtree")):
            monkeypatch.setattr(module, name, mortal.wrap(getattr(module, name)))
        store: Any = MortalStore(self.store, mortal)
        return Host(node="pve1", store=store, mirror=self.host.mirror, run=mortal.wrap(run))

    def make(self, vmid: int = 100, **values: str) -> GuestFile:
        making.create(self.host, ListLog(), vmid, {"memory": "64", **values}, machines=FAKE)
        return self.file(vmid)

    def file(self, vmid: int = 100) -> GuestFile:
        return files.load(self.store, where(self.host, vmid)).file

    def guests(self) -> list[int]:
        return [int(name.removesuffix(".conf")) for name in self.store.list("nodes/pve1/qemu-server")]

    def images(self) -> set[str]:
        """Names of all image files, without their folders."""
        return {path.name for path in self.folder.rglob("images/*/*") if path.is_file()}

    def require_whole(self) -> None:
        """No lock, no volume that no file names, no disk that is not there."""
        named = set()
        for vmid in self.guests():
            file = self.file(vmid)
            assert "lock" not in file.current, (vmid, file.current)
            volumes = all_volumes(file, vmid)
            named |= {name.rpartition("/")[2] for name in volumes}
        assert self.images() == named


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "locks"))
    monkeypatch.setattr(sockets, "FOLDER", str(tmp_path / "run"))
    monkeypatch.setattr(notes, "FOLDER", str(tmp_path / "notes"))
    monkeypatch.setattr(kvm_probe, "CACHE", str(tmp_path / "kvm.json"))
    FAKE.states.clear()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "node")


def put(path: str, data: bytes, format: str = "qcow2") -> None:
    """Write at the beginning of an image, as a guest would."""
    script = f"write -P {data[0]} 0 {len(data)}"
    subprocess.run(["qemu-io", "-f", format, "-c", script, path], check=True, capture_output=True)


def holds(path: str, data: bytes, format: str = "qcow2") -> bool:
    script = f"read -P {data[0]} 0 {len(data)}"
    done = subprocess.run(["qemu-io", "-f", format, "-c", script, path], capture_output=True, text=True, check=False)
    return "verification failed" not in done.stdout and done.returncode == 0


def path_of(place: Place, vmid: int, name: str, storage: str = "one") -> str:
    return f"{place.folder}/{storage}/images/{vmid}/{name}"


def test_a_rollback_brings_the_contents_back(place: Place) -> None:
    place.make(scsi0="one:0.01,format=qcow2")
    path = path_of(place, 100, "vm-100-disk-0.qcow2")
    put(path, b"\x11" * 512)
    snapshot_operations.take(place.host, ListLog(), 100, "first", comment="before", machines=FAKE)
    put(path, b"\x22" * 512)
    making.change(place.host, ListLog(), 100, Change(values={"memory": "128"}), running=False)
    snapshot_operations.go_back(place.host, ListLog(), 100, "first", machines=FAKE)
    assert holds(path, b"\x11" * 512)
    assert place.file().current["memory"] == "64"
    snapshot_operations.remove(place.host, ListLog(), 100, "first", machines=FAKE)
    assert place.file().snapshots == {}
    place.require_whole()


def test_raw_images_keep_no_states(place: Place) -> None:
    before = place.make(scsi0="one:0.01")
    with pytest.raises(Conflict, match="scsi0"):
        snapshot_operations.take(place.host, ListLog(), 100, "first", machines=FAKE)
    assert place.file() == before


def test_linked_clones_share_and_differ(place: Place) -> None:
    place.make(scsi0="one:0.01,format=qcow2", net0="virtio,bridge=b", name="base")
    put(path_of(place, 100, "vm-100-disk-0.qcow2"), b"\x33" * 512)
    cloning.make_template(place.host, ListLog(), 100, machines=FAKE)
    assert place.file().current["scsi0"] == "one:100/base-100-disk-0.qcow2,size=10485K"
    cloning.clone(place.host, ListLog(), 100, Wanted(vmid=101, full=False, name="child"), machines=FAKE)
    child = place.file(101)
    assert child.current["scsi0"].startswith("one:100/base-100-disk-0.qcow2/101/vm-101-disk-0.qcow2,")
    assert child.current["net0"] != place.file().current["net0"]
    assert "template" not in child.current
    path = path_of(place, 101, "vm-101-disk-0.qcow2")
    assert holds(path, b"\x33" * 512)
    with pytest.raises(Conflict, match="linked clones"):
        making.destroy(place.host, ListLog(), 100, machines=FAKE)
    cloning.clone(place.host, ListLog(), 101, Wanted(vmid=102, storage="two", format="raw"), machines=FAKE)
    making.destroy(place.host, ListLog(), 101, machines=FAKE)
    making.destroy(place.host, ListLog(), 100, machines=FAKE)
    assert holds(path_of(place, 102, "vm-102-disk-0.raw", "two"), b"\x33" * 512, "raw")
    place.require_whole()


def test_a_copy_for_another_node_is_that_nodes(place: Place) -> None:
    place.store.mkdir("nodes/pve2/qemu-server", parents=True)
    place.make(scsi0="one:0.01,format=qcow2", name="base")
    cloning.clone(place.host, ListLog(), 100, Wanted(vmid=101, name="child", target="pve2"), machines=FAKE)
    given = place.store.read("nodes/pve2/qemu-server/101.conf").data.decode()
    assert "name: child\n" in given
    assert "scsi0: one:101/vm-101-disk-0.qcow2," in given
    assert "lock" not in given
    with pytest.raises(NotFound):
        place.file(101)
    assert os.path.exists(path_of(place, 101, "vm-101-disk-0.qcow2"))


def test_thirty_linked_clones_at_once(place: Place) -> None:
    place.make(scsi0="one:0.01,format=qcow2")
    cloning.make_template(place.host, ListLog(), 100, machines=FAKE)

    def one(vmid: int) -> None:
        cloning.clone(place.host, ListLog(), 100, Wanted(vmid=vmid, full=False), machines=FAKE)

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(one, range(101, 131)))
    disks_of = {place.file(vmid).current["scsi0"] for vmid in range(101, 131)}
    assert len(disks_of) == 30
    place.require_whole()


def test_a_copy_of_a_snapshot_is_of_then(place: Place) -> None:
    place.make(scsi0="one:0.01,format=qcow2")
    path = path_of(place, 100, "vm-100-disk-0.qcow2")
    put(path, b"\x44" * 512)
    snapshot_operations.take(place.host, ListLog(), 100, "then", machines=FAKE)
    put(path, b"\x55" * 512)
    cloning.clone(place.host, ListLog(), 100, Wanted(vmid=101, snapshot="then"), machines=FAKE)
    assert holds(path_of(place, 101, "vm-101-disk-0.qcow2"), b"\x44" * 512)
    assert not place.file(101).snapshots


def test_a_disk_grows_and_moves(place: Place) -> None:
    place.make(scsi0="one:0.01,format=qcow2,discard=on")
    disks.resize(place.host, ListLog(), 100, "scsi0", "+10M", machines=FAKE)
    assert place.file().current["scsi0"].endswith("size=20728K")
    with pytest.raises(Conflict, match="shrinking"):
        disks.resize(place.host, ListLog(), 100, "scsi0", "1M", machines=FAKE)
    put(path_of(place, 100, "vm-100-disk-0.qcow2"), b"\x66" * 512)
    disks.move(place.host, ListLog(), 100, "scsi0", "two", format="raw", machines=FAKE)
    current = place.file().current
    assert current["scsi0"] == "two:100/vm-100-disk-0.raw,discard=on,size=20728K"
    assert current["unused0"] == "one:100/vm-100-disk-0.qcow2"
    assert holds(path_of(place, 100, "vm-100-disk-0.raw", "two"), b"\x66" * 512, "raw")
    disks.move(place.host, ListLog(), 100, "scsi0", "one", format="qcow2", delete=True, machines=FAKE)
    assert "two" not in str(place.file().current)
    place.require_whole()


def test_a_disk_is_given_away(place: Place) -> None:
    place.make(100, scsi0="one:0.01,format=qcow2")
    place.make(101)
    disks.reassign(place.host, ListLog(), 100, "scsi0", 101, "virtio3", machines=FAKE)
    assert "scsi0" not in place.file(100).current
    assert place.file(101).current["virtio3"].startswith("one:101/vm-101-disk-0.qcow2,")
    place.require_whole()


def test_a_seed_is_written_and_follows_changes(place: Place) -> None:
    place.make(ide2="one:cloudinit", ciuser="ann", name="it")
    file = place.file()
    assert file.current["ide2"] == "one:100/vm-100-cloudinit.raw,media=cdrom"
    image = path_of(place, 100, "vm-100-cloudinit.raw")
    listing = ["xorriso", "-indev", image, "-osirrox", "on", "-find", "/", "-type", "f"]
    told = subprocess.run(listing, capture_output=True, text=True, check=True)
    assert {"'/meta-data'", "'/network-config'", "'/user-data'"} == set(told.stdout.split())
    assert not seeds.changed(file)
    making.change(place.host, ListLog(), 100, Change(values={"ciuser": "bob"}), running=False)
    assert seeds.changed(place.file())
    making.write_seed(place.host, ListLog(), 100)
    assert not seeds.changed(place.file())
    assert b"user: bob" in Path(image).read_bytes()


def test_an_image_that_names_other_files_is_not_imported(place: Place, tmp_path: Path) -> None:
    secret, bad = tmp_path / "secret.raw", tmp_path / "bad.qcow2"
    secret.write_bytes(b"s" * 65536)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(secret), "-F", "raw", str(bad)], check=True)
    with pytest.raises(Exception, match="stands on another file"):
        place.make(scsi0=f"one:0,import-from={bad}")
    text = tmp_path / "bad.vmdk"
    text.write_text(f'# Disk DescriptorFile\nRW 128 FLAT "{secret}" 0\n')
    with pytest.raises(Exception, match="no VMDK in one file"):
        place.make(scsi0=f"one:0,import-from={text}")
    assert place.images() == set()
    place.make(scsi0=f"one:0,import-from={secret},format=qcow2")
    assert holds(path_of(place, 100, "vm-100-disk-0.qcow2"), b"s" * 512)


@pytest.mark.parametrize("working", ["", "two"])
def test_a_machine_comes_out_of_an_archive(place: Place, tmp_path: Path, working: str) -> None:
    config = place.store.read("storage.cfg").data.decode().replace("content images", "content import,images", 1)
    place.store.write("storage.cfg", config.encode())
    data = os.urandom(1 << 20) + bytes(2 << 20) + os.urandom(1 << 20)
    (place.folder / "one/import").mkdir(parents=True)
    archive = appliance.build(place.folder / "one/import", data)
    (disk,) = read_machine(str(archive)).disks
    assert (disk.address, disk.file, disk.size_bytes) == ("sata0", appliance.DISK, len(data))
    values = {"memory": "128", "sata0": f"two:0,import-from=one:import/{archive.name}/{disk.file}"}
    making.create(place.host, ListLog(), 100, values, working=working, machines=FAKE)
    assert Path(path_of(place, 100, "vm-100-disk-0.raw", "two")).read_bytes() == data
    assert "import-from" not in place.file().current["sata0"]
    assert [path.name for path in (place.folder / "one/import").iterdir()] == [archive.name], "nothing beside it"
    assert {path.name for path in place.folder.rglob("images/*") if path.name != "100"} == set()
    with pytest.raises(NotFound, match="holds no file"):
        place.make(101, sata0=f"two:0,import-from=one:import/{archive.name}/other.vmdk")
    place.require_whole()


def test_an_image_becomes_an_unused_disk(place: Place, tmp_path: Path) -> None:
    source = tmp_path / "given.img"
    source.write_bytes(b"i" * 65536)
    place.make(scsi0="one:0.01")
    log = ListLog()
    key = importing.bring_in(place.host, log, 100, str(source), "two", format="qcow2", machines=FAKE)
    assert (key, place.file().current["unused0"]) == ("unused0", "two:100/vm-100-disk-0.qcow2")
    assert holds(path_of(place, 100, "vm-100-disk-0.qcow2", "two"), b"i" * 512)
    with pytest.raises(NotFound, match="no file"):
        importing.bring_in(place.host, log, 100, str(tmp_path / "none.img"), "two", machines=FAKE)
    place.require_whole()


def test_lost_volumes_are_found(place: Place) -> None:
    place.make(scsi0="one:0.01,format=qcow2")
    Path(path_of(place, 100, "vm-100-disk-7.raw")).write_bytes(bytes(1024))
    disks.rescan(place.host, ListLog(), 100, dry_run=True, machines=FAKE)
    assert "unused0" not in place.file().current
    disks.rescan(place.host, ListLog(), 100, machines=FAKE)
    assert place.file().current["unused0"] == "one:100/vm-100-disk-7.raw"


# --- killed at each step


def make_new(host: Host) -> None:
    values = {"memory": "64", "scsi0": "one:0.01,format=qcow2", "scsi1": "two:0.01", "ide2": "one:cloudinit"}
    making.create(host, ListLog(), 101, values, machines=FAKE)


OPERATIONS: dict[str, Callable[[Host], None]] = {
    "create": make_new,
    "import": lambda h: importing.bring_in(h, ListLog(), 100, "one:200/base-200-disk-0.qcow2", "two", machines=FAKE),
    "add": lambda h: making.change(h, ListLog(), 100, Change(values={"scsi5": "two:0.01"}), running=False),
    "remove": lambda h: making.change(h, ListLog(), 100, Change(delete={"scsi1": True}), running=False),
    "full clone": lambda h: cloning.clone(h, ListLog(), 100, Wanted(vmid=101), machines=FAKE),
    "linked clone": lambda h: cloning.clone(h, ListLog(), 200, Wanted(vmid=101, full=False), machines=FAKE),
    "template": lambda h: cloning.make_template(h, ListLog(), 100, machines=FAKE),
    "snapshot": lambda h: snapshot_operations.take(h, ListLog(), 100, "new", machines=FAKE),
    "delete snapshot": lambda h: snapshot_operations.remove(h, ListLog(), 300, "old", machines=FAKE),
    "rollback": lambda h: snapshot_operations.go_back(h, ListLog(), 300, "old", machines=FAKE),
    "resize": lambda h: disks.resize(h, ListLog(), 100, "scsi0", "+1M", machines=FAKE),
    "move": lambda h: disks.move(h, ListLog(), 100, "scsi0", "two", machines=FAKE),
    "move and delete": lambda h: disks.move(h, ListLog(), 100, "scsi0", "two", delete=True, machines=FAKE),
    "reassign": lambda h: disks.reassign(h, ListLog(), 100, "scsi1", 300, "scsi4", machines=FAKE),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_each_step(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens the guest next ends what was begun: no lock stays, no volume is nameless, no disk is missing."""
    first = Place(tmp_path / "first")
    first.make(100, scsi0="one:0.01,format=qcow2", scsi1="one:0.01,format=qcow2")
    first.make(200, scsi0="one:0.01,format=qcow2")
    cloning.make_template(first.host, ListLog(), 200, machines=FAKE)
    first.make(300, scsi0="one:0.01,format=qcow2", scsi1="one:0.01,format=qcow2")
    snapshot_operations.take(first.host, ListLog(), 300, "old", machines=FAKE)
    lives = 0
    while True:
        here = tmp_path / f"life-{lives}"
        shutil.copytree(first.folder, here)
        place = Place(here)
        for vmid in first.guests():
            path = f"nodes/pve1/qemu-server/{vmid}.conf"
            place.store.write(path, first.store.read(path).data)
        mortal = Mortal(lives)
        with monkeypatch.context() as patches:
            host = place.mortal(mortal, patches)
            try:
                OPERATIONS[name](host)
            except Killed:
                pass
        for vmid in place.guests():
            with files.lock(vmid):
                interrupted.opened(place.host, ListLog(), vmid, machines=FAKE)
            require_disks(place, vmid)
        if "delete" in name or "remove" in name:  # a disk that nobody needs any more may be left as an unused one
            for vmid in place.guests():
                disks.rescan(place.host, ListLog(), vmid, machines=FAKE)
        place.require_whole()
        shutil.rmtree(here)
        if not mortal.dead:
            break
        lives += 1
    assert lives > 1


def require_disks(place: Place, vmid: int) -> None:
    current = place.file(vmid).current
    for key in ("scsi0", "scsi1"):
        if key in current:
            name = current[key].partition(",")[0]
            storage, _, rest = name.partition(":")
            folder, image = rest.split("/")[-2:]
            assert Path(path_of(place, int(folder), image, storage)).exists(), (vmid, key, current[key])


def test_a_clone_of_a_machine_that_is_not_there(place: Place) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        cloning.clone(place.host, ListLog(), 100, Wanted(vmid=101), machines=FAKE)
