"""The serial line of a machine that runs ``tinylinux.SHELL``: commands go in, what they say comes out."""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import time

READ_BYTES = 65536


class SerialShell:
    """``path``: the unix socket of the line. Each command's end is marked, so that output is cut where it ends."""

    def __init__(self, path: str) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(path)
        self._heard = ""
        self._numbers = itertools.count(1)

    def __enter__(self) -> SerialShell:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def wait_ready(self, timeout_s: float) -> None:
        """Until it answers: what it said before somebody listened is lost."""
        end_s = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(TimeoutError):
                self.run(":", timeout_s=3)
                return
            assert time.monotonic() < end_s, f"no shell within {timeout_s} s; heard: {self._heard[-2000:]}"

    def run(self, command: str, timeout_s: float = 30) -> str:
        """What a command says, without the last newline. AssertionError where it fails, TimeoutError in silence."""
        number = next(self._numbers)
        self._line.sendall(f'{command}; echo "<<{number}:$?>>"\n'.encode())
        code, said = self._until(rf"<<{number}:(\d+)>>", timeout_s)
        assert code == "0", f"{command}: code {code}: {said}"
        return said

    def _until(self, pattern: str, timeout_s: float) -> tuple[str, str]:
        end_s = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self._heard)):
            self._line.settimeout(max(end_s - time.monotonic(), 0.01))
            data = self._line.recv(READ_BYTES)
            if not data:
                raise ConnectionError("the serial line was closed")
            self._heard += data.decode(errors="replace").replace("\r", "")
        said = self._heard[: found.start()].strip("\n")
        self._heard = self._heard[found.end() :].lstrip("\n")
        return found[1], said
