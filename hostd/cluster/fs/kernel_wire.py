"""What the kernel and a FUSE file system say to each other, as bytes. Pure.

Only what the store's mount needs. Source: linux/fuse.h (protocol 7.31; newer kernels speak it on request), fuse(4).
"""

from __future__ import annotations

import errno
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

MAJOR, MINOR = 7, 31
MAX_WRITE: Final = 1 << 20
MAX_PAGES: Final = MAX_WRITE // 4096
REQUEST_BYTES: Final = MAX_WRITE + 4096  # the largest request: a write with its headers

# of INIT: what is asked for if the kernel offers it
ASYNC_READ, ATOMIC_O_TRUNC, BIG_WRITES, AUTO_INVAL_DATA = 1 << 0, 1 << 3, 1 << 5, 1 << 12
DO_READDIRPLUS, ASYNC_DIO, PARALLEL_DIROPS, HANDLE_KILLPRIV, WITH_MAX_PAGES = (
    1 << 13,
    1 << 15,
    1 << 18,
    1 << 19,
    1 << 22,
)
WANTED: Final = (
    ASYNC_READ | ATOMIC_O_TRUNC | BIG_WRITES | AUTO_INVAL_DATA | DO_READDIRPLUS | ASYNC_DIO | PARALLEL_DIROPS
    | HANDLE_KILLPRIV | WITH_MAX_PAGES
)  # fmt: skip
# of the answer to OPEN
DIRECT_IO, KEEP_CACHE, NO_FLUSH = 1 << 0, 1 << 1, 1 << 5
# of SETATTR
SET_MODE, SET_UID, SET_GID, SET_SIZE, SET_MTIME, WITH_HANDLE, MTIME_NOW = 1, 2, 4, 8, 32, 64, 256
# notifications, in the place of an error
INVAL_INODE, INVAL_ENTRY = 2, 3

IN_HEADER: Final = struct.Struct("<IIQQIIIHH")
OUT_HEADER: Final = struct.Struct("<IiQ")
ATTRIBUTES: Final = struct.Struct("<6Q10I")
ENTRY_HEAD: Final = struct.Struct("<4Q2I")
ATTR_HEAD: Final = struct.Struct("<QII")
OPENED: Final = struct.Struct("<QIi")
INIT_IN: Final = struct.Struct("<4I")
INIT_OUT: Final = struct.Struct("<4I2H2I2H2I24x")
DIRENT: Final = struct.Struct("<QQII")
SETATTR: Final = struct.Struct("<II6Q8I")
READ: Final = struct.Struct("<QQIIQII")
WRITE: Final = READ
STATFS: Final = struct.Struct("<5Q4I24x")
TWO: Final = struct.Struct("<II")
FOUR: Final = struct.Struct("<IIII")
HANDLE: Final = struct.Struct("<Q")
FORGOTTEN: Final = struct.Struct("<QQ")
RENAME2: Final = struct.Struct("<QII")
FSYNC: Final = struct.Struct("<QI")
INODE_GONE: Final = struct.Struct("<Qqq")
ENTRY_GONE: Final = struct.Struct("<QII")


class Op(IntEnum):
    """Kinds of requests that are answered; all others with ENOSYS."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    RELEASEDIR = 29
    FSYNCDIR = 30
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    READDIRPLUS = 44
    RENAME2 = 45


UNANSWERED: Final = frozenset({Op.FORGET, Op.BATCH_FORGET, Op.INTERRUPT})


class FUSEError(Exception):
    """An error number for whoever made the system call."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.errno = number


@dataclass(slots=True)
class Context:
    """Who asks."""

    uid: int
    gid: int
    pid: int


@dataclass(slots=True)
class Attributes:
    """Of a file or directory; the kernel trusts them for ``timeout_s``. ``mode`` with the kind of the entry."""

    inode: int
    mode: int
    gid: int
    size: int
    mtime_ns: int
    timeout_s: float

    def packed(self) -> bytes:
        seconds, rest = divmod(self.mtime_ns, 10**9)
        return ATTRIBUTES.pack(
            self.inode, self.size, (self.size + 511) // 512, seconds, seconds, seconds, rest, rest, rest,
            self.mode, 1, 0, self.gid, 0, 4096, 0,
        )  # fmt: skip

    def as_attributes(self) -> bytes:
        """The answer to GETATTR and SETATTR."""
        seconds, rest = _timeout(self.timeout_s)
        return ATTR_HEAD.pack(seconds, rest, 0) + self.packed()

    def as_entry(self) -> bytes:
        """The answer to LOOKUP and to what makes entries."""
        seconds, rest = _timeout(self.timeout_s)
        return ENTRY_HEAD.pack(self.inode, 0, seconds, seconds, rest, rest) + self.packed()


