"""A volume's contents that come to the target by a stream of their own, while the control is answered."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Final

from hostd.core.errors import HostError, TimedOut
from hostd.core.pace import Pace, brought

_COME_S: Final = 60.0
_END_S: Final = 600.0
_CHUNK: Final = 1 << 20


class Receiving:
    """One stream into one volume, in a thread of its own. ``read`` reads it from a pipe, and raises HostError."""

    def __init__(self, what: str, read: Callable[[int], None], path: str) -> None:
        """It listens at ``path`` when this returns."""
        self._what, self._read, self._path = what, read, path
        self._error: Exception | None = None
        self._came = Pace()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(1)
        self._listener.settimeout(_COME_S)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            stream, _ = self._listener.accept()
            with stream:
                stream.setblocking(True)
                with brought(stream.fileno(), self._came) as reading:
                    self._read(reading)
                    while os.read(reading, _CHUNK):  # to the last byte, so that all are counted
                        pass
        except (HostError, OSError) as err:
            self._error = err

    def wait(self, count: int | None = None) -> None:
        """Until all is in its place. Raises HostError where it is not whole.

        ``count``: bytes that were sent, if that is known: a stream that was cut off may look like one that has ended.
        """
        self._thread.join(_END_S)
        if self._thread.is_alive():
            raise TimedOut(f"what is received into '{self._what}' does not end")
        self._close()
        if self._error is not None:
            raise HostError(f"receiving into '{self._what}' failed: {self._error}") from self._error
        if count is not None and self._came.sent != count:
            raise HostError(f"of {count} bytes for '{self._what}' {self._came.sent} came")

    def drop(self) -> None:
        """The source has gone, and its stream with it."""
        self._close()
        self._thread.join(_END_S)

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread where it still waits for the stream
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
