"""The cluster's log of events: log-ins, starts and ends of tasks. One line of JSON each, appended by root processes.

Lines are shorter than the kernel's pages, so appends of several processes do not mix (write(2), O_APPEND).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass

# In the folder of the tasks, whose group the API's unprivileged front has.
PATH = "/var/log/pve/tasks/events"
# A file this big becomes the older one; two of them are kept.
ROTATE_BYTES = 1 << 20
LONGEST_TEXT = 2000


@dataclass(frozen=True, kw_only=True)
class Event:
    """``pri`` as in syslog(3): 6 information, 4 warning, 3 error. ``tag``: the daemon. ``time`` in seconds."""

    time: int
    node: str
    pid: int
    pri: int
    tag: str
    user: str
    msg: str
    number: int = 0

    def shown(self) -> dict[str, object]:
        """As the API tells it."""
        values = asdict(self)
        number = values.pop("number")
        return values | {"uid": str(number), "id": f"{number}:{self.node}"}


def append(event: Event, path: str = PATH) -> None:
    """Add an event; a log that cannot be written stops nobody's work."""
    values = asdict(event) | {"msg": event.msg[:LONGEST_TEXT]}
    del values["number"]
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            os.write(fd, json.dumps(values).encode() + b"\n")
            full = os.fstat(fd).st_size > ROTATE_BYTES
        finally:
            os.close(fd)
        if full:
            os.rename(path, f"{path}.1")


def recent(limit: int, *, user: str = "", path: str = PATH) -> list[Event]:
    """The newest events, newest first; with ``user`` only those of that user and of its tokens."""
    found: list[Event] = []
    for name in (path, f"{path}.1"):
        found += _newest(name, limit - len(found), lambda owner: not user or owner.partition("!")[0] == user)
    return found


def _newest(path: str, limit: int, wanted: Callable[[str], bool]) -> list[Event]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except OSError:
        return []
    found: list[Event] = []
    for number in range(len(lines), 0, -1):
        if len(found) >= limit:
            break
        with contextlib.suppress(ValueError, TypeError):
            event = Event(**json.loads(lines[number - 1]), number=number)
            if wanted(event.user):
                found.append(event)
    return found
