"""Carrying bytes between two connected sockets, either of which may be TLS, at a limited rate."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final

_CHUNK: Final = 256 << 10
_WAIT_MS: Final = 1000
_AGAIN: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Pace:
    """A rate that several streams share. ``limit_bps``: bytes a second, 0 for none. ``sent``: bytes so far."""

    def __init__(
        self,
        limit_bps: int = 0,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._limit_bps, self._now, self._sleep = limit_bps, now, sleep
        self._free_s = 0.0
        self._lock = threading.Lock()
        self.sent = 0

    def took(self, count: int) -> None:
        """Wait until the bytes that were carried before, and these, have taken the time that they may."""
        with self._lock:
            self.sent += count
            if not self._limit_bps:
                return
            now_s = self._now()
            self._free_s = max(self._free_s, now_s) + count / self._limit_bps
            wait_s = self._free_s - now_s
        self._sleep(wait_s)

    @property
    def chunk(self) -> int:
        """How much to carry at once: a tenth of a second's worth, so that a low limit is an even stream."""
        return min(max(self._limit_bps // 10, 4096), _CHUNK) if self._limit_bps else _CHUNK


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
