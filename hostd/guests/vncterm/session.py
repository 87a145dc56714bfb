"""A program's terminal, shown to the VNC viewer at the other end of a connection."""

from __future__ import annotations

import functools
import gzip
import os
import select
import socket
import time
from pathlib import Path
from typing import Final

from hostd.core.errors import HostError
from hostd.core.terminal import Terminal
from hostd.guests import rfb
from hostd.guests.vncterm import psf
from hostd.guests.vncterm.viewer import Viewer, size_for

# Of Debian's console-setup-linux: Latin, Greek, Cyrillic, lines.
FONT: Final = Path("/usr/share/consolefonts/Uni2-Terminus16.psf.gz")
GREET_S: Final = 60
_CHUNK: Final = 16384
_BETWEEN_S: Final = 1 / 30
_REOPEN_S: Final = 0.02
_MOST_TYPED: Final = 1 << 20


@functools.cache
def font(path: Path = FONT) -> psf.Font:
    """The console's font. HostError where it is not installed."""
    try:
        return psf.parse(gzip.decompress(path.read_bytes()))
    except OSError as err:
        raise HostError(f"the font of consoles cannot be read ({err}): install console-setup-linux") from err


def show(connection: socket.socket, terminal: Terminal, title: str, *, width: int, height: int) -> None:
    """Until the viewer leaves, or the program has ended. HostError for a viewer that does not know the protocol.

    ``width``, ``height``: pixels that the terminal may take.
    """
    size = size_for(font(), width, height)
    viewer = Viewer(font(), size, title)
    terminal.resize(size.columns, size.rows)
    connection.settimeout(GREET_S)
    rfb.welcome(connection)
    connection.sendall(viewer.hello())
    connection.settimeout(None)
    _follow(connection, terminal, viewer)


def _follow(connection: socket.socket, terminal: Terminal, viewer: Viewer) -> None:
    typed, due_s = b"", 0.0
    while True:
        now_s = time.monotonic()
        if viewer.waits and now_s >= due_s and (told := viewer.update()):
            connection.sendall(told)
            due_s = now_s + _BETWEEN_S
        wait_s = max(due_s - now_s, 0) if viewer.waits and due_s > now_s else None
        readable, writable, _ = select.select([connection, terminal.fd], [terminal.fd] if typed else [], [], wait_s)
        if writable:
            typed = typed[_write(terminal.fd, typed) :]
        if connection in readable:
            data = connection.recv(_CHUNK)
            if not data:
                return
            typed += viewer.heard(data)
        if terminal.fd in readable:
            output = _read(terminal)
            if output is None:
                connection.sendall(viewer.update())
                return
            typed += viewer.written(output)
        if len(typed) > _MOST_TYPED:
            raise HostError("the program does not read what is typed")


def _write(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0


def _read(terminal: Terminal) -> bytes | None:
    """What the program says; None once it has ended. A terminal that nobody has open reads as EIO (pty(7))."""
    try:
        return os.read(terminal.fd, _CHUNK) or None
    except BlockingIOError:
        return b""
    except OSError:
        if terminal.ended():
            return None
        time.sleep(_REOPEN_S)
        return b""