def _timeout(timeout_s: float) -> tuple[int, int]:
    seconds = int(timeout_s)
    return seconds, int((timeout_s - seconds) * 1e9)


@dataclass(slots=True)
class Opened:
    """``no_flush``: closing the file is not told (Linux 5.16; older ones tell it all the same)."""

    handle: int
    direct_io: bool = False
    keep_cache: bool = False
    no_flush: bool = False

    def packed(self) -> bytes:
        flags = self.direct_io * DIRECT_IO | self.keep_cache * KEEP_CACHE | self.no_flush * NO_FLUSH
        return OPENED.pack(self.handle, flags, 0)


@dataclass(slots=True)
class Changes:
    """What SETATTR asks for; None: stays as it is."""

    mode: int | None
    uid: int | None
    gid: int | None
    size: int | None
    mtime_ns: int | None
    handle: int | None


def changes_of(body: bytes) -> Changes:
    valid, _, handle, size, _, _, mtime, _, _, mtime_rest, _, mode, _, uid, gid, _ = SETATTR.unpack_from(body)
    now = time.time_ns() if valid & MTIME_NOW else mtime * 10**9 + mtime_rest
    return Changes(
        mode=mode if valid & SET_MODE else None,
        uid=uid if valid & SET_UID else None,
        gid=gid if valid & SET_GID else None,
        size=size if valid & SET_SIZE else None,
        mtime_ns=now if valid & (SET_MTIME | MTIME_NOW) else None,
        handle=handle if valid & WITH_HANDLE else None,
    )


class Listing:
    """An answer to READDIRPLUS that is filled until it is full."""

    def __init__(self, size: int) -> None:
        self._room, self._parts = size, list[bytes]()

    def add(self, name: bytes, attributes: Attributes, following: int) -> bool:
        """Whether there was room; ``following`` is where to go on after this one."""
        size = -(ENTRY_HEAD.size + ATTRIBUTES.size + DIRENT.size + len(name)) % 8
        head = DIRENT.pack(attributes.inode, following, len(name), attributes.mode >> 12)
        part = attributes.as_entry() + head + name + bytes(size)
        if len(part) > self._room:
            return False
        self._room -= len(part)
        self._parts.append(part)
        return True

    def packed(self) -> bytes:
        return b"".join(self._parts)


@dataclass(slots=True)
class Space:
    """The answer to STATFS; blocks of 4096 bytes."""

    blocks: int
    free: int
    files: int
    files_free: int
    longest_name: int

    def packed(self) -> bytes:
        return STATFS.pack(
            self.blocks, self.free, self.free, self.files, self.files_free, 4096, self.longest_name, 4096, 0
        )  # fmt: skip


def forgotten(op: int, inode: int, request: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Of FORGET and BATCH_FORGET: inodes and how many entries each is less."""
    if op == Op.FORGET:
        yield inode, HANDLE.unpack_from(request, IN_HEADER.size)[0]
    elif op == Op.BATCH_FORGET:
        count, _ = TWO.unpack_from(request, IN_HEADER.size)
        for number in range(count):
            yield FORGOTTEN.unpack_from(request, IN_HEADER.size + TWO.size + number * FORGOTTEN.size)


def names(data: bytes) -> Sequence[bytes]:
    """Names that end with a zero byte each."""
    return data.split(b"\0")[:-1]


def answer(unique: int, body: bytes = b"") -> bytes:
    return OUT_HEADER.pack(OUT_HEADER.size + len(body), 0, unique) + body


def refusal(unique: int, number: int) -> bytes:
    return OUT_HEADER.pack(OUT_HEADER.size, -number, unique)


def greeting(unique: int, body: bytes) -> bytes:
    """The answer to INIT. Raises FUSEError for a kernel that is too old (before Linux 5.4)."""
    major, minor, readahead, offered = INIT_IN.unpack_from(body)
    if (major, minor) < (MAJOR, MINOR):
        raise FUSEError(errno.EPROTO)
    flags = offered & WANTED
    return answer(unique, INIT_OUT.pack(MAJOR, MINOR, readahead, flags, 0, 0, MAX_WRITE, 1, MAX_PAGES, 0, 0, 0))


def inode_gone(inode: int, *, data: bool) -> bytes:
    """Forget what is cached of an inode: attributes, and with ``data`` its contents."""
    body = INODE_GONE.pack(inode, 0 if data else -1, 0)
    return OUT_HEADER.pack(OUT_HEADER.size + len(body), INVAL_INODE, 0) + body


def entry_gone(parent: int, name: bytes) -> bytes:
    """Look a name up again."""
    body = ENTRY_GONE.pack(parent, len(name), 0) + name + b"\0"
    return OUT_HEADER.pack(OUT_HEADER.size + len(body), INVAL_ENTRY, 0) + body
