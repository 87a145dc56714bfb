"""Disks on real loop devices: what is found on them, what guards them, what wiping leaves. Needs root."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostd.core.errors import Conflict, NotFound
from hostd.core.run import run
from hostd.node.disks import commands, gather, guard
from hostd.provision.disks import wipe
from hostd.tasks.log import ListLog

SIZE = 64 * 1024**2


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    if os.geteuid() != 0 or not shutil.which("losetup"):
        pytest.skip("only root can make loop devices")
    image = tmp_path / "disk.img"
    image.write_bytes(b"")
    os.truncate(image, SIZE)
    found = run(["losetup", "--find", "--show", "--partscan", str(image)]).stdout.strip()
    yield found
    run(["umount", found], check=False)
    run(["losetup", "-d", found], check=False)


def only(device: str) -> Callable[[str], bool]:
    return lambda name: name == os.path.basename(device)


def test_a_new_disk_is_free(device: str) -> None:
    (disk,) = gather.list_disks(run, wanted=only(device))
    assert (disk.devpath, disk.size_bytes, disk.used, disk.mounted) == (device, SIZE, "", False)
    assert guard.unused(run, device, only(device)) == guard.not_active(run, device, only(device))
    with pytest.raises(NotFound, match=device):
        gather.find(run, "/dev/null", only(device))


def test_what_is_on_a_disk_guards_it(device: str, tmp_path: Path) -> None:
    run(commands.make_filesystem_argv(device, "ext4"))
    with pytest.raises(Conflict, match="ext4"):
        guard.unused(run, device, only(device))
    guard.not_active(run, device, only(device))
    point = tmp_path / "mnt"
    point.mkdir()
    run(["mount", device, str(point)])
    try:
        for check in (guard.unused, guard.not_active):
            with pytest.raises(Conflict, match="in use"):
                check(run, device, only(device))
        with pytest.raises(Conflict):
            wipe(run, ListLog(), device, only(device))
    finally:
        run(["umount", str(point)])
    wipe(run, ListLog(), device, only(device))
    assert guard.unused(run, device, only(device)).used == ""
    with open(device, "rb") as disk:
        assert not any(disk.read(4096))


def test_a_partition_table_comes_and_goes(device: str) -> None:
    run(commands.gpt_argv(device, "8417b93f-eff9-4e8f-8d84-dc2e77fc07a2"))
    told = run(["sgdisk", "-p", device]).stdout
    assert "8417B93F-EFF9-4E8F-8D84-DC2E77FC07A2" in told
    run(commands.whole_partition_argv(device))
    assert "8300" in run(["sgdisk", "-p", device]).stdout
    wipe(run, ListLog(), device, only(device))
    with open(device, "rb") as disk:
        head = disk.read(1024**2)
        disk.seek(SIZE - 1024**2)
        assert not any(head)
        assert not any(disk.read())
