"""Recent tasks and events as the nodes tell each other: each its own, in one value for tasks and one for events."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterable
from typing import Final

import orjson

from hostd.core.errors import ParseError
from hostd.tasks import eventlog
from hostd.tasks.archive import Archive, Entry
from hostd.tasks.eventlog import Event
from hostd.tasks.upid import Upid

log = logging.getLogger(__name__)

TASKS, EVENTS = "tasks", "events"
ENDED_TOLD: Final = 50
EVENTS_TOLD: Final = 100
# As often it is told again without need: what was told is forgotten when the store's daemon ends.
REPEAT_S: Final = 30.0

Stamp = tuple[object, ...]


def tasks_to_wire(entries: Iterable[Entry]) -> bytes:
    return orjson.dumps([[str(entry.upid), entry.endtime, entry.status] for entry in entries])


def tasks_from_wire(data: bytes) -> list[Entry]:
    """None where a node of another version tells them in a form of its own."""
    try:
        return [Entry(upid=Upid.parse(upid), endtime=end, status=status) for upid, end, status in orjson.loads(data)]
    except (ValueError, TypeError, AttributeError, ParseError) as err:
        log.warning("another node's tasks are not understood: %s", err)
        return []


def events_to_wire(events: Iterable[Event]) -> bytes:
    return orjson.dumps(list(events))


def events_from_wire(data: bytes) -> list[Event]:
    """None where a node of another version tells them in a form of its own."""
    try:
        return [Event(**values) for values in orjson.loads(data)]
    except (ValueError, TypeError) as err:
        log.warning("another node's events are not understood: %s", err)
        return []


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


class Teller:
    """Looks for news in this node's tasks and events; the files are read only when they have changed."""

    def __init__(self, publish: Callable[[str, bytes], None], archive: Archive, *, events: str = eventlog.PATH) -> None:
        self._publish, self._archive, self._events = publish, archive, events
        self._seen: dict[str, tuple[object, float]] = {}

    def look(self, now_s: float) -> None:
        """Publish what is new; ``now_s`` is monotonic. Raises what ``publish`` raises, and then looks again."""
        running = self._archive.running()
        index = _stamp(os.path.join(self._archive.logs, "index"))
        self._tell(TASKS, (index, [str(entry.upid) for entry in running]), now_s, lambda: self._tasks(running))
        self._tell(EVENTS, _stamp(self._events), now_s, self._recent_events)

    def _tell(self, key: str, state: object, now_s: float, make: Callable[[], bytes]) -> None:
        seen, told_s = self._seen.get(key, (None, -REPEAT_S))
        if state != seen or now_s - told_s >= REPEAT_S:
            self._publish(key, make())
            self._seen[key] = (state, now_s)

    def _tasks(self, running: list[Entry]) -> bytes:
        return tasks_to_wire([*running, *itertools.islice(self._archive.ended(), ENDED_TOLD)])

    def _recent_events(self) -> bytes:
        return events_to_wire(eventlog.recent(EVENTS_TOLD, path=self._events))
