"""A real program on a real terminal, seen and typed into through a socket."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable

import pytest

from hostd.core.errors import HostError, NotAuthenticated
from hostd.core.terminal import Terminal
from hostd.guests.vncterm import session
from hostd.guests.vncterm.pixels import HEXTILE
from tests.lib import vncview

LIMIT_S = 60


def run(argv: list[str], viewer: Callable[[socket.socket], None]) -> Exception | None:
    """Our side in a thread, the viewer's here; how ours ended."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(LIMIT_S)
    ended: list[Exception | None] = []

    def show() -> None:
        terminal = Terminal(argv, "linux")
        try:
            session.show(ours, terminal, "a program", width=320, height=64)
            ended.append(None)
        except (HostError, OSError) as err:
            ended.append(err)
        finally:
            terminal.close()
            ours.close()

    thread = threading.Thread(target=show)
    thread.start()
    try:
        viewer(theirs)
    finally:
        theirs.close()
        thread.join(LIMIT_S)
    return ended[0]


def exactly(connection: socket.socket, size: int) -> bytes:
    found = connection.recv(size, socket.MSG_WAITALL)
    assert len(found) == size, "the console ended"
    return found


def enter(connection: socket.socket, version: bytes = b"RFB 003.008\n") -> vncview.Screen:
    """Up to a screen that is known."""
    assert exactly(connection, 12) == b"RFB 003.008\n"
    connection.sendall(version)
    if version == b"RFB 003.003\n":
        assert exactly(connection, 4) == b"\0\0\0\x01"
    else:
        assert exactly(connection, 2) == b"\x01\x01"
        connection.sendall(b"\x01")
    if version == b"RFB 003.008\n":
        assert exactly(connection, 4) == bytes(4)
    connection.sendall(b"\x01")
    width, height, title = struct.unpack(">HH16xI", exactly(connection, 24))
    exactly(connection, title)
    connection.sendall(struct.pack(">BxHi", 2, 1, HEXTILE) + vncview.ask(incremental=False))
    return vncview.Screen(width=width, height=height)


def wait_for(connection: socket.socket, screen: vncview.Screen, text: str) -> None:
    """Until some line is this text."""

    async def read(size: int) -> bytes:
        return exactly(connection, size)

    while True:
        asyncio.run(screen.take(read))
        if text in screen.lines(session.font()):
            return
        connection.sendall(vncview.ask(incremental=True))


@pytest.mark.parametrize("version", [b"RFB 003.003\n", b"RFB 003.007\n", b"RFB 003.008\n"])
def test_a_program_is_seen_and_typed_into(version: bytes) -> None:
    def viewer(connection: socket.socket) -> None:
        screen = enter(connection, version)
        assert (screen.width, screen.height) == (320, 64)
        connection.sendall(vncview.typed("6 7\n") + vncview.ask(incremental=True))
        wait_for(connection, screen, "42 linux 4 40")

    script = 'read a b; echo "$((a * b)) $TERM $(stty size)"; read end'
    assert run(["sh", "-c", script], viewer) is None


def test_the_end_of_the_program_is_the_end() -> None:
    def viewer(connection: socket.socket) -> None:
        screen = enter(connection)
        wait_for(connection, screen, "bye")
        while connection.recv(4096):
            pass

    assert run(["sh", "-c", "sleep 0.2; echo bye"], viewer) is None


def test_keys_come_through_while_the_program_writes_all_the_time() -> None:
    def viewer(connection: socket.socket) -> None:
        screen = enter(connection)
        connection.sendall(vncview.typed("q\n") + vncview.ask(incremental=True))
        wait_for(connection, screen, "heard q")

    script = "stty -echo; yes & read key; kill $!; sleep 0.3; clear; echo heard $key; read end"
    assert run(["sh", "-c", script], viewer) is None


def test_a_viewer_that_chooses_another_way_in_is_refused() -> None:
    def viewer(connection: socket.socket) -> None:
        exactly(connection, 12)
        connection.sendall(b"RFB 003.008\n")
        exactly(connection, 2)
        connection.sendall(b"\x05")
        assert connection.recv(1) == b""

    assert isinstance(run(["sleep", "60"], viewer), NotAuthenticated)


def test_nonsense_ends_it_with_a_reason() -> None:
    def viewer(connection: socket.socket) -> None:
        enter(connection)
        connection.sendall(b"\xc8")
        while connection.recv(4096):
            pass

    ended = run(["sleep", "60"], viewer)
    assert "200, which is not in the protocol" in str(ended)
