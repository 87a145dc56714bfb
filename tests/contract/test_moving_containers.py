"""What a container's move carries, by the real programs: an image block by block, a folder file by file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hostd.core.errors import HostError
from hostd.core.run import run
from hostd.guests.volumes import catalog_of
from hostd.migration import containers
from hostd.storage.catalog import Catalog
from hostd.storage.drivers import btrfs as btrfs_driver
from hostd.storage.drivers.btrfs import receive_argv, send_argv
from hostd.storage.interface import VolumeSpec
from hostd.storage.volume import VolumeId
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


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 MiB, mounted."""
    if "btrfs" not in Path("/proc/filesystems").read_text():
        required.missing("btrfs", "no btrfs in this kernel")
    image, point = tmp_path / "btrfs.img", tmp_path / "btrfs"
    with image.open("wb") as file:
        file.truncate(300 << 20)
    point.mkdir()
    run(["mkfs.btrfs", "-q", str(image)])
    run(["mount", "-t", "btrfs", "-o", "loop", str(image), str(point)])
    yield point
    run(["umount", str(point)])


def contents(catalog: Catalog, volume: VolumeId, state: str = "") -> bytes:
    path = catalog.snapshots(volume).snapshot_path(volume.name, state) if state else catalog.path(volume)
    return (Path(path, "file") if os.path.isdir(path) else Path(path)).read_bytes()[:1024]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Container 100 on btrfs: an image and a folder, with two states each. On the target the image's name is taken."""

    catalog: Catalog
    image: VolumeId
    folder: VolumeId


@pytest.fixture
def kept(world: World, btrfs: Path) -> Kept:
    places = (("here", "alpha"), ("there", "beta"))
    text = "".join(f"btrfs: {name}\n\tpath {btrfs}/{node}\n\tcontent rootdir\n\n" for name, node in places)
    world.store.write("storage.cfg", text.encode())
    catalog = catalog_of(world.hosts["alpha"])
    image = catalog.allocate("here", VolumeSpec(vmid=100, size_bytes=8 << 20), "rootdir")
    folder = catalog.allocate("here", VolumeSpec(vmid=100, size_bytes=0, format="subvol"), "rootdir")
    foreign = catalog.allocate("there", VolumeSpec(vmid=100, size_bytes=8 << 20), "rootdir")
    assert foreign.name == image.name
    for letter in (b"a", b"b", b"c"):
        with open(catalog.path(image), "r+b") as file:
            file.write(letter * 1024)
        Path(catalog.path(folder), "file").write_bytes(letter * 1024)
        if letter != b"c":
            catalog.snapshot(image, f"state-{letter.decode()}")
            catalog.snapshot(folder, f"state-{letter.decode()}")
    lines = f"rootfs: {image},size=8M\nmp0: {folder},mp=/d,size=0T\n"
    states = "".join(f"\n[state-{letter}]\n{lines}snaptime: 1\n" for letter in "ab")
    world.store.write("nodes/alpha/lxc/100.conf", (lines + states).encode())
    return Kept(catalog=catalog, image=image, folder=folder)


def require_whole(catalog: Catalog, volumes: Iterable[VolumeId]) -> None:
    for volume in volumes:
        assert catalog.snapshots(volume).snapshots(volume.name) == ["state-a", "state-b"]
        assert contents(catalog, volume) == b"c" * 1024
        assert contents(catalog, volume, "state-a") == b"a" * 1024
        assert contents(catalog, volume, "state-b") == b"b" * 1024


def test_volumes_arrive_with_their_snapshots(world: World, btrfs: Path, kept: Kept) -> None:
    move(world)
    guest = world.owner()
    assert guest.where.node == "beta"
    assert world.engines["beta"].up == {100}
    moved = [VolumeId.parse(guest.file.current[key].partition(",")[0]) for key in ("rootfs", "mp0")]
    assert moved[0].name != kept.image.name
    assert guest.file.snapshots["state-a"].values["rootfs"] == guest.file.current["rootfs"]
    require_whole(kept.catalog, moved)
    assert not (btrfs / "alpha/images/100").exists(), "nothing stays behind"
    assert len(list((btrfs / "beta/images/100").iterdir())) == 7, "two with two states each, and the foreign one"


@pytest.mark.parametrize("fails", [send_argv, receive_argv])
def test_a_stream_that_breaks_off_changes_nothing(
    world: World, btrfs: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., list[str]]
) -> None:
    """The second state is not sent, or what comes is not taken: the container stays, with all of its states."""

    def broken(*words: str) -> list[str]:
        return fails(*words) if fails is send_argv and not words[1] else ["false"]

    monkeypatch.setattr(btrfs_driver, fails.__name__, broken)
    with pytest.raises(HostError):
        move(world)
    assert world.owner().where.node == "alpha"
    assert world.engines["alpha"].up == {100}
    assert "lock" not in world.owner().file.current
    require_whole(kept.catalog, (kept.image, kept.folder))
    names = {path.name for path in (btrfs / "beta/images/100").iterdir()}
    assert names == {kept.image.name.rpartition("/")[2].removesuffix(".raw")}, "the foreign one alone"
