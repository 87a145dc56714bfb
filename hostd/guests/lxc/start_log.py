"""What a container's start wrote, and from it the reasons why it failed, in words for the task's log."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Final

FOLDER: Final = "/var/log/lxc"
_OURS: Final = "holdfast ERROR "
_WARNING: Final = "holdfast WARN "  # of debian/etc/ct-shape
_LXC = re.compile(r"\S+ \S+ \d+\.\d+ (?:ERROR|FATAL|CRIT|ALERT)\s+\S+ - [^:]*:[^:]*:\d+ - (.*)")
_MOST: Final = 5
# LXC says at each level that the one below failed; these add nothing to the first reason.
_ECHOES: Final = (
    "Failed to spawn container", "The container failed to start", "To get more details", "Additional information",
    "An error occurred in another process", "Failed to setup container",
)  # fmt: skip


def path(vmid: int) -> str:
    return f"{FOLDER}/{vmid}.log"


def clear(vmid: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path(vmid))


def read(vmid: int) -> str:
    try:
        with open(path(vmid), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def add(vmid: int, message: str) -> None:
    """Our own reason, for whoever reads the file."""
    os.makedirs(FOLDER, exist_ok=True)
    with open(path(vmid), "a", encoding="utf-8") as file:
        file.write(_OURS + " ".join(message.split("\n")) + "\n")


def reasons(text: str) -> list[str]:
    """The errors of a start, ours and LXC's (format of lxc_log.c: ``name id time LEVEL module - file - text``)."""
    found = []
    for line in text.splitlines():
        if line.startswith(_OURS):
            found.append(line.removeprefix(_OURS))
        elif (match := _LXC.match(line)) and not match.group(1).startswith(_ECHOES):
            found.append(match.group(1))
    return found[:_MOST]


def warnings(text: str) -> list[str]:
    """What a start could not bring about without failing."""
    return [line.removeprefix(_WARNING).strip() for line in text.splitlines() if line.startswith(_WARNING)]
