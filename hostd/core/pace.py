"""Bytes at a limited rate."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

_CHUNK: Final = 256 << 10


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


@contextlib.contextmanager
def paced(source: int, limit_bps: int) -> Iterator[int]:
    """An open file to read that brings the rest of another one at this rate; that one itself where there is no limit.

    Raises OSError at the end where the file could not be read.
    """
    if not limit_bps:
        yield source
        return
    with brought(source, Pace(limit_bps)) as reading:
        yield reading


@contextlib.contextmanager
def brought(source: int, pace: Pace) -> Iterator[int]:
    """A pipe to read that brings the rest of an open file. Raises OSError at the end where that could not be read."""
    reading, writing = os.pipe()
    with _carrying(source, writing, pace, close=writing, ignore=BrokenPipeError):  # who reads may have had enough
        try:
            yield reading
        finally:
            os.close(reading)


@contextlib.contextmanager
def taken(target: int, pace: Pace) -> Iterator[int]:
    """A pipe to write whose bytes go to an open file; all have when this is left.

    Raises OSError at the end where they could not be written; until then the pipe is broken for who writes.
    """
    reading, writing = os.pipe()
    with _carrying(reading, target, pace, close=reading):
        try:
            yield writing
        finally:
            os.close(writing)


@contextlib.contextmanager
def _carrying(
    source: int, target: int, pace: Pace, *, close: int, ignore: type[OSError] | tuple[()] = ()
) -> Iterator[None]:
    """Carry by a thread of its own, which closes the end of a pipe that it has when it is over."""
    failed: list[OSError] = []

    def carry() -> None:
        try:
            _carry(source, target, pace)
        except ignore:
            pass
        except OSError as err:
            failed.append(err)
        finally:
            os.close(close)

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failed:
        raise failed[0]


def _carry(source: int, target: int, pace: Pace) -> None:
    while data := os.read(source, pace.chunk):
        pace.took(len(data))
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]
