"""What every action gets to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hostd.core.run import Result, Run


@dataclass(frozen=True, kw_only=True)
class Context:
    """``target`` is where the new root is mounted; ``say`` tells a person, ``fraction`` how much of an action is done.

    ``sys`` and ``proc`` are the kernel's views; ``log`` is the file that holds the log of this installation.
    """

    run: Run
    target: Path
    log: Path
    say: Callable[[str], None]
    fraction: Callable[[float], None]
    sys: Path = Path("/sys")
    proc: Path = Path("/proc")

    def path(self, installed: str) -> Path:
        """A file of the installed system, seen from here."""
        return self.target / installed.lstrip("/")

    def inside(self, argv: list[str], *, timeout_s: float = 300, input: bytes | None = None) -> Result:
        """Run a program of the installed system in its root."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
        return self.run(["chroot", str(self.target), *argv], timeout_s=timeout_s, input=input, env=env)
