"""Argument lists and parsers of the drivers, and what they do with them; no program is started."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hostd.core.errors import CommandFailed, Conflict, NotFound, ParseError, Unavailable, Unsupported
from hostd.core.run import Arg, Result
from hostd.storage.config import parse_storage_cfg
from hostd.storage.drivers import lvm, lvmthin, qcow2, zfspool
from hostd.storage.drivers.btrfs import Btrfs
from hostd.storage.drivers.dir import Dir, make_folders
from hostd.storage.drivers.image_files import create_argv, resize_argv
from hostd.storage.drivers.lvm import Lvm
from hostd.storage.drivers.lvmthin import LvmThin
from hostd.storage.drivers.zfspool import ZfsPool
from hostd.storage.interface import StorageConfig, Usage, VolumeSpec
from hostd.storage.listing import content_path
from tests.conftest import GOLDEN
from tests.fakes.run import FakeRun

GIB = 1024**3
LVS = (GOLDEN / "lvs.json").read_text()
ZFS = (GOLDEN / "zfs-list.txt").read_text()


def storage(text: str) -> StorageConfig:
    return next(iter(parse_storage_cfg(text.encode()).storages.values()))


def thin(run: FakeRun) -> LvmThin:
    return LvmThin(storage("lvmthin: local-lvm\n\tvgname pve\n\tthinpool data\n"), run)


def zfs(run: FakeRun, more: str = "") -> ZfsPool:
    return ZfsPool(storage(f"zfspool: local-zfs\n\tpool rpool/data\n{more}"), run)


def test_thin_volumes_are_listed_with_what_they_use() -> None:
    volumes = thin(FakeRun({"lvs": LVS})).volumes({"images"})
    assert [(v.name, v.size_bytes, v.used_bytes, v.parent) for v in volumes] == [
        ("base-101-disk-0", 4 * GIB, 2 * GIB, ""),
        ("vm-100-disk-0", 8 * GIB, 2 * GIB, ""),
        ("vm-102-disk-0", 4 * GIB, 2 * GIB, "base-101-disk-0"),
    ]
    assert thin(FakeRun({"lvs": LVS})).volumes({"iso"}) == []
    assert [v.name for v in thin(FakeRun({"lvs": LVS})).volumes({"rootdir"}, 100)] == ["vm-100-disk-0"]


def test_a_thin_pool_is_as_full_as_its_fuller_half() -> None:
    usage = thin(FakeRun({"lvs": LVS})).usage()
    assert usage == Usage(total_bytes=100 * GIB, used_bytes=20 * GIB, available_bytes=80 * GIB)


def test_thin_volumes_are_made_under_the_next_free_name() -> None:
    run = FakeRun({"lvs": LVS})
    assert thin(run).create(VolumeSpec(vmid=100, size_bytes=540672)) == "vm-100-disk-1"
    create, inactive = run.calls[-2:]
    assert create == lvmthin.create_thin_argv("pve", "data", "vm-100-disk-1", 540672)
    assert create[-2:] == ["--thinpool", "pve/data"]
    assert inactive == ["lvchange", "--setautoactivation", "n", "pve/vm-100-disk-1"]


def test_thin_volume_is_removed_again_when_it_cannot_be_kept_inactive() -> None:
    run = FakeRun({"lvs": LVS, "lvchange": CommandFailed(["lvchange"], 5, "no")})
    with pytest.raises(CommandFailed):
        thin(run).create(VolumeSpec(vmid=100, size_bytes=540672))
    assert run.calls[-1] == ["lvremove", "-f", "pve/vm-100-disk-1"]
    with pytest.raises(Conflict):
        thin(run).create(VolumeSpec(vmid=100, size_bytes=1, name="vm-100-disk-0"))
    with pytest.raises(Unsupported):
        thin(run).create(VolumeSpec(vmid=100, size_bytes=1, format="qcow2"))


def test_only_own_volumes_are_removed() -> None:
    run = FakeRun({"lvs": LVS})
    thin(run).delete("vm-100-disk-0")
    assert run.calls[-1] == ["lvremove", "-f", "pve/vm-100-disk-0"]
    for name in ("vm-100-thick", "vm-999-disk-0"):
        with pytest.raises(NotFound):
            thin(run).delete(name)
    with pytest.raises(ParseError):
        thin(run).delete("root")


def test_plain_volume_group() -> None:
    vgs = '{"report":[{"vg":[{"vg_name":"pve","vg_size":"1000","vg_free":"400","vg_extent_size":"4194304"}]}]}'
    driver = Lvm(storage("lvm: l1\n\tvgname pve\n"), FakeRun({"lvs": LVS, "vgs": vgs}))
    assert driver.usage() == Usage(total_bytes=1000, used_bytes=600, available_bytes=400)
    assert [v.name for v in driver.volumes({"images"})] == ["vm-100-thick"]
    assert driver.path("vm-100-thick") == "/dev/pve/vm-100-thick"
    assert lvm.create_argv("pve", "vm-1-disk-0", 1024)[-5:] == ["-L", "1024b", "-n", "vm-1-disk-0", "pve"]


def test_a_missing_group_is_offline_not_a_crash() -> None:
    for driver in (thin(FakeRun({"lvs": 5})), zfs(FakeRun({"zfs": 1, "zpool": 1}))):
        with pytest.raises(Unavailable, match="is offline"):
            driver.usage()
        with pytest.raises(Unavailable, match="is offline"):
            driver.activate()


@pytest.mark.parametrize("out", ["", "{}", '{"report":[{"lv":[{"lv_name":"x"}]}]}'])
def test_odd_output_of_lvs(out: str) -> None:
    with pytest.raises(ParseError):
        lvm.parse_lvs(out)


def test_zfs_volumes_and_file_systems() -> None:
    volumes = zfs(FakeRun({"zfs list": ZFS})).volumes({"images"})
    assert [(v.name, v.format, v.size_bytes, v.vmid) for v in volumes] == [
        ("base-101-disk-0", "raw", 4 * GIB, 101),
        ("base-101-disk-0/vm-102-disk-0", "raw", 4 * GIB, 102),
        ("subvol-103-disk-0", "subvol", 2 * GIB, 103),
        ("vm-100-disk-0", "raw", 8 * GIB, 100),
    ]


def test_zfs_paths() -> None:
    driver = zfs(FakeRun())
    assert driver.path("vm-100-disk-0") == "/dev/zvol/rpool/data/vm-100-disk-0"
    assert driver.path("base-101-disk-0/vm-102-disk-0") == "/dev/zvol/rpool/data/vm-102-disk-0"
    assert driver.path("subvol-103-disk-0") == "/rpool/data/subvol-103-disk-0"
    with pytest.raises(ParseError):
        driver.path("vm-100-disk-0@snap")


def test_zfs_volume_sizes_are_whole_blocks() -> None:
    run = FakeRun({"zfs list": ZFS})
    assert zfs(run, "\tsparse 1\n\tblocksize 8k\n").create(VolumeSpec(vmid=100, size_bytes=8193)) == "vm-100-disk-1"
    assert run.calls[1] == ["zfs", "create", "-s", "-b", "8192", "-V", "16384", "rpool/data/vm-100-disk-1"]
    assert run.calls[2][:2] == ["udevadm", "settle"]


def test_zfs_container_roots_have_a_quota() -> None:
    run = FakeRun({"zfs list": ZFS})
    assert zfs(run).create(VolumeSpec(vmid=103, size_bytes=GIB, format="subvol")) == "subvol-103-disk-1"
    assert run.calls[-1][-2:] == [f"refquota={GIB}", "rpool/data/subvol-103-disk-1"]


def test_zfs_file_systems_are_mounted_when_needed() -> None:
    run = FakeRun({"zfs list": ZFS})
    zfs(run).activate_volume("subvol-103-disk-0")
    assert run.calls[-1] == ["zfs", "mount", "rpool/data/subvol-103-disk-0"]
    with pytest.raises(NotFound):
        zfs(run).activate_volume("subvol-104-disk-0")


def test_zfs_volumes_travel_with_their_states() -> None:
    states = "rpool/data/vm-100-disk-0@one\nrpool/data/vm-100-disk-0@__sent__\n"
    run = FakeRun({"zfs list": ZFS, "zfs list -Hp -d 1 -t snapshot": states})
    zfs(run).send("vm-100-disk-0", 1)
    assert [call for call in run.calls if call[1] != "list"] == [
        ["zfs", "destroy", "rpool/data/vm-100-disk-0@__sent__"],  # of one that was killed
        ["zfs", "snapshot", "rpool/data/vm-100-disk-0@__sent__"],
        ["zfs", "send", "-R", "rpool/data/vm-100-disk-0@__sent__"],
        ["zfs", "destroy", "rpool/data/vm-100-disk-0@__sent__"],
    ]
    run.calls.clear()
    zfs(run).receive("vm-100-disk-0", 0)
    assert [call[:-1] for call in run.calls if call[0] == "zfs" and call[1] != "list"] == [
        ["zfs", "destroy", "-r"],
        ["zfs", "receive", "-u"],
        ["zfs", "destroy"],
    ]
    with pytest.raises(Unsupported, match="linked clone"):
        zfs(run).send("base-9-disk-0/vm-100-disk-1", 1)


class Busy(FakeRun):
    """Somebody looks at a volume, for so many ``tries`` to destroy it."""

    def __init__(self, tries: int) -> None:
        super().__init__({"zfs list": ZFS})
        self.tries = tries

    def __call__(self, argv: Sequence[Arg], **how: Any) -> Result:
        done = super().__call__(argv, **how)
        if argv[1] == "destroy" and self.tries:
            self.tries -= 1
            raise CommandFailed([str(arg) for arg in argv], 1, "cannot destroy 'x': dataset is busy\n")
        return done


def test_a_zfs_volume_that_is_looked_at_is_destroyed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(zfspool.time, "sleep", waited.append)
    run = Busy(3)
    zfs(run).delete("vm-100-disk-0")
    assert [call for call in run.calls if call[1] == "destroy"] == [
        ["zfs", "destroy", "-r", "rpool/data/vm-100-disk-0"]
    ] * 4
    assert len(waited) == 3
    monkeypatch.setattr(zfspool, "_BUSY_S", 0.0)
    with pytest.raises(CommandFailed, match="busy"):
        zfs(Busy(1)).delete("vm-100-disk-0")


def test_zfs_usage_and_odd_output() -> None:
    out = "used\t300\navailable\t700\n"
    assert zfspool.parse_usage(out) == Usage(total_bytes=1000, used_bytes=300, available_bytes=700)
    with pytest.raises(ParseError, match="line 2"):
        zfspool.parse_list(ZFS.splitlines()[0] + "\nshort\tline\n")


@pytest.mark.parametrize(("text", "size"), [("16k", 16384), ("8192", 8192), ("1M", 1024**2)])
def test_block_sizes(text: str, size: int) -> None:
    assert zfspool.parse_block_bytes(text) == size
    with pytest.raises(ParseError):
        zfspool.parse_block_bytes(f"x{text}")


def test_a_pool_that_is_not_imported_is_imported() -> None:
    run = FakeRun({"zfs get": 1, "zpool import": ""})
    with pytest.raises(Unavailable):  # the fake pool stays away
        zfs(run).activate()
    assert run.calls[1] == ["zpool", "import", "-d", "/dev/disk/by-id", "-o", "cachefile=none", "rpool"]


def test_image_files() -> None:
    assert create_argv("/a", "qcow2", 5, "metadata")[4:] == ["qcow2", "-o", "preallocation=metadata", "/a", "4096"]
    assert "preallocation=off" in create_argv("/a", "raw", 5, "metadata")
    assert "-o" not in create_argv("/a", "vmdk", 5, "metadata")
    assert create_argv("/a", "raw", 4097, "off")[-1] == "8192", "whole sectors"
    assert resize_argv("/a", "raw", 8192)[-1] == "8192"
    assert resize_argv("/a", "qcow2", 4097)[-1] == "8192"


def test_folders_can_be_chosen() -> None:
    own = storage("dir: d1\n\tpath /mnt\n\tcontent-dirs backup=bk,iso=my/isos\n")
    assert content_path(own, "iso") == "/mnt/my/isos"
    assert content_path(own, "backup") == "/mnt/bk"
    assert content_path(own, "vztmpl") == "/mnt/template/cache"


def test_a_mount_that_is_missing_takes_the_storage_offline(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is not mounted"):
        Dir(storage(f"dir: d1\n\tpath {tmp_path}\n\tis_mountpoint 1\n"), FakeRun()).activate()
    with pytest.raises(Unavailable, match="does not exist"):
        Dir(storage(f"dir: d1\n\tpath {tmp_path}/no\n\tcreate-base-path 0\n"), FakeRun()).activate()
    assert not (tmp_path / "no").exists()


def test_image_headers() -> None:
    head = b"QFI\xfb" + (3).to_bytes(4, "big") + (64).to_bytes(8, "big") + (5).to_bytes(4, "big") + bytes(4)
    head += (8 * GIB).to_bytes(8, "big") + bytes(32) + b"../x1"
    assert qcow2.parse_header(head) == qcow2.Header(size_bytes=8 * GIB, backing="../x1")
    for wrong in (b"", b"QFI\xfb", bytes(64), head[:66]):
        with pytest.raises(ParseError):
            qcow2.parse_header(wrong)


def test_folders_can_be_passed_through(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_folders(f"{tmp_path}/a/b/c")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/b/c")] == [0o755] * 3
    make_folders(f"{tmp_path}/a/b/c")


def test_a_subvolume_without_its_disk_is_a_volume(tmp_path: Path) -> None:
    """Who made it was killed between the two; it is listed, so that whoever comes next can remove it."""
    driver = Btrfs(storage(f"btrfs: tree\n\tpath {tmp_path}\n\tcontent rootdir\n"), FakeRun())
    (tmp_path / "images/100/vm-100-disk-0").mkdir(parents=True)
    (tmp_path / "images/100/vm-100-disk-1").mkdir()
    (tmp_path / "images/100/vm-100-disk-1/disk.raw").write_bytes(bytes(4096))
    (tmp_path / "images/100/vm-100-disk-0@then").mkdir()
    found = driver.volumes({"rootdir"}, 100)
    assert [(one.name, one.size_bytes) for one in found] == [
        ("100/vm-100-disk-0.raw", 0), ("100/vm-100-disk-1.raw", 4096),
    ]  # fmt: skip
    with pytest.raises(NotFound):
        driver.volume("100/vm-100-disk-2.raw")
