"""The kernel's end of the mount: /dev/fuse, one request after the other, without a library in between.

A read of a file costs one turn through this loop (open; closing it is not told), and the turn is the cost: with a
library and a task for each request it was measured at three times that of a program in C, so that requests which need
not wait are answered where they are read. Those that change something get a task of their own.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import os
import time
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from hostd.cluster.fs import kernel_wire as wire
from hostd.cluster.fs.kernel_wire import Context, FUSEError, Op
from hostd.cluster.fs.openfiles import READERS

if TYPE_CHECKING:
    from hostd.cluster.fs.fuse import Filesystem

log = logging.getLogger(__name__)

DEVICE: Final = "/dev/fuse"
MS_NOSUID, MS_NODEV, MNT_DETACH = 2, 4, 2
# Requests in a row before others of the loop may run, and for how long: some of them commit.
TURNS: Final = 32
TURNS_NS: Final = 2_000_000
# A program that reads file after file asks again within a few microseconds: for so long the next request is looked
# for, instead of sleeping and being woken, which costs more than the answer. On one processor it would keep the
# program from asking.
LOOK_NS: Final = 40_000 if len(os.sched_getaffinity(0)) > 1 else 0

NOT_ONLY_READ: Final = os.O_WRONLY | os.O_RDWR | os.O_TRUNC
OPENED_TO_READ: Final = wire.Opened(READERS, keep_cache=True, no_flush=True).packed()
OPENED_BYTES: Final = wire.OUT_HEADER.size + len(OPENED_TO_READ)

Carry = Callable[["Filesystem", int, bytes, Context], Coroutine[Any, Any, bytes]]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def mount(target: Path, fd: int, *, source: str = "holdfast") -> None:
    """mount(2) of a FUSE file system that is served on ``fd``; the kernel checks permissions. Raises OSError."""
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other"
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV)
    if _libc().mount(source.encode(), os.fsencode(target), b"fuse", flags, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def unmount(target: Path) -> None:
    """At once, also while it is in use; one that is gone already is fine. Raises OSError."""
    if _libc().umount2(os.fsencode(target), MNT_DETACH) and (number := ctypes.get_errno()) != errno.EINVAL:
        raise OSError(number, os.strerror(number), str(target))


# --- requests: inode, body, who asks -> body of the answer


async def _lookup(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    return (await fs.lookup(inode, body[:-1], context)).as_entry()


async def _getattr(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    return (await fs.getattr(inode, context)).as_attributes()


async def _setattr(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    return (await fs.setattr(inode, wire.changes_of(body), context)).as_attributes()


async def _readlink(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    return await fs.readlink(inode, context)


async def _never(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    raise FUSEError(errno.EPERM)


async def _mkdir(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    (name,) = wire.names(body[wire.TWO.size :])
    return (await fs.mkdir(inode, name, context)).as_entry()


async def _unlink(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    await fs.unlink(inode, body[:-1], context)
    return b""


async def _rmdir(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    await fs.rmdir(inode, body[:-1], context)
    return b""


async def _rename(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    (target,) = wire.HANDLE.unpack_from(body)
    old, new = wire.names(body[wire.HANDLE.size :])
    await fs.rename(inode, old, target, new, 0, context)
    return b""


async def _rename2(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    target, flags, _ = wire.RENAME2.unpack_from(body)
    old, new = wire.names(body[wire.RENAME2.size :])
    await fs.rename(inode, old, target, new, flags, context)
    return b""


async def _open(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    flags, _ = wire.TWO.unpack_from(body)
    return (await fs.open(inode, flags, context)).packed()


async def _create(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    flags, *_ = wire.FOUR.unpack_from(body)
    (name,) = wire.names(body[wire.FOUR.size :])
    opened, attributes = await fs.create(inode, name, flags, context)
    return attributes.as_entry() + opened.packed()


async def _read(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    handle, offset, size, *_ = wire.READ.unpack_from(body)
    return await fs.read(inode, handle, offset, size)


async def _write(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    handle, offset, size, *_ = wire.WRITE.unpack_from(body)
    return wire.TWO.pack(await fs.write(handle, offset, body[wire.WRITE.size : wire.WRITE.size + size]), 0)


async def _statfs(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    return (await fs.statfs(context)).packed()


async def _release(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    await fs.release(*wire.HANDLE.unpack_from(body))
    return b""


async def _flush(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    await fs.flush(*wire.HANDLE.unpack_from(body))
    return b""


async def _fsync(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    handle, flags = wire.FSYNC.unpack_from(body)
    await fs.fsync(handle, bool(flags & 1))
    return b""


async def _nothing(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    return b""


async def _opendir(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    return wire.Opened(await fs.opendir(inode, context)).packed()


async def _readdir(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    handle, offset, size, *_ = wire.READ.unpack_from(body)
    listing = wire.Listing(size)
    await fs.readdir(handle, offset, listing)
    return listing.packed()


async def _releasedir(fs: Filesystem, inode: int, body: bytes, context: Context) -> bytes:
    await fs.releasedir(*wire.HANDLE.unpack_from(body))
    return b""


# Those that never wait: answered where they are read.
AT_ONCE: Final[dict[int, Carry]] = {
    Op.LOOKUP: _lookup, Op.GETATTR: _getattr, Op.READLINK: _readlink, Op.OPEN: _open, Op.READ: _read,
    Op.WRITE: _write, Op.STATFS: _statfs, Op.OPENDIR: _opendir, Op.READDIRPLUS: _readdir, Op.RELEASEDIR: _releasedir,
    Op.SYMLINK: _never, Op.LINK: _never, Op.MKNOD: _never, Op.FSYNCDIR: _nothing, Op.DESTROY: _nothing,
}  # fmt: skip
# Those that wait when there is something to commit that takes its time.
CLOSING: Final[dict[int, Carry]] = {Op.FLUSH: _flush, Op.RELEASE: _release, Op.FSYNC: _fsync}
WAITING: Final[dict[int, Carry]] = {
    Op.SETATTR: _setattr, Op.MKDIR: _mkdir, Op.UNLINK: _unlink, Op.RMDIR: _rmdir, Op.RENAME: _rename,
    Op.RENAME2: _rename2, Op.CREATE: _create,
}  # fmt: skip


class _Turn(Enum):
    """What became of one look for a request."""

    NONE = auto()  # there was none
    ANSWERED = auto()
    BEGUN = auto()  # a task of its own answers it


class Kernel:
    """A mount. The constructor raises OSError; then ``run`` answers, until ``stop`` or until somebody unmounts it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._fd = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self._buffer = bytearray(wire.REQUEST_BYTES)
        self._reading = trio.CancelScope()
        self._gone = False
        try:
            mount(target, self._fd)
        except BaseException:
            os.close(self._fd)
            raise

    async def run(self, filesystem: Filesystem) -> None:
        """Answer requests. Those under way are finished before it returns."""
        async with trio.open_nursery() as nursery:
            with self._reading:
                while not self._gone:
                    await trio.lowlevel.wait_readable(self._fd)
                    while self._turns(filesystem, nursery):
                        await trio.lowlevel.checkpoint()

    def stop(self) -> None:
        """Take no more requests."""
        self._reading.cancel()

    def close(self) -> None:
        """Unmount."""
        with contextlib.suppress(OSError):
            unmount(self._target)
        os.close(self._fd)

    # --- from any thread

    def forget_inode(self, inode: int, *, data: bool) -> None:
        """Raises FileNotFoundError where the kernel has not cached it, OSError."""
        os.write(self._fd, wire.inode_gone(inode, data=data))

    def forget_name(self, parent: int, name: bytes) -> None:
        """Raises FileNotFoundError where the kernel has not cached it, OSError."""
        os.write(self._fd, wire.entry_gone(parent, name))

    # --- inside

    def _turns(self, filesystem: Filesystem, nursery: trio.Nursery) -> bool:
        """Some requests; whether there may be more at once."""
        looking_until_ns = ending_ns = 0
        for _ in range(TURNS):
            while (turn := self._turn(filesystem, nursery)) is _Turn.NONE:
                if self._gone or time.monotonic_ns() >= looking_until_ns:
                    return False
            if turn is _Turn.BEGUN:
                looking_until_ns = 0
                continue
            now_ns = time.monotonic_ns()
            looking_until_ns, ending_ns = now_ns + LOOK_NS, ending_ns or now_ns + TURNS_NS
            if now_ns > ending_ns:
                break
        return True

    def _turn(self, filesystem: Filesystem, nursery: trio.Nursery) -> _Turn:
        try:
            size = os.readv(self._fd, [self._buffer])
        except BlockingIOError:
            return _Turn.NONE
        except OSError as err:
            if err.errno in (errno.ENOENT, errno.EINTR):  # whoever asked was killed meanwhile
                return _Turn.ANSWERED
            if err.errno != errno.ENODEV:
                raise
            self._gone = True  # unmounted
            return _Turn.NONE
        _, op, unique, inode, uid, gid, pid, _, _ = wire.IN_HEADER.unpack_from(self._buffer)
        if (message := self._quickly(filesystem, op, unique, inode)) is not None:
            self._send(message)
            return _Turn.ANSWERED
        if op in wire.UNANSWERED:  # what was begun is finished, so that INTERRUPT is nothing
            for forgotten, times in wire.forgotten(op, inode, self._buffer):
                filesystem.forget(forgotten, times)
            return _Turn.ANSWERED
        body, context = bytes(self._buffer[wire.IN_HEADER.size : size]), Context(uid, gid, pid)
        carry = AT_ONCE.get(op)
        if carry is None and (carry := CLOSING.get(op)) and filesystem.must_wait(*wire.HANDLE.unpack_from(body)):
            nursery.start_soon(self._carry, carry, filesystem, unique, inode, body, context)
            return _Turn.BEGUN
        elif carry is not None:
            self._send(_finish(carry(filesystem, inode, body, context), unique))
        elif carry := WAITING.get(op):
            nursery.start_soon(self._carry, carry, filesystem, unique, inode, body, context)
            return _Turn.BEGUN
        elif op == Op.INIT:
            self._send(wire.greeting(unique, body))
        else:
            self._send(wire.refusal(unique, errno.ENOSYS))
        return _Turn.ANSWERED

    def _quickly(self, filesystem: Filesystem, op: int, unique: int, inode: int) -> bytes | None:
        """The answer to an opening to read and to a closing that changes nothing, by far the most frequent requests;
        None for others.
        """
        if op == Op.OPEN:
            flags, _ = wire.TWO.unpack_from(self._buffer, wire.IN_HEADER.size)
            if not flags & NOT_ONLY_READ and filesystem.open_to_read(inode):
                return wire.OUT_HEADER.pack(OPENED_BYTES, 0, unique) + OPENED_TO_READ
        elif op == Op.RELEASE:
            (handle,) = wire.HANDLE.unpack_from(self._buffer, wire.IN_HEADER.size)
            if handle == READERS:
                filesystem.close_after_read(inode)
                return wire.answer(unique)
            if filesystem.release_at_once(handle):
                return wire.answer(unique)
        return None

    async def _carry(
        self, carry: Carry, filesystem: Filesystem, unique: int, inode: int, body: bytes, context: Context
    ) -> None:
        try:
            message = wire.answer(unique, await carry(filesystem, inode, body, context))
        except FUSEError as err:
            message = wire.refusal(unique, err.errno)
        self._send(message)

    def _send(self, message: bytes) -> None:
        try:
            os.write(self._fd, message)
        except OSError as err:
            # ENOENT: nobody waits for it any more; ENODEV: unmounted, which the next read tells
            if err.errno not in (errno.ENOENT, errno.ENODEV):
                raise


def _finish(coroutine: Coroutine[Any, Any, bytes], unique: int) -> bytes:
    """The answer of one that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return wire.answer(unique, done.value)
    except FUSEError as err:
        return wire.refusal(unique, err.errno)
    coroutine.close()
    log.error("bug: %s waits, but is answered at once", coroutine.__qualname__)
    return wire.refusal(unique, errno.EIO)
