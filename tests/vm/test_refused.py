"""An answer file with an error is refused with key and line, before anything is written to a disk."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest
from imagebuild import answer
from imagebuild.run import FAILED_MARK
from imagebuild.vm import Disk, Spec, Vm

from tests.lib.waiting import eventually
from tests.vm.harness import LVM, PASSWORD, Images, Lab

CASES = {
    "unknown-key": ('timezone = "UTC"', 'timezone = "UTC"\nfavourite-colour = "green"', "favourite-colour"),
    "not-installable": ('filesystem = "ext4"', 'filesystem = "btrfs"\nbtrfs.raid = "raid0"', "disk-setup.filesystem"),
    "no-such-disk": ('disk-list = ["vda"]', 'disk-list = ["sdz"]', "disk-setup.disk-list"),
}


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def filled_disk(path: Path) -> Disk:
    """A raw disk of 8 GiB with something at its start, in the middle and at its end."""
    noise = random.Random(2).randbytes(2**20)
    with path.open("wb") as file:
        for place in (0, 4 * 2**30, 8 * 2**30 - len(noise)):
            file.seek(place)
            file.write(noise)
    return Disk(path=path, serial="HOLDFAST1", format="raw")


@pytest.mark.parametrize("case", list(CASES))
def test_disk_is_untouched(lab: Lab, images: Images, tmp_path: Path, case: str) -> None:
    old, new, key = CASES[case]
    text = LVM.answer(lab.public_key)
    assert old in text
    wrong = text.replace(old, new)
    line = next(n for n, content in enumerate(wrong.splitlines(), 1) if key.rsplit(".", 1)[-1] in content)
    folder = lab.folder / f"refused-{case}"
    folder.mkdir(exist_ok=True)
    medium = answer.put_on(lab.ctx, images.iso, wrong, folder / "wrong.iso", choice="auto-serial", timeout_s=1)
    disk = filled_disk(folder / "disk.raw")
    before = checksum(disk.path)
    spec = Spec(folder=folder, disks=[disk], medium=medium)
    spec.serial_log.unlink(missing_ok=True)
    vm = Vm.start(lab.ctx, spec)
    try:
        eventually(lambda: FAILED_MARK in console(vm) and "log: " in console(vm), 600, "the installer's refusal")
    finally:
        vm.kill()
    reason = console(vm).split(FAILED_MARK)[1]
    assert f"line {line}" in reason, reason[:600]
    assert key.rsplit(".", 1)[-1] in reason
    assert PASSWORD not in console(vm)
    assert checksum(disk.path) == before
    disk.path.unlink()
    medium.unlink()


def console(vm: Vm) -> str:
    return vm.spec.serial_log.read_text(errors="replace")
