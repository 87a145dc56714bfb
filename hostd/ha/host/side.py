"""What both daemons of a host ask of the world: clock, store, locks, watchdog."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import HostError, NotFound
from hostd.ha import stored
from hostd.ha.config import Options, Resource
from hostd.ha.env import StoreFailed
from hostd.ha.events import Kind, Tell, Value
from hostd.ha.host.locks import Locks, clock_s
from hostd.ha.host.watchdogs import Watchdog
from hostd.ha.status import ManagerStatus
from hostd.node.host import Host

log = logging.getLogger(__name__)
_SEEN_S: Final = 2.0


def to_log(kind: Kind, /, **fields: Value) -> None:
    """An event as a line of the journal: ``service_state sid=vm:100 from=started to=fence``."""
    told = " ".join(f"{key}={text_of(value)}" for key, value in fields.items() if value is not None)
    log.info("%s %s", kind, told)


def text_of(value: Value) -> str:
    """A field of an event as text."""
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


@contextmanager
def store_errors() -> Iterator[None]:
    """Whatever is wrong with the store, or with what lies in it, is StoreFailed for manager and agent."""
    try:
        yield
    except StoreFailed:
        raise
    except HostError as err:
        raise StoreFailed(str(err)) from err


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a daemon is made with. ``tell`` takes its events, ``clock_s`` never jumps."""

    host: Host
    locks: Locks
    watchdog: Watchdog
    tell: Tell = to_log
    clock_s: Callable[[], float] = clock_s


class Side:
    """The common part of both environments."""

    def __init__(self, around: Surroundings) -> None:
        self.around, self.host = around, around.host
        self.node = self.host.node
        self.tell: Tell = around.tell
        self.mirror, self.store = self.host.mirror, self.host.store

    def now_s(self) -> float:
        return self.around.clock_s()

    def is_quorate(self) -> bool:
        """A node that belongs to no cluster is its own quorum."""
        standing = self.mirror.members()
        return standing is None or standing.quorate

    def refresh(self) -> bool:
        """Whether the store answers and this process's copy has what it holds."""
        try:
            try:
                version = self.store.read(stored.STATUS).version
            except NotFound:
                self.store.list()
                return True
            self.mirror.wait_for(version, _SEEN_S)
        except HostError as err:
            log.warning("the store does not answer: %s", err)
            return False
        return True

    def read_status(self) -> ManagerStatus:
        with store_errors():
            return stored.manager_status(self.mirror)

    def read_resources(self) -> Mapping[str, Resource]:
        with store_errors():
            return stored.resources(self.mirror)

    def read_options(self) -> Options:
        with store_errors():
            return stored.options(self.mirror)

    def take_lock(self, name: str) -> bool:
        locks = self.around.locks
        had = locks.is_own(name)
        taken = locks.take(name)
        if taken and not had:
            self.tell(Kind.LOCK_ACQUIRED, lock=name)
        return taken

    def release_lock(self, name: str, *, leaves_guests: bool = False) -> None:
        try:
            self.around.locks.release(name, keep=leaves_guests)
        except HostError as err:
            # Nobody can have it before it has run out; with guests left nobody covers them meanwhile, so this is told.
            log.warning("the lock '%s' is not given back, it runs out by itself: %s", name, err)

    def open_watchdog(self) -> None:
        self.around.watchdog.open()

    def feed_watchdog(self) -> None:
        self.around.watchdog.feed()

    def close_watchdog(self) -> None:
        self.around.watchdog.close()
