"""The store's daemon on a directory of its own, as a single node."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hostd.cluster.client import Store
from hostd.core.errors import HostError

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
NODE = "bench"


class Daemon:
    """Started in ``start``; database, mount and socket below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mount, self.socket = directory / "mount", directory / "store.sock"
        self.mount.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """Seconds until it answers a read."""
        argv = [sys.executable, "-m", "hostd.daemons.clusterd", "--node", NODE, "--mount", self.mount]
        argv += ["--database", self.directory / "config.db", "--socket", self.socket]
        argv += ["--seed", self.directory / "none", "--corosync", self.directory / "none"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOSTD_LOG": "WARNING"}
        begin = time.monotonic()
        self._process = subprocess.Popen(argv, env=environment)
        while True:
            with contextlib.suppress(HostError, OSError), self.client() as store:
                store.list("nodes")
                return time.monotonic() - begin
            assert self._process.poll() is None, "the store's daemon has ended"
            assert time.monotonic() < begin + START_S, "the store's daemon does not answer"
            time.sleep(0.005)

    def client(self) -> Store:
        return Store(str(self.socket))

    def rss_mb(self) -> float:
        return rss_mb(self.pid)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
            self._process = None


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB (10**6 bytes)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024 / 1e6
