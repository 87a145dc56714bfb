"""The terminal protocol, and the numbers of consoles."""

from __future__ import annotations

import os
import pty
import socket
import threading
import time
from pathlib import Path

import pytest

from hostd.core.errors import HostError
from hostd.core.terminal import Terminal
from hostd.guests.console import Frames, _terminal, reserve_port


def test_messages_are_decoded_across_reads() -> None:
    frames = Frames()
    assert frames.feed(b"0:5:he") == []
    assert frames.feed(b"llo1:80:24:2") == [("data", b"hello", 0, 0), ("resize", b"", 80, 24)]
    assert frames.feed(b"0:3::::") == [("data", b":::", 0, 0)]


@pytest.mark.parametrize("bad", [b"x", b"0:abc:x", b"0:9999999:x", b"1:a:b:", b"0" * 40])
def test_nonsense_is_refused(bad: bytes) -> None:
    with pytest.raises(HostError):
        Frames().feed(bad)


def test_numbers_are_given_once(tmp_path: Path) -> None:
    assert [reserve_port(str(tmp_path)) for _ in range(3)] == [5900, 5901, 5902]


def test_an_abandoned_number_is_used_again(tmp_path: Path) -> None:
    reserve_port(str(tmp_path))
    old = time.time() - 60
    os.utime(tmp_path / "5900.reserved", (old, old))
    assert reserve_port(str(tmp_path)) == 5900


def test_when_all_are_taken_it_says_so(tmp_path: Path) -> None:
    for _ in range(100):
        reserve_port(str(tmp_path))
    with pytest.raises(HostError, match="all 100 consoles"):
        reserve_port(str(tmp_path))


def test_a_terminal_that_is_hung_up_and_opened_again_goes_on() -> None:
    """As login(1) does with what it is started on."""
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    os.set_blocking(master, False)
    os.close(slave)
    hung_up, over = threading.Event(), threading.Event()

    def ended() -> bool:
        hung_up.set()
        return over.is_set()

    ours, theirs = socket.socketpair()
    with ours, theirs:
        bridge = threading.Thread(target=_terminal, args=(theirs, master, lambda columns, rows: None, ended))
        bridge.start()
        assert hung_up.wait(60)
        slave = os.open(name, os.O_RDWR | os.O_NOCTTY)
        os.write(slave, b"hello")
        ours.settimeout(60)
        assert ours.recv(100) == b"hello"
        over.set()
        os.close(slave)
        bridge.join(60)
        assert not bridge.is_alive()
    os.close(master)


def test_a_terminal_ends_with_its_program() -> None:
    terminal = Terminal(["true"])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        _terminal(theirs, terminal.fd, terminal.resize, terminal.ended)
        assert terminal.ended()
    terminal.close()
