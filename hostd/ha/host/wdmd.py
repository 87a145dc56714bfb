"""The watchdog device through wdmd, which multiplexes it: each daemon is a client with a name and an expiry time.

wdmd feeds the device while no client has expired; a client that died without taking its leave expires as any other. It
opens the device for the first client and closes it after the last, so that a node on which nobody asks is never reset.
From the last feed it takes at most ``EXPIRE_S`` until wdmd stops and ``FIRE_S`` until the device fires. A client is its
connection: systemd keeps that of a daemon that is replaced for the one that follows, which goes on as the same client.
Source: wdmd(8) and wdmd.h of sanlock 3.9.5.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from hostd.core import notify
from hostd.core.errors import HostError
from hostd.core.run import Run

log = logging.getLogger(__name__)
LIBRARY: Final = "libwdmd.so.1"
UNIT: Final = "wdmd.service"
# The unit starts only where this is (debian/units/wdmd.service.d): a node without services needs no watchdog.
WANTED: Final = Path("/run/hostd/watchdog-wanted")
DEVICES: Final = Path("/sys/class/watchdog")
# The kernel's own, which the unit loads where there is no device.
SOFTDOG: Final = "softdog"
_STORED: Final = "wdmd"
# Together not more than WATCHDOG_S + DEVICE_S of the budget (a test checks it).
EXPIRE_S: Final = 40
FIRE_S: Final = 40


_Int = ctypes.Array[ctypes.c_int]
_Long = ctypes.Array[ctypes.c_uint64]


class Library(Protocol):
    """libwdmd; every call returns a negative error number where it failed."""

    def wdmd_connect(self) -> int: ...

    def wdmd_register(self, connection: int, name: bytes) -> int: ...

    def wdmd_open_watchdog(self, connection: int, fire_timeout_s: int) -> int: ...

    def wdmd_refcount_set(self, connection: int) -> int: ...

    def wdmd_refcount_clear(self, connection: int) -> int: ...

    def wdmd_test_live(self, connection: int, renewal_s: int, expire_s: int) -> int: ...

    def wdmd_status(self, connection: int, interval: _Int, fire: _Int, keepalive: _Long) -> int: ...


def load() -> Library | None:
    """None where sanlock's library is not installed."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    library.wdmd_test_live.argtypes = [ctypes.c_int, ctypes.c_uint64, ctypes.c_uint64]
    library.wdmd_open_watchdog.argtypes = [ctypes.c_int, ctypes.c_int]
    library.wdmd_register.argtypes = [ctypes.c_int, ctypes.c_char_p]
    found: Library = library
    return found


def find(run: Run, devices: Path = DEVICES, dev: Path = Path("/dev")) -> str:
    """The device that wdmd will use, with what it says it is; "" where there is none.

    wdmd's own look (``--probe``) opens devices, which fails while it runs.
    Source: kernel documentation, ABI/testing/sysfs-class-watchdog; seen: iTCO_wdt is there by itself on a q35 board.
    """
    for found in sorted(devices.glob("watchdog*")):
        if (dev / found.name).exists():
            with contextlib.suppress(OSError):
                return f"/dev/{found.name} ({(found / 'identity').read_text().strip()})"
            return f"/dev/{found.name}"
    try:
        run(["modprobe", "--dry-run", SOFTDOG], timeout_s=10)
    except HostError:
        return ""
    return SOFTDOG


def start(run: Run) -> None:
    """Make wdmd run, which loads the kernel's own watchdog where there is no other; what fails is logged."""
    try:
        WANTED.touch()
        run(["systemctl", "start", UNIT], timeout_s=30)
    except (HostError, OSError) as err:
        log.error("wdmd does not start: %s", err)


class Wdmd:
    """One daemon's handle. ``device`` is "" from the moment that wdmd does not take it on, which is logged."""

    def __init__(
        self,
        name: str,
        library: Library,
        path: str,
        start: Callable[[], None],
        is_sound: Callable[[], bool] = lambda: True,
        clock_s: Callable[[], float] = time.monotonic,
        close: Callable[[int], None] = os.close,
        store: Callable[[str, int], bool] = notify.store_fd,
        take_stored: Callable[[str], int | None] = notify.take_stored_fd,
    ) -> None:
        """``start`` makes wdmd run, ``is_sound``: whether the node is fit to be fed for, as far as this daemon's own
        work does not tell; ``clock_s`` is wdmd's own, CLOCK_MONOTONIC."""
        self._name, self._library, self._path = name.encode(), library, path
        self._start, self._is_sound, self._clock_s, self._close_fd = start, is_sound, clock_s, close
        self._store, self._take_stored = store, take_stored
        self._connection: int | None = None
        self.device = path

    def open(self) -> None:
        if self._connection is not None:  # taken over
            self.feed()
            return
        self._start()
        connection = self._library.wdmd_connect()
        if connection < 0:
            self._failed("connect", connection)
            return
        library, now_s = self._library, int(self._clock_s())
        steps: list[tuple[str, Callable[[], int]]] = [
            ("register", lambda: library.wdmd_register(connection, self._name)),
            ("open the device", lambda: library.wdmd_open_watchdog(connection, FIRE_S)),
            ("stay counted", lambda: library.wdmd_refcount_set(connection)),
            ("feed", lambda: library.wdmd_test_live(connection, now_s, now_s + EXPIRE_S)),
        ]
        for what, step in steps:
            if (code := step()) < 0:
                self._failed(what, code)
                self._leave(connection)
                return
        self._connection, self.device = connection, self._path

    def feed(self) -> None:
        if self._connection is None:
            return
        if not self._is_sound():
            log.error("the watchdog is not fed: unless that changes soon this node is reset")
            return
        now_s = int(self._clock_s())
        if (code := self._library.wdmd_test_live(self._connection, now_s, now_s + EXPIRE_S)) < 0:
            self._failed("feed", code)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._leave(connection)

    def leave(self, patience_s: int) -> None:
        """Keep the client alive in systemd's hands; it expires after ``patience_s`` unless somebody goes on."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        now_s = int(self._clock_s())
        if (code := self._library.wdmd_test_live(connection, now_s, now_s + patience_s)) < 0:
            self._failed("wait for the process that follows", code)
        if not self._store(_STORED, connection):  # started by hand: nobody could take it over
            self._leave(connection)

    def take_over(self) -> bool:
        connection = self._take_stored(_STORED)
        if connection is None:
            return False
        self._connection = connection
        self.feed()
        return True

    def _leave(self, connection: int) -> None:
        """In this order: a client that only went away would count as dead, and the node be reset.

        The question at the end is asked for its answer alone: wdmd sees a connection closed before it reads what was
        sent last (seen with 3.9.5), and nothing but an answer says that it has read it.
        """
        self._library.wdmd_test_live(connection, 0, 0)
        self._library.wdmd_refcount_clear(connection)
        self._library.wdmd_status(connection, (ctypes.c_int * 1)(), (ctypes.c_int * 1)(), (ctypes.c_uint64 * 1)())
        self._close_fd(connection)

    def _failed(self, what: str, code: int) -> None:
        self.device = ""
        log.error("wdmd cannot %s (error %d): nothing resets this node", what, code)
