"""What happens on the host, told to whoever listens: tasks, guests, changed configuration.

``Watcher`` finds out, ``Hub`` hands each event to every listener; what a listener may see is decided by the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from hostd.api.eventkinds import Event, of_change, of_status, of_task
from hostd.api.otherevents import OtherNodes
from hostd.cluster.store import Change, Mirror
from hostd.tasks.archive import Archive, Entry
from hostd.tasks.upid import Upid

log = logging.getLogger(__name__)
POLL_S: Final = 0.5
# A listener that is this far behind is sent away; it connects again and reads everything anew.
BACKLOG: Final = 1000


class Hub:
    """Hands events to listeners; only of the event loop's thread."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Event | None]] = set()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    @contextlib.contextmanager
    def listen(self) -> Iterator[asyncio.Queue[Event | None]]:
        """A queue of events; None in it means that some were lost."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(BACKLOG + 1)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def publish(self, event: Event) -> None:
        """Tell every listener; one that does not keep up is told so and gets nothing more."""
        for queue in list(self._listeners):
            if queue.qsize() < BACKLOG:
                queue.put_nowait(event)
            else:
                self._listeners.discard(queue)
                queue.put_nowait(None)


class Watcher:
    """Notices what changed between two looks at tasks and samples; ``step`` is called while somebody listens."""

    def __init__(
        self,
        archive: Archive,
        guests: Callable[[], Mapping[int, Mapping[str, Any]]],
        node: str,
        others: OtherNodes | None = None,
    ) -> None:
        self._archive, self._guests, self._node, self._others = archive, guests, node, others
        self._running: set[Upid] | None = None
        self._up: set[int] | None = None
        self._size = 0  # of the index of ended tasks

    def forget(self) -> None:
        """Nobody listens: what happens meanwhile is not told later."""
        self._running = self._up = None
        if self._others:
            self._others.forget()

    def step(self) -> list[Event]:
        """Events since the step before; the first step only looks."""
        if self._running is None:
            self._size = 0
        running = {entry.upid for entry in self._archive.running()}
        up = set(self._guests())
        found: list[Event] = []
        if self._running is not None:
            found += [of_task(Entry(upid=upid)) for upid in sorted(running - self._running, key=str)]
            ended = (self._archive.status(upid) for upid in sorted(self._running - running, key=str))
            found += [of_task(entry) for entry in ended if entry is not None]
        # a task may begin and end between two looks: the index tells of it
        found += [of_task(entry) for entry in self._missed(running)]
        if self._up is not None:
            found += [of_status(vmid, self._node, "running") for vmid in sorted(up - self._up)]
            found += [of_status(vmid, self._node, "stopped") for vmid in sorted(self._up - up)]
        self._running, self._up = running, up
        return found + (self._others.step() if self._others else [])

    def _missed(self, running: set[Upid]) -> list[Entry]:
        path = os.path.join(self._archive.logs, "index")
        try:
            size = os.stat(path).st_size
        except OSError:
            return []
        before, self._size = self._size, size
        if size <= before or not before:
            return []
        known = running | (self._running or set())
        found = []
        for entry in self._archive.ended():
            before += len(f"{entry.upid} {entry.endtime or 0:08X} {entry.status}\n".encode())
            if entry.upid not in known:
                found.append(entry)
            if before >= size:
                break
        return found[::-1]


async def watch(hub: Hub, watcher: Watcher, mirror: Mirror) -> None:
    """Tell the hub for ever; looks only while somebody listens."""
    loop = asyncio.get_running_loop()

    def changed(change: Change) -> None:
        event = of_change(change)
        if event is not None:
            loop.call_soon_threadsafe(hub.publish, event)

    unsubscribe = mirror.subscribe(changed)
    try:
        while True:
            if hub.listeners:
                try:
                    for event in await loop.run_in_executor(None, watcher.step):
                        hub.publish(event)
                except OSError as err:
                    log.warning("events: %s; looking again", err)
            else:
                watcher.forget()
            await asyncio.sleep(POLL_S)
    finally:
        unsubscribe()
