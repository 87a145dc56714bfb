"""What is mounted, asked of the kernel's table alone: to look at a mount point itself may hang with its server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

TABLE: Final = "/proc/self/mountinfo"
_OCTAL: Final = re.compile(r"\\(\d{3})")


@dataclass(frozen=True, kw_only=True)
class Mount:
    """``source`` as the file system tells it (a device, ``server:/export``)."""

    point: str
    type: str
    source: str


def parse_mountinfo(text: str) -> list[Mount]:
    """Parse ``/proc/self/mountinfo``; of mounts on one point the last one is what is seen. Source: proc(5)."""
    found = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        fields, rest = left.split(), right.split()
        if dash and len(fields) > 4 and len(rest) > 1:
            found.append(Mount(point=_plain(fields[4]), type=rest[0], source=_plain(rest[1])))
    return found


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)


def mounted_at(path: str, table: str = TABLE) -> Mount | None:
    """What is mounted on exactly that path."""
    with open(table, encoding="utf-8", errors="surrogateescape") as file:
        here = [m for m in parse_mountinfo(file.read()) if m.point == path.rstrip("/")]
    return here[-1] if here else None
