"""The store's daemon as a process of its own with a real mount, and what tests do in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hostd.cluster.store import Change, Mirror, Store
from hostd.core.errors import HostError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
CAN_MOUNT = os.geteuid() == 0 and os.path.exists("/dev/fuse")

# The daemon with a clock that the test can turn: seconds in the file are added to the time since boot.
WITH_CLOCK = """
from pathlib import Path
from hostd.cluster.fs import service
from hostd.daemons import clusterd
real = service.serve
def offset():
    try:
        return float(Path({clock!r}).read_text())
    except (OSError, ValueError):
        return 0.0
async def serve(settings, **more):
    await real(settings, boot_s=lambda: service.boot_clock_s() + offset(), **more)
clusterd.serve = serve
clusterd.main()
"""


class Node:
    """A daemon, its directory (readable by everybody) and its mount."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mount = directory / "mnt"
        self.socket = directory / "store.sock"
        self.database = directory / "config.db"
        self.clock = directory / "clock"
        self.process: subprocess.Popen[bytes] | None = None
        self.log = directory / "log"

    def start(self) -> None:
        argv = [sys.executable, "-c", WITH_CLOCK.format(clock=str(self.clock)), "--mount", str(self.mount)]
        argv += ["--database", str(self.database), "--socket", str(self.socket), "--node", "pve1"]
        argv += ["--seed", str(self.directory / "seed")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=ROOT, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)})
        deadline = time.monotonic() + 30
        while True:
            try:
                with Store(str(self.socket), timeout_s=0.1) as store:
                    store.list("")
                return
            except HostError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def path(self, name: str) -> Path:
        return self.mount / name


def shell(node: Node, script: str, *, program: str = "sh", user: str = "") -> str:
    """Run a script in the mount; returns stdout. CalledProcessError carries stderr."""
    argv = [program, "-euc", script]
    if user:
        uid, gid = user.split(":")
        argv = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *argv]
    done = subprocess.run(argv, cwd=node.mount, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, f"{script}: {done.stderr.decode()}"
    return done.stdout.decode()


class Recorder:
    """Every state of the files that the feed told, in order."""

    def __init__(self, node: Node) -> None:
        self.seen: list[Change] = []
        self.mirror = Mirror(str(node.socket))
        self.mirror.start()
        self.mirror.wait_ready(10)
        self.mirror.subscribe(self.seen.append)

    def states(self, store: Store, name: str) -> list[bytes | None]:
        """Contents that ``name`` went through (None: gone) up to now."""
        self.mirror.wait_for(store.write("sync", b"").version)
        self.mirror.stop()
        return [change.file.data if change.file else None for change in self.seen if change.path == name]


def fails_with(number: int, call: Callable[[], object]) -> None:
    with pytest.raises(OSError) as caught:
        call()
    assert caught.value.errno == number, caught.value
