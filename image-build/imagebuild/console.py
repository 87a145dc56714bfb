"""`make console`: this terminal on a machine's serial line."""

from __future__ import annotations

import os
import select
import socket
import sys
import termios
import tty
from pathlib import Path

from imagebuild.progress import say
from imagebuild.shell import StepFailed

LEAVE = b"\x1d"  # Ctrl-]


def attach(path: Path) -> None:
    """Connect standard input and output to the unix socket ``path`` until Ctrl-] or the machine's end."""
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(path))
        except OSError as err:
            raise StepFailed(f"no machine listens at {path} ({err.strerror}); start one with make run") from err
        say("connected; Enter shows the prompt, Ctrl-] leaves")
        keyboard = sys.stdin.fileno()
        before = termios.tcgetattr(keyboard) if os.isatty(keyboard) else None
        try:
            if before is not None:
                tty.setraw(keyboard)
            _pump(line, keyboard)
        finally:
            if before is not None:
                termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _pump(line: socket.socket, keyboard: int) -> None:
    while True:
        ready, _, _ = select.select([line, keyboard], [], [])
        if line in ready:
            data = line.recv(65536)
            if not data:
                return
            os.write(sys.stdout.fileno(), data)
        if keyboard in ready:
            typed = os.read(keyboard, 1024)
            if not typed or LEAVE in typed:
                return
            line.sendall(typed)
