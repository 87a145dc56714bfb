"""Every storage driver passes the same suite, on real folders, volume groups and pools where the kernel has them.

``REQUIRE=lvm,zfs`` turns the skips into failures.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from hostd.core.errors import Conflict, NotFound, ParseError
from hostd.core.run import run
from hostd.storage.config import parse_storage_cfg
from hostd.storage.drivers import DRIVERS
from hostd.storage.interface import Driver, Files, VolumeSpec

MIB = 1024**2
NAME = "hfcontract"


def missing(what: str, reason: str) -> None:
    if what in os.environ.get("REQUIRE", "").split(","):
        pytest.fail(f"required but not here: {reason}")
    pytest.skip(reason)


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
