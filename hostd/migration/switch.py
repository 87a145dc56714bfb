"""The one step that hands a guest over: its file is renamed, which the store does for all nodes at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from hostd.core.errors import HostError
from hostd.guests import config as files
from hostd.guests.config import GuestPath, StoredGuest
from hostd.node.host import Host
from hostd.tasks.log import TaskLog

_TICK_S: Final = 1.0
_SWITCH_S: Final = 120.0


def switch(host: Host, log: TaskLog, guest: StoredGuest, target: str) -> None:
    """Rename the file. A store that does not answer is asked again: the guest may stand still for it."""
    place = replace(guest.where, node=target)
    end_s = time.monotonic() + _SWITCH_S
    while True:
        try:
            files.give(host.store, guest, target)
            return
        except HostError as err:
            if _is_there(host, place):
                return
            if time.monotonic() >= end_s:
                raise
            log.warn(f"the guest's file cannot be given to node '{target}' yet: {err}")
            time.sleep(_TICK_S)


def _is_there(host: Host, place: GuestPath) -> bool:
    try:
        files.load(host.store, place)
    except HostError:
        return False
    return True


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Stopping the task does nothing until this is over: it is short, and must not end in between."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
