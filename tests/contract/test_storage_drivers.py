"""Every storage driver passes the same suite, on real folders, volume groups and pools where the kernel has them.

``REQUIRE=lvm,zfs`` turns the skips into failures.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from hostd.core.errors import Conflict, HostError, NotFound, ParseError
from hostd.core.run import run
from hostd.storage.catalog import Catalog
from hostd.storage.config import parse_storage_cfg
from hostd.storage.copying import copy
from hostd.storage.drivers import DRIVERS
from hostd.storage.interface import (
    Driver,
    Feature,
    Files,
    Snapshots,
    State,
    Streams,
    Templates,
    VolumeSpec,
    has_feature,
)
from hostd.storage.volume import VolumeId
from tests.lib.required import missing

MIB = 1024**2
NAME = "hfcontract"


def section(driver: Driver) -> str:
    """The storage as storage.cfg has it."""
    storage = driver.storage
    lines = "".join(f"\t{key} {value}\n" for key, value in storage.options.items())
    return f"{storage.type}: {storage.id}\n{lines}"


def locking() -> Callable[[str, float], AbstractContextManager[object]]:
    """A lock between the threads of this test, as node_lock is one between processes."""
    lock = threading.Lock()
    return lambda name, timeout_s: lock


def loop_device(folder: Path, stack: ExitStack) -> str:
    image = folder / "disk.img"
    with open(image, "wb") as file:
        file.truncate(1024 * MIB)
    device = run(["losetup", "--find", "--show", str(image)]).stdout.strip()
    stack.callback(run, ["losetup", "-d", device], check=False)
    return device


def make(type: str, folder: Path, stack: ExitStack) -> str:
    """Prepare a real place and return its section of storage.cfg."""
    if type == "dir":
        if not shutil.which("qemu-img"):
            missing("dir", "qemu-img is not installed")
        return f"dir: {NAME}\n\tpath {folder}/store\n\tcontent images,iso,vztmpl\n"
    if os.geteuid() != 0:
        missing(type, "only root can make block devices")
    if type == "btrfs":
        if "btrfs" not in Path("/proc/filesystems").read_text() or not shutil.which("mkfs.btrfs"):
            missing("btrfs", "no btrfs in this kernel, or btrfs-progs is not installed")
        device, point = loop_device(folder, stack), folder / "btrfs"
        run(["mkfs.btrfs", "-q", device])
        point.mkdir()
        run(["mount", "-t", "btrfs", device, str(point)])
        stack.callback(run, ["umount", str(point)], check=False)
        return f"btrfs: {NAME}\n\tpath {point}/store\n\tcontent images,iso,vztmpl,rootdir\n"
    if type == "nfs":
        if "nfs" not in Path("/proc/filesystems").read_text().split() or "CONTRACT_NFS" not in os.environ:
            missing("nfs", "no NFS client in this kernel, or CONTRACT_NFS=server:/export is not given")
        server, _, export = os.environ["CONTRACT_NFS"].partition(":")
        stack.callback(run, ["umount", "-f", f"{folder}/nfs"], check=False)
        stack.callback(shutil.rmtree, f"{folder}/nfs/images", ignore_errors=True)  # every test has the same export
        return f"nfs: {NAME}\n\tpath {folder}/nfs\n\tserver {server}\n\texport {export}\n\tcontent images,iso\n"
    if type in ("lvm", "lvmthin"):
        if "device-mapper" not in Path("/proc/misc").read_text() or not shutil.which("vgcreate"):
            missing("lvm", "no device-mapper in this kernel, or lvm2 is not installed")
        run(["vgcreate", NAME, loop_device(folder, stack)])
        stack.callback(run, ["vgremove", "-f", NAME], check=False)
        if type == "lvm":
            return f"lvm: {NAME}\n\tvgname {NAME}\n\tcontent images,rootdir\n"
        run(["lvcreate", "-l", "80%FREE", "--thinpool", "data", NAME])
        return f"lvmthin: {NAME}\n\tvgname {NAME}\n\tthinpool data\n"
    if not os.path.isdir("/sys/module/zfs") or not shutil.which("zpool"):
        missing("zfs", "no ZFS module in this kernel")
    run(["zpool", "create", "-m", f"{folder}/mnt", NAME, loop_device(folder, stack)])
    stack.callback(run, ["zpool", "destroy", "-f", NAME], check=False)
    return f"zfspool: {NAME}\n\tpool {NAME}\n\tmountpoint {folder}/mnt\n\tsparse 1\n"


@pytest.fixture(params=sorted(DRIVERS))
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    with ExitStack() as stack:
        section = make(request.param, tmp_path, stack)
        storage = parse_storage_cfg(section.encode()).get(NAME)
        made = DRIVERS[request.param](storage, run)
        made.activate()
        yield made


def test_activation_twice_does_nothing(driver: Driver) -> None:
    driver.activate()
    assert driver.volumes({"images", "rootdir"}) == []


def test_usage_adds_up(driver: Driver) -> None:
    usage = driver.usage()
    assert usage.total_bytes > 100 * MIB
    assert usage.used_bytes + usage.available_bytes <= usage.total_bytes * 1.01


def test_volumes_come_and_go(driver: Driver) -> None:
    first = driver.create(VolumeSpec(vmid=100, size_bytes=8 * MIB))
    second = driver.create(VolumeSpec(vmid=100, size_bytes=8 * MIB))
    other = driver.create(VolumeSpec(vmid=101, size_bytes=8 * MIB))
    assert len({first, second, other}) == 3
    assert {v.name for v in driver.volumes({"images"})} == {first, second, other}
    assert {v.name for v in driver.volumes({"images"}, 101)} == {other}
    volume = driver.volume(first)
    assert (volume.vmid, volume.format) == (100, "raw")
    assert volume.size_bytes >= 8 * MIB
    driver.delete(first)
    assert {v.name for v in driver.volumes({"images"})} == {second, other}
    with pytest.raises(NotFound):
        driver.volume(first)
    with pytest.raises(NotFound):
        driver.delete(first)
    assert driver.create(VolumeSpec(vmid=100, size_bytes=8 * MIB)) == first  # the lowest free name again


def test_a_volume_holds_what_is_written(driver: Driver) -> None:
    name = driver.create(VolumeSpec(vmid=100, size_bytes=8 * MIB))
    driver.activate_volume(name)
    with open(driver.path(name), "r+b") as volume:
        volume.seek(8 * MIB - 5)
        volume.write(b"at the end"[:5])
        volume.flush()
        os.fsync(volume.fileno())
        volume.seek(8 * MIB - 5)
        assert volume.read(5) == b"at th"
    driver.deactivate_volume(name)
    driver.activate_volume(name)
    with open(driver.path(name), "rb") as volume:
        volume.seek(8 * MIB - 5)
        assert volume.read(5) == b"at th"


def test_a_new_volume_is_empty(driver: Driver) -> None:
    name = driver.create(VolumeSpec(vmid=100, size_bytes=4 * MIB))
    driver.activate_volume(name)
    with open(driver.path(name), "rb") as volume:
        assert not any(volume.read(4 * MIB))


def test_wished_names(driver: Driver) -> None:
    name = driver.create(VolumeSpec(vmid=100, size_bytes=4 * MIB, name="vm-100-cloudinit"))
    assert "vm-100-cloudinit" in name
    with pytest.raises(Conflict):
        driver.create(VolumeSpec(vmid=100, size_bytes=4 * MIB, name="vm-100-cloudinit"))
    with pytest.raises(ParseError):
        driver.create(VolumeSpec(vmid=100, size_bytes=4 * MIB, name="vm-101-cloudinit"))


def test_container_roots(driver: Driver) -> None:
    if driver.info.container_format != "subvol":
        pytest.skip("container roots are file systems on raw volumes here")
    name = driver.create(VolumeSpec(vmid=103, size_bytes=64 * MIB, format="subvol"))
    driver.activate_volume(name)
    path = Path(driver.path(name))
    (path / "etc").mkdir()
    assert driver.volume(name).format == "subvol"
    driver.delete(name)
    assert not path.exists()


def test_what_is_not_there(driver: Driver) -> None:
    name = driver.create(VolumeSpec(vmid=100, size_bytes=4 * MIB))
    driver.delete(name)
    for act in (driver.volume, driver.delete):
        with pytest.raises(NotFound):
            act(name)
    for bad in ("../x", "/etc/passwd", "iso/../../x", "-f"):
        for check in (driver.path, driver.volume, driver.delete):
            with pytest.raises(ParseError):
                check(bad)


def test_formats(driver: Driver) -> None:
    if "qcow2" not in driver.info.formats:
        pytest.skip("no qcow2 here")
    name = driver.create(VolumeSpec(vmid=100, size_bytes=64 * MIB, format="qcow2"))
    volume = driver.volume(name)
    assert (volume.format, volume.size_bytes) == ("qcow2", 64 * MIB)
    assert volume.used_bytes < 8 * MIB


def test_files(driver: Driver) -> None:
    if not isinstance(driver, Files):
        pytest.skip("this storage takes no files")
    path = driver.file_path("iso", "x.iso")
    Path(path).write_bytes(b"image")
    with pytest.raises(ParseError):
        driver.file_path("iso", "../x.iso")
    with pytest.raises(ParseError):
        driver.file_path("iso", "x.txt")
    every = cast(Driver, driver)
    assert [(v.name, v.content, v.size_bytes) for v in every.volumes({"iso"})] == [("iso/x.iso", "iso", 5)]
    every.delete("iso/x.iso")
    assert every.volumes({"iso"}) == []


def write(driver: Driver, name: str, text: bytes) -> None:
    """At the beginning of the guest's disk, or into a file of the container's root."""
    driver.activate_volume(name)
    path = driver.path(name)
    if os.path.isdir(path):
        Path(path, "text").write_bytes(text)
    elif name.endswith((".qcow2", ".vmdk")):
        run(["qemu-io", "-f", name.rpartition(".")[2], "-c", f"write -P {text[0]} 0 {len(text)}", path])
    else:
        with open(path, "r+b") as volume:
            volume.write(text)
            volume.flush()
            os.fsync(volume.fileno())


def holds(driver: Driver, name: str, text: bytes, path: str = "") -> bool:
    driver.activate_volume(name)
    path = path or driver.path(name)
    if os.path.isdir(path):
        return Path(path, "text").read_bytes() == text
    if name.endswith((".qcow2", ".vmdk")):
        pattern = ["qemu-io", "-r", "-f", name.rpartition(".")[2], "-c", f"read -P {text[0]} 0 {len(text)}", path]
        return "verification failed" not in run(pattern).stdout
    with open(path, "rb") as volume:
        return volume.read(len(text)) == text


def of_format(driver: Driver, format: str, size_bytes: int = 8 * MIB, vmid: int = 100) -> str:
    """A volume; a folder whose size cannot be limited is made without one."""
    unlimited = format == "subvol" and driver.info.container_format != "subvol"
    return driver.create(VolumeSpec(vmid=vmid, size_bytes=0 if unlimited else size_bytes, format=format))


def formats(driver: Driver, feature: Feature, state: State = State.CURRENT) -> list[str]:
    found = sorted(driver.info.features.get(feature, {}).get(state, frozenset()))
    if not found:
        pytest.skip(f"no {feature} of a {state} volume here")
    return found


def test_volumes_grow(driver: Driver) -> None:
    for format in formats(driver, Feature.RESIZE):
        name = of_format(driver, format)
        write(driver, name, b"A" * 512)
        if format == "subvol" and driver.info.container_format != "subvol":
            continue
        driver.resize(name, 16 * MIB)
        assert 16 * MIB <= driver.volume(name).size_bytes < 24 * MIB
        driver.resize(name, 16 * MIB)
        assert holds(driver, name, b"A" * 512)


def test_states_are_kept_and_come_back(driver: Driver) -> None:
    for format in formats(driver, Feature.SNAPSHOT):
        assert isinstance(driver, Snapshots)
        every = cast(Driver, driver)
        name = of_format(every, format)
        write(every, name, b"A" * 512)
        driver.snapshot(name, "first")
        write(every, name, b"B" * 512)
        assert driver.snapshots(name) == ["first"]
        assert driver.blocking(name, "first") == []
        if format != "qcow2":
            driver.activate_snapshot(name, "first")
            assert holds(every, name, b"A" * 512, driver.snapshot_path(name, "first"))
            driver.deactivate_snapshot(name, "first")
        driver.rollback(name, "first")
        assert holds(every, name, b"A" * 512)
        driver.rollback(name, "first")
        assert [v.name for v in every.volumes({"images"}) if v.name == name] == [name]
        driver.delete_snapshot(name, "first")
        driver.delete_snapshot(name, "first")
        assert driver.snapshots(name) == []
        with pytest.raises(ParseError):
            driver.snapshot(name, "-rf")
        driver.snapshot(name, "second")
        every.delete(name)
        assert every.volumes({"images"}) == []


def test_volumes_travel_with_their_states(driver: Driver, tmp_path: Path) -> None:
    """As another volume of the same storage: what a move does between two nodes."""
    if not driver.info.streams:
        pytest.skip("no volume travels with its states here")
    assert isinstance(driver, Snapshots)
    assert isinstance(driver, Streams)
    every = cast(Driver, driver)
    for format in sorted(driver.info.streams):
        name, target = of_format(every, format), of_format(every, format)
        for number, text in enumerate((b"A", b"B", b"C")):
            write(every, name, text * 512)
            driver.snapshot(name, f"state-{number}")
        driver.rollback(name, "state-2")
        write(every, name, b"D" * 512)
        with open(tmp_path / "stream", "wb") as stream:
            driver.send(name, stream.fileno())
        assert driver.snapshots(name) == ["state-0", "state-1", "state-2"], "nothing is left of it"
        with open(tmp_path / "stream", "rb") as stream:
            driver.receive(target, stream.fileno())
        every.delete(name)
        assert [v.name for v in every.volumes({"images"})] == [target]
        assert holds(every, target, b"D" * 512)
        assert sorted(driver.snapshots(target)) == ["state-0", "state-1", "state-2"]
        for number, text in ((2, b"C"), (1, b"B"), (0, b"A")):
            driver.rollback(target, f"state-{number}")
            assert holds(every, target, text * 512)
            driver.delete_snapshot(target, f"state-{number}")
        write(every, target, b"E" * 512)
        every.delete(target)
        assert every.volumes({"images"}) == []


def test_a_stream_that_is_cut_off(driver: Driver, tmp_path: Path) -> None:
    """It is an error, or found by its length; what is half there goes with the volume."""
    if not driver.info.streams:
        pytest.skip("no volume travels with its states here")
    assert isinstance(driver, Snapshots)
    assert isinstance(driver, Streams)
    every, whole = cast(Driver, driver), tmp_path / "stream"
    for format in sorted(driver.info.streams):
        name, target = of_format(every, format), of_format(every, format)
        write(every, name, b"A" * 512)
        driver.snapshot(name, "one")
        with open(whole, "wb") as stream:
            driver.send(name, stream.fileno())
        os.truncate(whole, os.path.getsize(whole) // 3)
        with open(whole, "rb") as stream, pytest.raises(HostError):
            driver.receive(target, stream.fileno())
        with suppress(NotFound):  # nothing may be there at all
            every.delete(target)
        every.delete(name)
        assert every.volumes({"images"}) == []


def test_linked_clones(driver: Driver) -> None:
    for format in formats(driver, Feature.TEMPLATE):
        assert isinstance(driver, Templates)
        every = cast(Driver, driver)
        name = of_format(every, format)
        write(every, name, b"A" * 512)
        assert not has_feature(every, name, Feature.CLONE) or driver.info.type == "btrfs"
        base = driver.make_base(name)
        assert every.parse(base).is_base
        assert [v.name for v in every.volumes({"images"})] == [base]
        if not has_feature(every, base, Feature.CLONE):
            every.delete(base)
            continue
        clones = [driver.clone(base, vmid) for vmid in (200, 200, 201)]
        assert len(set(clones)) == 3
        assert {v.name for v in every.volumes({"images"})} == {base, *clones}
        write(every, clones[0], b"B" * 512)
        assert holds(every, clones[1], b"A" * 512)
        assert every.volume(clones[0]).size_bytes == every.volume(base).size_bytes
        for made in (*clones, base):
            every.delete(made)


def test_volumes_change_hands(driver: Driver) -> None:
    for format in formats(driver, Feature.RENAME):
        name = of_format(driver, format)
        write(driver, name, b"A" * 512)
        driver.deactivate_volume(name)
        new = driver.rename(name, 300)
        assert driver.volume(new).vmid == 300
        assert holds(driver, new, b"A" * 512)
        with pytest.raises(NotFound):
            driver.volume(name)
        driver.delete(new)


def test_full_copies(driver: Driver, tmp_path: Path) -> None:
    """Out to a folder as qcow2 and back, and of a state."""
    other = tmp_path / "other"
    catalog = Catalog(
        f"dir: other\n\tpath {other}\n\tcontent images,rootdir\n\n{section(driver)}".encode(),
        node="n", run=run, lock=lambda name, timeout_s: nullcontext(),
    )  # fmt: skip
    for format in formats(driver, Feature.COPY):
        name = of_format(driver, format)
        write(driver, name, b"A" * 512)
        source, content = VolumeId(NAME, name), sorted(set(driver.storage.content) & {"images", "rootdir"})[0]
        out = copy(catalog, run, source, "other", 400, format="subvol" if format == "subvol" else "qcow2")
        back = copy(catalog, run, out, NAME, 401, content=content, format=format)
        assert holds(driver, back.name, b"A" * 512)
        if has_feature(driver, name, Feature.COPY, "s"):
            catalog.snapshot(source, "s")
            write(driver, name, b"B" * 512)
            assert holds(driver, copy(catalog, run, source, NAME, 402, content=content, snapshot="s").name, b"A" * 512)


def test_many_at_once(driver: Driver) -> None:
    """The storage's lock is what keeps names apart; everything else runs side by side."""
    catalog = Catalog(section(driver).encode(), node="n", run=run, lock=locking())
    with ThreadPoolExecutor(20) as pool:
        made = list(
            pool.map(lambda n: catalog.allocate(NAME, VolumeSpec(vmid=100, size_bytes=4 * MIB), "images"), range(20))
        )
        assert len(set(made)) == 20
        assert len(driver.volumes({"images"})) == 20
        list(pool.map(catalog.free, made))
    assert driver.volumes({"images"}) == []


