"""What a container's move carries, by the real programs: an image block by block, a folder file by file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hostd.core.run import run
from hostd.migration import containers
from tests.lib import required
from tests.unit.migration.test_container_protocol import Joined, World, move

PROGRAMS = ("qemu-img", "qemu-nbd", "setpriv", "unshare", "tar", "zstd")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    if why := required.lack(PROGRAMS, "mount"):
        required.missing("containers", why)
    monkeypatch.setattr(containers, "Target", Joined)
    made = World(tmp_path, monkeypatch, run)
    monkeypatch.setattr(Joined, "world", made, raising=False)
    return made


def test_an_image_and_a_folder_arrive_whole(world: World, tmp_path: Path) -> None:
    here = tmp_path / "alpha/vz/images/100"
    data = os.urandom(3 << 20) + bytes(5 << 20)
    (here / "vm-100-disk-0.raw").write_bytes(data)
    tree = here / "subvol-100-disk-1.subvol"
    (tree / "deep/er").mkdir(parents=True)
    (tree / "deep/er/file").write_bytes(os.urandom(100_000))
    os.chown(tree / "deep/er/file", 100_033, 100_033)
    os.chmod(tree / "deep/er/file", 0o6750)
    kept = (tree / "deep/er/file").read_bytes()
    move(world)
    there = tmp_path / "beta/vz/images/100"
    assert (there / "vm-100-disk-0.raw").read_bytes() == data
    moved = there / "subvol-100-disk-1.subvol/deep/er/file"
    assert moved.read_bytes() == kept
    seen = moved.stat()
    assert (seen.st_uid, seen.st_gid, seen.st_mode & 0o7777) == (100_033, 100_033, 0o6750)
    assert world.engines["beta"].up == {100}
    world.check()
