"""The log of one task, as people read it: lines of text, the last one saying how it ended."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Protocol

UNEXPECTED = "unexpected status"
"""How a task ended that did not say so: its process was killed."""


class TaskLog(Protocol):
    """What a task function writes to. ``progress`` takes a fraction between 0 and 1."""

    def info(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def progress(self, fraction: float, text: str = "") -> None: ...


class FileLog:
    """Writes to the task's log file; each line is on its way before the call returns."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._percent = -1
        self.warnings = 0

    def info(self, text: str) -> None:
        os.write(self._fd, (text.rstrip("\n") + "\n").encode(errors="replace"))

    def warn(self, text: str) -> None:
        self.warnings += 1
        self.info(f"WARN: {text}")

    def progress(self, fraction: float, text: str = "") -> None:
        percent = int(min(max(fraction, 0.0), 1.0) * 100)
        if percent != self._percent:
            self._percent = percent
            self.info(f"progress {percent}%{' ' + text if text else ''}")

    def finish(self, error: str = "") -> None:
        """The last line, from which the task's exit status is read."""
        if error:
            self.info("TASK ERROR: " + " ".join(error.split("\n")))
        else:
            self.info(f"TASK WARNINGS: {self.warnings}" if self.warnings else "TASK OK")


class ListLog:
    """For tests and for callers that want the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings = 0

    def info(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.warnings += 1
        self.lines.append(f"WARN: {text}")

    def progress(self, fraction: float, text: str = "") -> None:
        self.lines.append(f"progress {fraction:.2f} {text}".rstrip())


def exit_status(path: str) -> str:
    """``OK``, ``WARNINGS: n``, the error's text, or ``unexpected status`` where the last line says none of them."""
    last = ""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 4096))
        lines = file.read().decode(errors="replace").splitlines()
        last = lines[-1] if lines else ""
    if last == "TASK OK":
        return "OK"
    if last.startswith("TASK WARNINGS: "):
        return last.removeprefix("TASK ")
    if last.startswith("TASK ERROR: "):
        return last.removeprefix("TASK ERROR: ")
    return UNEXPECTED


def progress(path: str) -> float | None:
    """How far a running task says it is, between 0 and 1, by the last such line near the end of its log."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            text = file.read().decode(errors="replace")
    except OSError:
        return None
    found = re.findall(r"^progress (\d{1,3})%", text, re.MULTILINE)
    return int(found[-1]) / 100 if found else None


def read_lines(path: str, *, start: int, limit: int) -> tuple[list[tuple[int, str]], int]:
    """Lines ``start`` (from 0) on, at most ``limit`` (0: all), each with its number from 1, and how many there are.

    An empty log is one line ``no content``.
    """
    count = 0
    found: list[tuple[int, str]] = []
    for line in _lines(path):
        count += 1
        if count > start and (limit == 0 or len(found) < limit):
            found.append((count, line))
    if count == 0:
        return [(1, "no content")], 1
    return found, count


def _lines(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                yield line.rstrip("\n")
    except FileNotFoundError:
        return
