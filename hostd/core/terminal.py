"""Programs on a pseudo terminal, for consoles: argument lists only, like ``core/run.py``."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Sequence


class Terminal:
    """A program with a terminal of its own; ``fd`` is our end. ``kind``: its name in terminfo(5)."""

    def __init__(self, argv: Sequence[str], kind: str = "xterm-256color") -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(argv[0], list(argv), {**os.environ, "TERM": kind})
            finally:
                os._exit(127)
        os.set_blocking(self.fd, False)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the program the window's size (TIOCSWINSZ, ioctl_tty(2))."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def ended(self) -> bool:
        """Whether the program is over."""
        with contextlib.suppress(ChildProcessError):
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return True

    def close(self) -> None:
        """Hang up and reap."""
        os.close(self.fd)
        try:
            os.kill(self.pid, signal.SIGHUP)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            return
