"""Carrying bytes between two connected sockets, either of which may be TLS, at a limited rate."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from typing import Final

from hostd.core.pace import Pace

_WAIT_MS: Final = 1000
_AGAIN: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Way:
    """One direction."""

    def __init__(self, source: socket.socket, target: socket.socket, pace: Pace) -> None:
        self.source, self.target, self._pace = source, target, pace
        self.waiting = memoryview(b"")
        self.ended = False

    def step(self) -> bool:
        """Read if nothing waits, write what does; whether anything happened."""
        moved = False
        if not self.waiting and not self.ended:
            with contextlib.suppress(*_AGAIN):
                data = self.source.recv(self._pace.chunk)
                self.waiting, self.ended, moved = memoryview(data), not data, True
        if self.waiting:
            with contextlib.suppress(*_AGAIN):
                count = self.target.send(self.waiting)
                self.waiting, moved = self.waiting[count:], True
                self._pace.took(count)
        return moved


def join(near: socket.socket, far: socket.socket, pace: Pace) -> None:
    """Carry both ways until either side ends, then close both. What goes to ``far`` keeps to the pace.

    One thread does both directions: a TLS connection is not to be read and written by two at once.
    """
    ways = (_Way(near, far, pace), _Way(far, near, Pace()))
    try:
        for side in (near, far):
            side.setblocking(False)
        while not any(way.ended and not way.waiting for way in ways):
            moved = [way.step() for way in ways]
            if not any(moved):
                _wait(ways)
    except OSError:
        pass  # one side is gone: so is the stream, which its users notice
    finally:
        for side in (near, far):
            with contextlib.suppress(OSError):
                side.close()


def _wait(ways: tuple[_Way, _Way]) -> None:
    """Until something can be done. TLS may have to read in order to write, so this wakes from time to time anyway."""
    wanted: dict[int, int] = {}
    for way in ways:
        if way.waiting:
            wanted[way.target.fileno()] = wanted.get(way.target.fileno(), 0) | select.POLLOUT
        elif not way.ended:
            wanted[way.source.fileno()] = wanted.get(way.source.fileno(), 0) | select.POLLIN
    poll = select.poll()
    for fd, events in wanted.items():
        poll.register(fd, events)
    poll.poll(_WAIT_MS)
