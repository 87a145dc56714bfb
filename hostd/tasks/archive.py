"""Where tasks are found: running ones by their status files, ended ones by the index.

``/run/hostd/tasks/<upid>`` exists while a task runs; ``/var/log/pve/tasks/index`` gets one line
``<upid> <end time, hex> <status>`` per ended task, newest last; logs lie beside it in 16 folders.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass

from hostd.core.errors import ParseError
from hostd.tasks.log import exit_status
from hostd.tasks.upid import Upid

LOGS = "/var/log/pve/tasks"
RUNNING = "/run/hostd/tasks"
# The index is pruned to this many lines; logs whose line went are removed.
KEPT = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A task in a list. ``endtime`` (seconds) and ``status`` are None while it runs."""

    upid: Upid
    endtime: int | None = None
    status: str | None = None


def process_start(pid: int) -> int:
    """Start of a process in clock ticks after boot (field 22 of /proc/PID/stat, proc(5)); 0 where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return 0


@functools.lru_cache(maxsize=16384)
def _entry(line: str) -> Entry | None:
    """A line of the index; lists read the same lines again and again. None for a line that is none of ours."""
    name, _, rest = line.rstrip("\n").partition(" ")
    end, _, status = rest.partition(" ")
    try:
        return Entry(upid=Upid.parse(name), endtime=int(end, 16), status=status)
    except (ParseError, ValueError):
        return None


class Archive:
    """Reads and writes the folders; the API only reads."""

    def __init__(self, logs: str = LOGS, running: str = RUNNING) -> None:
        self.logs, self.running_folder = logs, running

    def log_path(self, upid: Upid) -> str:
        return os.path.join(self.logs, upid.file_name())

    def status_path(self, upid: Upid) -> str:
        return os.path.join(self.running_folder, str(upid))

    def is_running(self, upid: Upid) -> bool:
        """By process id and start time, so that a recycled id is not taken for the task."""
        return process_start(upid.pid) == upid.pstart and os.path.exists(self.status_path(upid))

    def running(self) -> list[Entry]:
        """Running tasks, newest first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.running_folder):
                with contextlib.suppress(ParseError):
                    upid = Upid.parse(name)
                    if process_start(upid.pid) == upid.pstart:
                        found.append(Entry(upid=upid))
        return sorted(found, key=lambda e: e.upid.starttime, reverse=True)

    def ended(self) -> Iterator[Entry]:
        """Ended tasks, newest first."""
        try:
            with open(os.path.join(self.logs, "index"), encoding="utf-8", errors="replace") as file:
                lines = file.readlines()
        except FileNotFoundError:
            return
        for line in reversed(lines):
            entry = _entry(line)
            if entry is not None:
                yield entry

    def status(self, upid: Upid) -> Entry | None:
        """The task's state, from its log once it has ended; None where there is no such task."""
        if self.is_running(upid):
            return Entry(upid=upid)
        path = self.log_path(upid)
        try:
            ended = int(os.stat(path).st_mtime)
        except FileNotFoundError:
            return None
        return Entry(upid=upid, endtime=ended, status=exit_status(path))

    def record_end(self, upid: Upid, *, now_s: float) -> None:
        """Add the task to the index, then drop its status file (a crash in between is mended by ``adopt``)."""
        line = f"{upid} {int(now_s):08X} {exit_status(self.log_path(upid))}\n"
        fd = os.open(os.path.join(self.logs, "index"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            os.write(fd, line.encode(errors="replace"))
        finally:
            os.close(fd)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.status_path(upid))

    def prune(self, *, keep: int = KEPT) -> int:
        """Drop the oldest index lines beyond ``keep`` with their logs; returns how many went."""
        index = os.path.join(self.logs, "index")
        try:
            with open(index, encoding="utf-8", errors="replace") as file:
                lines = file.readlines()
        except FileNotFoundError:
            return 0
        old = lines[: max(0, len(lines) - keep)]
        if not old:
            return 0
        with open(f"{index}.new", "w", encoding="utf-8") as file:
            file.writelines(lines[len(old) :])
            os.fchmod(file.fileno(), 0o640)
        os.rename(f"{index}.new", index)
        for line in old:
            with contextlib.suppress(ParseError, FileNotFoundError):
                os.unlink(self.log_path(Upid.parse(line.split(" ", 1)[0])))
        return len(old)
