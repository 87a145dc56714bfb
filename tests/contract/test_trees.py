"""Files of containers as a stream: what they are stays, from a folder to an image and back; a cut stream is noticed.

``REQUIRE=containers`` turns the skip into a failure.
"""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from hostd.core.errors import HostError
from hostd.core.run import run
from hostd.guests.lxc import isolated, trees
from hostd.guests.lxc.volumes import Source, format_volume, mount_argv
from tests.lib import required

PROGRAMS = ("mkfs.ext4", "setpriv", "unshare", "tar", "zstd")


@pytest.fixture(autouse=True)
def able() -> None:
    why = required.lack(PROGRAMS, "mount")
    why = why or ("" if os.path.exists("/dev/loop-control") else "no loop devices")
    if why:
        required.missing("containers", why)


def fill(folder: Path) -> None:
    """What a container's tree may hold."""
    (folder / "etc").mkdir()
    (folder / "etc/shadow").write_text("secret\n")
    os.chown(folder / "etc/shadow", 100_000, 100_042)
    os.chmod(folder / "etc/shadow", 0o640)
    (folder / "bin").mkdir()
    (folder / "bin/su").write_bytes(b"\x7fELF")
    os.chown(folder / "bin/su", 100_000, 100_000)
    os.chmod(folder / "bin/su", 0o4755)
    os.link(folder / "bin/su", folder / "bin/sudo")
    os.symlink("/etc/passwd", folder / "bin/away")
    os.setxattr(folder / "bin/su", "user.note", b"kept")
    with open(folder / "sparse", "wb") as file:
        file.truncate(64 << 20)
    os.mkfifo(folder / "pipe", 0o600)
    os.chown(folder, 100_000, 100_000)
    os.chmod(folder, 0o755)


def look(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {".": (folder.stat().st_mode, folder.stat().st_uid)}
    for path in sorted(folder.rglob("*")):
        if path.name == "lost+found":
            continue
        seen = path.lstat()
        what = os.readlink(path) if path.is_symlink() else path.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
        found[str(path.relative_to(folder))] = (seen.st_mode, seen.st_uid, seen.st_gid, what)
    return found


def carry(source: Source, target: Source) -> None:
    """From one to the other, as two nodes would."""
    near, far = socket.socketpair()
    errors: list[HostError] = []

    def receive() -> None:
        try:
            trees.receive(run, target, far.fileno())
        except HostError as err:
            errors.append(err)

    thread = threading.Thread(target=receive)
    thread.start()
    with near:
        trees.send(run, source, near.fileno())
    thread.join(120)
    far.close()
    assert errors == []


def test_from_a_folder_to_an_image_and_back(tmp_path: Path) -> None:
    first, image, second, view = (tmp_path / name for name in ("first", "image.raw", "second", "view"))
    for folder in (first, second, view):
        folder.mkdir()
    fill(first)
    with open(image, "wb") as file:
        file.truncate(256 << 20)
    disk = Source(path=str(image), kind="image")
    format_volume(run, disk, unprivileged=True)
    carry(Source(path=str(first), kind="folder"), disk)
    carry(disk, Source(path=str(second), kind="folder"))
    assert look(second) == look(first)
    assert os.getxattr(second / "bin/su", "user.note") == b"kept"
    assert (second / "bin/su").stat().st_nlink == 2
    assert (second / "sparse").stat().st_blocks < 1000
    mounts = Path("/proc/self/mounts").read_text()
    assert isolated.TO not in mounts
    assert str(image) not in subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout


def test_a_stream_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    fill(first)
    packed = tmp_path / "packed"
    with open(packed, "wb") as file:
        argvs = [mount_argv(Source(path=str(first), kind="folder"), isolated.FROM, ["nodev", "ro"])]
        isolated.run_piped(run, [*argvs, trees.pack_argv(isolated.FROM)], timeout_s=60, stdout=file.fileno())
    whole = packed.read_bytes()
    for length in (0, 10, len(whole) - 20, len(whole) - 1):
        packed.write_bytes(whole[:length])
        with open(packed, "rb") as file, pytest.raises(HostError):
            trees.receive(run, Source(path=str(second), kind="folder"), file.fileno())
    packed.write_bytes(whole)
    with open(packed, "rb") as file:
        trees.receive(run, Source(path=str(second), kind="folder"), file.fileno())
    assert (second / "etc/shadow").read_text() == "secret\n"
