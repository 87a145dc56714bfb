"""Whether a node is fit to be fed for, beyond what renewing its lock proves: its first process, and its disk.

Both may hang while everything that is in memory works on: guests could then neither be ended nor write.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hostd.core.notify import barrier

log = logging.getLogger(__name__)
FILE: Final = Path("/var/lib/hostd/disk-probe")
BLOCK: Final = 4096
EVERY_S: Final = 5.0
# A disk that has not answered for so long hangs; slow ones need some seconds under load.
LATE_S: Final = 30.0
PATIENCE_S: Final = 10.0


class DirectFile:
    """A block of a file that is read from the disk each time, past the kernel's cache (open(2), O_DIRECT)."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, also where the file system cannot do that."""
        if not path.is_file() or path.stat().st_size != BLOCK:
            path.write_bytes(bytes(BLOCK))
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        self._buffer = mmap.mmap(-1, BLOCK)  # aligned to a page, as O_DIRECT wants it

    def read(self) -> None:
        """Raises OSError; hangs with the disk."""
        os.preadv(self._fd, [self._buffer], 0)


class Disk:
    """A disk that is asked all the time; ``read`` may hang for ever, so it is asked in a thread of its own."""

    def __init__(self, read: Callable[[], None], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock_s = read, clock_s
        self._answered_s = clock_s()

    def ask(self) -> None:
        """An error is no answer: what cannot be read will not be written either."""
        try:
            self._read()
        except OSError as err:
            log.error("this node's disk: %s", err)
        else:
            self._answered_s = self._clock_s()

    def answers(self) -> bool:
        return self._clock_s() - self._answered_s < LATE_S

    def follow(self) -> None:
        threading.Thread(target=self._follow, name="disk", daemon=True).start()

    def _follow(self) -> None:
        while True:
            self.ask()
            time.sleep(EVERY_S)


def disk(path: Path = FILE) -> Callable[[], bool]:
    """Whether the disk of ``path`` answers, from now on; always where the file system does not let it be asked."""
    try:
        found = Disk(DirectFile(path).read)
    except OSError as err:
        log.warning("the watchdog does not notice a disk that hangs: %s", err)
        return lambda: True
    found.follow()
    return found.answers


def is_sound(disk_answers: Callable[[], bool], systemd_answers: Callable[[float], bool] = barrier) -> bool:
    """What is wrong is logged."""
    if not disk_answers():
        log.error("this node's disk has not answered for %d s", LATE_S)
        return False
    if not systemd_answers(PATIENCE_S):
        log.error("systemd has not answered for %d s", PATIENCE_S)
        return False
    return True
