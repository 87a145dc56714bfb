"""The installer against real programs: partition tables, file systems, unpacking and releasing on loop devices.

No device mapper, FAT or ZFS here: volumes, pools and boot partitions are proven in virtual machines (tests/vm).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hostd.core.run import run
from installer.actions import (
    MakeFilesystem,
    MountRoot,
    Partition,
    PartitionDisk,
    PartitionKind,
    ReleaseDisks,
    UnpackRoot,
    WipeDisk,
    WriteFile,
)
from installer.perform import disks, release, root
from installer.perform.context import Context
from installer.perform.devices import on_disks, partitions

MIB = 2**20
UUIDS = [f"{n}1111111-2222-4333-8444-555555555555" for n in range(3)]


def table(disk: str, data_mib: int | None = None) -> PartitionDisk:
    kinds = (
        (PartitionKind.BIOS_BOOT, "bios-boot", 1),
        (PartitionKind.ESP, "esp", 64),
        (PartitionKind.LVM, "lvm", data_mib),
    )
    parts = [
        Partition(number=n + 1, kind=kind, name=name, size_mib=size, uuid=UUIDS[n])
        for n, (kind, name, size) in enumerate(kinds)
    ]
    return PartitionDisk(disk=disk, partitions=tuple(parts))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(256 * MIB)
    return path


@pytest.fixture
def loop(image: Path) -> Iterator[str]:
    """A loop device with the three partitions of `table`."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        pytest.skip("needs root and loop devices")
    run(disks.sgdisk_argv(table(str(image))))
    device = run(["losetup", "--find", "--show", str(image)]).stdout.strip()
    try:
        run(["partx", "--add", device])
        if not Path(f"{device}p3").exists():
            pytest.skip("this kernel shows no partitions of loop devices")
        yield device
    finally:
        run(["partx", "--delete", device], check=False)
        run(["losetup", "--detach", device])


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Callable[..., Context]]:
    target = tmp_path / "target"

    def make(fraction: Callable[[float], None] = lambda _: None) -> Context:
        return Context(run=run, target=target, log=tmp_path / "log", say=print, fraction=fraction)

    yield make
    run(["umount", "--recursive", str(target)], check=False)


def kind_of(device: str) -> dict[str, str]:
    """What blkid finds by looking at the device itself."""
    lines = run(["blkid", "--probe", "--output", "export", device], check=False).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.mark.parametrize("data_mib", [None, 100])
def test_partition_table(image: Path, data_mib: int | None) -> None:
    run(disks.sgdisk_argv(table(str(image), data_mib)))
    columns = ["NR", "START", "SECTORS", "UUID", "NAME", "TYPE"]
    shown = run(["partx", "--noheadings", "--raw", "--output", ",".join(columns), str(image)]).stdout
    parts = [dict(zip(columns, line.split(), strict=True)) for line in shown.splitlines()]
    assert [part["UUID"] for part in parts] == UUIDS
    assert [part["NAME"] for part in parts] == ["bios-boot", "esp", "lvm"]
    assert [int(part["START"]) * 512 // MIB for part in parts] == [1, 2, 66]
    sizes = [int(part["SECTORS"]) * 512 / MIB for part in parts]
    assert sizes[:2] == [1, 64]
    assert sizes[2] == 100 if data_mib else 188 < sizes[2] < 190
    assert parts[1]["TYPE"] == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "the EFI system partition of the UEFI standard"
    assert parts[0]["TYPE"] == "21686148-6449-6e6f-744e-656564454649", "where GRUB puts its code for BIOS"


@pytest.mark.parametrize("kind", ["vfat", "ext4", "swap"])
def test_file_systems_can_be_made_again(image: Path, context: Callable[..., Context], kind: str) -> None:
    for label in ("FIRST", "SECOND"):
        disks.make_filesystem(context(), MakeFilesystem(kind=kind, device=str(image), label=label))
    found = kind_of(str(image))
    assert (found["TYPE"], found["LABEL"]) == (kind, "SECOND")


def test_wiping_leaves_nothing_to_recognise(loop: str, context: Callable[..., Context]) -> None:
    assert partitions(loop, Path("/sys")) == [f"{loop}p{n}" for n in (1, 2, 3)]
    run(disks.mkfs_argv("ext4", f"{loop}p3", "old"))
    run(["pvcreate", "--yes", "--force", "--force", f"{loop}p2"], check=False)
    disks.wipe_disk(context(), WipeDisk(disk=loop, title="test"))
    assert kind_of(f"{loop}p2") == {}
    assert kind_of(f"{loop}p3") == {}
    assert "PTTYPE" not in kind_of(loop)


def test_unpacking_reports_progress_and_keeps_modes(tmp_path: Path, context: Callable[..., Context]) -> None:
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/shadow").write_text("root:*:\n")
    (tree / "etc/shadow").chmod(0o640)
    (tree / "big").write_bytes(os.urandom(4 * MIB))
    source = tmp_path / "root.squashfs"
    run(["mksquashfs", str(tree), str(source), "-noappend", "-quiet", "-no-progress"])
    seen: list[float] = []
    ctx = context(seen.append)
    root.unpack_root(ctx, UnpackRoot(source=str(source)))
    assert ctx.path("/etc/shadow").stat().st_mode & 0o777 == 0o640
    assert ctx.path("/big").stat().st_size == 4 * MIB
    assert seen[-1] == 1.0
    root.unpack_root(ctx, UnpackRoot(source=str(source)))


def test_a_cut_off_installation_is_cleared_away(loop: str, context: Callable[..., Context]) -> None:
    """A mounted root, a mount inside it, and a program that still writes there: all gone, the disk is free again."""
    ctx = context()
    device = f"{loop}p3"
    run(disks.mkfs_argv("ext4", device, "root"))
    root.mount_root(ctx, MountRoot(device=device, kind="ext4"))
    root.write_file(ctx, WriteFile(path="/etc/hostname", data=b"node1\n"))
    ctx.path("/proc").mkdir()
    run(["mount", "-t", "proc", "proc", str(ctx.path("/proc"))])
    assert on_disks(device, [loop], Path("/sys"))
    with subprocess.Popen(["sleep", "600"], cwd=ctx.target) as left:
        release.release_disks(ctx, ReleaseDisks(disks=(loop,)))
        assert left.wait(10) == -9
    assert not ctx.target.is_mount()
    run(disks.mkfs_argv("ext4", device, "again"))
    assert release.holders([loop], Path("/sys")) == []