def test_what_does_not_fit_is_refused_and_leaves_nothing(driver: Driver) -> None:
    """Of storages that promise more than they have, those that were told to take the space at once."""
    options = {"btrfs": {"preallocation": "falloc"}, "zfspool": {"sparse": "0"}, "lvm": {}}.get(driver.info.type)
    if options is None:
        pytest.skip("space is taken as it is written here")
    storage = replace(driver.storage, options={**driver.storage.options, **options})
    full = DRIVERS[driver.info.type](storage, run)
    with pytest.raises(HostError):
        full.create(VolumeSpec(vmid=100, size_bytes=8 * 1024 * MIB))
    assert full.volumes({"images"}) == []
    name = full.create(VolumeSpec(vmid=100, size_bytes=8 * MIB))
    assert name.endswith("vm-100-disk-0" if driver.info.type != "btrfs" else "vm-100-disk-0.raw")


def test_a_full_thin_pool_takes_no_more(driver: Driver) -> None:
    if driver.info.type != "lvmthin":
        pytest.skip("no thin pool")
    name = driver.create(VolumeSpec(vmid=100, size_bytes=driver.usage().total_bytes))
    driver.activate_volume(name)
    run(["dd", "if=/dev/urandom", f"of={driver.path(name)}", "bs=1M", "oflag=direct"], check=False, timeout_s=300)
    with pytest.raises(Conflict, match="is full"):
        driver.create(VolumeSpec(vmid=101, size_bytes=8 * MIB))
    assert [v.name for v in driver.volumes({"images"})] == [name]
    driver.delete(name)
    driver.delete(driver.create(VolumeSpec(vmid=101, size_bytes=8 * MIB)))
