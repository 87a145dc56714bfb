"""What can be asked of the tree, as data: every node applies the same mutations in the same order.

Random and changing values (new inode numbers, times) are part of the data, so that applying is a pure function.
``if_version`` is the compare in compare-and-set: the version that was read, 0 for "must not exist", None for "any".
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Why something was refused; the edges turn it into an error number or an exception."""

    MISSING = "missing"
    EXISTS = "exists"
    CHANGED = "changed"
    GUEST_EXISTS = "guest-exists"
    IS_DIRECTORY = "is-directory"
    NOT_DIRECTORY = "not-directory"
    NOT_EMPTY = "not-empty"
    RESERVED = "reserved"
    INVALID = "invalid"
    NAME_TOO_LONG = "name-too-long"
    TOO_BIG = "too-big"
    FULL = "full"
    DENIED = "denied"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal with its sentence for people."""

    cause: Cause
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """Create or replace a file. ``inode`` numbers the file if it is new; ``mtime_ns`` None: the proposer's time."""

    path: str
    data: bytes
    inode: int
    if_version: int | None = None
    mtime_ns: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rewrite:
    """Replace the contents of an existing file, wherever it has been moved to."""

    inode: int
    data: bytes
    mtime_ns: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Touch:
    """Set the modification time of a file or directory; refreshes a lock."""

    inode: int
    mtime_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Mkdir:
    """Create a directory; with ``exist_ok`` one that is there already is fine."""

    path: str
    inode: int
    exist_ok: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Delete:
    """Remove a file or an empty directory; ``directory`` (True or False) insists on the kind."""

    path: str
    if_version: int | None = None
    directory: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rename:
    """Move a file or directory; an existing target is replaced unless ``replace`` is off."""

    source: str
    target: str
    if_version: int | None = None
    replace: bool = True


Single = Write | Rewrite | Touch | Mkdir | Delete | Rename


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Several changes that happen together or not at all."""

    steps: tuple[Single, ...]


Mutation = Single | Batch


def new_inode() -> int:
    """A number for a new file, unique without asking other nodes (62 random bits; 1 to 255 are reserved)."""
    return secrets.randbits(62) | 1 << 62


def make_directories(path: str) -> Batch:
    """``mkdir -p``: every directory on the way to ``path``."""
    parts = path.split("/")
    names = ("/".join(parts[: i + 1]) for i in range(len(parts)))
    return Batch(steps=tuple(Mkdir(path=name, inode=new_inode(), exist_ok=True) for name in names))
