"""Task identifiers: ``UPID:<node>:<pid>:<pstart>:<starttime>:<type>:<id>:<user>:`` (numbers in upper-case hex)."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from hostd.core.errors import ParseError

_FORM = re.compile(
    r"UPID:(?P<node>[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?):(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9})"
    r":(?P<starttime>[0-9A-Fa-f]{8}):(?P<type>[^:\s]+):(?P<id>[^:\s]*):(?P<user>[^:\s]+):"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upid:
    """``pstart`` is the process's start in clock ticks after boot (proc(5)), ``starttime`` in seconds of the epoch."""

    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    user: str

    def __str__(self) -> str:
        numbers = f"{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}"
        return f"UPID:{self.node}:{numbers}:{encode(self.type)}:{encode(self.id)}:{encode(self.user)}:"

    @classmethod
    def parse(cls, text: str) -> Upid:
        """Raises ParseError with the text that clients know for a malformed id. Lists read the same ids again."""
        return _parse(text)

    @classmethod
    def _of(cls, text: str) -> Upid:
        match = _FORM.fullmatch(text)
        if not match:
            raise ParseError("unable to parse worker upid")
        return cls(
            node=match["node"],
            pid=int(match["pid"], 16),
            pstart=int(match["pstart"], 16),
            starttime=int(match["starttime"], 16),
            type=match["type"],
            id=decode(match["id"]),
            user=match["user"],
        )

    def file_name(self) -> str:
        """Place of the log below the task folder: one of 16 sub-folders by the last digit of the start time."""
        return f"{f'{self.starttime:08X}'[-1]}/{str(self).replace('/', '%2F')}"


@functools.lru_cache(maxsize=16384)
def _parse(text: str) -> Upid:
    return Upid._of(text)


def encode(text: str) -> str:
    """Escape what would break the form: control characters, blanks, ``:`` and ``%``."""
    return "".join(c if c.isprintable() and c not in ": %/\\" else f"%{ord(c):02X}" for c in text)


def decode(text: str) -> str:
    return re.sub(r"%([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), text)
