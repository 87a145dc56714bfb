"""Telling how far an installation is: lines on the console, a log that survives, a status file for other programs."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TextIO


class State(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


class Report:
    """One installation's progress. ``clock`` gives seconds since the epoch.

    The log is appended to and flushed line by line; the status file is replaced as a whole:
    ``{"pid": …, "state": …, "stage": …, "percent": …, "message": …}``.
    """

    def __init__(self, console: TextIO, log: Path, status: Path, clock: Callable[[], float] = time.time) -> None:
        self._console, self._status, self._clock = console, status, clock
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        status.parent.mkdir(parents=True, exist_ok=True)
        self._file = log.open("a", buffering=1)
        self._stage = ""
        self._percent = self._start = self._weight = 0.0
        self._write(State.RUNNING, "starting")

    def close(self) -> None:
        self._file.close()

    def stage(self, name: str, title: str, *, start: float, weight: float) -> None:
        """A stage begins; it covers ``weight`` percent from ``start`` on."""
        self._stage, self._start, self._weight, self._percent = name, start, weight, start
        self._write(State.RUNNING, title)
        self._line(f"[{start:3.0f}%] {name}: {title}")

    def fraction(self, done: float) -> None:
        """The running stage is done to this part (0 to 1). The console hears of every tenth percent of the whole."""
        before, self._percent = self._percent, self._start + self._weight * min(max(done, 0.0), 1.0)
        if int(self._percent // 10) > int(before // 10):
            self._write(State.RUNNING, "")
            self._line(f"[{self._percent:3.0f}%] {self._stage}")

    def say(self, text: str) -> None:
        """A line for people."""
        self._line(f"       {text}")

    def note(self, text: str) -> None:
        """A line for the log only."""
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self._clock()))
        self._file.write(f"{moment} {text}\n")

    def paused(self, how_to_go_on: str) -> None:
        self._write(State.PAUSED, how_to_go_on)
        self._line(f"[{self._percent:3.0f}%] paused at {self._stage}: {how_to_go_on}")

    def failed(self, reason: str) -> None:
        self._write(State.FAILED, reason)
        where = f" at stage {self._stage}" if self._stage else ""
        self._line(f"INSTALLATION FAILED{where}:")
        for line in reason.splitlines():
            self._line(f"  {line}")

    def done(self, text: str) -> None:
        self._percent = 100.0
        self._write(State.DONE, text)
        self._line(f"[100%] {text}")

    def _line(self, text: str) -> None:
        self.note(text)
        print(text, file=self._console, flush=True)

    def _write(self, state: State, message: str) -> None:
        tree = {
            "pid": os.getpid(),
            "state": state,
            "stage": self._stage,
            "percent": round(self._percent),
            "message": message,
        }
        partial = self._status.with_name(self._status.name + ".new")
        partial.write_text(json.dumps(tree) + "\n")
        partial.replace(self._status)


class LogHandler(logging.Handler):
    """Sends what the code logs (each program that is started, tracebacks of bugs) to the installation's log."""

    def __init__(self, report: Report) -> None:
        super().__init__(logging.DEBUG)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report.note(self.format(record))
