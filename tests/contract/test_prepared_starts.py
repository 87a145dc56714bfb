"""A process that has mounted something of its own and keeps it until somebody has come in."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from hostd.core.errors import HostError
from hostd.core.run import run
from hostd.guests.lxc import prepared
from tests.lib import required


@pytest.fixture(autouse=True)
def _needs_mounts() -> None:
    if reason := required.lack(("mount", "nsenter"), "mount"):
        required.missing("containers", reason)


def mounted(place: Path, pid: int | str = "self") -> bool:
    return f" {place} " in Path(f"/proc/{pid}/mountinfo").read_text()


def mount_there(place: Path) -> None:
    run(["mount", "-t", "tmpfs", "tmpfs", str(place)])
    (place / "word").write_text("inside")


def test_who_comes_in_sees_it_and_the_host_does_not(tmp_path: Path) -> None:
    with prepared.kept(run, lambda: mount_there(tmp_path)) as keeper:
        assert mounted(tmp_path, keeper)
        assert not mounted(tmp_path)
        assert not list(tmp_path.iterdir())
        # it lives on with who came in, when the one that made it is gone
        enter = ["nsenter", f"--mount=/proc/{keeper}/ns/mnt"]
        argv = [*enter, "sh", "-c", 'read line; exec cat "$0"', str(tmp_path / "word")]
        guest = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while not mounted(tmp_path, guest.pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert not Path(f"/proc/{keeper}").exists()
    assert guest.communicate(b"\n")[0] == b"inside"


def test_what_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    def work() -> None:
        mount_there(tmp_path)
        raise HostError("volume 'x' is gone")

    with pytest.raises(HostError, match="^volume 'x' is gone$"), prepared.kept(run, work):
        pytest.fail("it was not ready")
    with pytest.raises(HostError, match="ZeroDivisionError"), prepared.kept(run, lambda: print(1 // 0)):
        pytest.fail("it was not ready")
    assert not mounted(tmp_path)


def test_it_ends_with_a_caller_that_is_killed(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    caller = os.fork()
    if caller == 0:
        with prepared.kept(run, lambda: mount_there(tmp_path)) as keeper:
            os.write(writing, str(keeper).encode())
            time.sleep(600)
        os._exit(0)
    os.close(writing)
    keeper = int(os.read(reading, 20))
    os.kill(caller, signal.SIGKILL)
    os.waitpid(caller, 0)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{keeper}/exe").exists() and not is_zombie(keeper):
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.05)


def is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
