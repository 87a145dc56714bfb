"""The tree as a file system: requests of the kernel, answered from memory or turned into mutations.

The kernel checks permissions by the modes shown here (``default_permissions``), and caches names, attributes and data;
``caches`` tells it what became wrong. Source: fuse(4), linux/fuse.h, observed behaviour of Linux 6.x.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import stat
import time
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import trio

from hostd.cluster.fs import paths, special
from hostd.cluster.fs.caches import CACHE_S, Caches, Known
from hostd.cluster.fs.engine import Engine, Refusal
from hostd.cluster.fs.kernel_wire import Attributes, Changes, Context, FUSEError, Listing, Opened, Space
from hostd.cluster.fs.lifetimes import LockTimes
from hostd.cluster.fs.mutations import (
    Batch,
    Cause,
    Delete,
    Mkdir,
    Rename,
    Rewrite,
    Single,
    Touch,
    Write,
    new_inode,
)
from hostd.cluster.fs.openfiles import READERS, Handle, OpenFile, OpenFiles, State
from hostd.cluster.fs.replicate import Entry
from hostd.cluster.fs.tree import ROOT, Node, apply

log = logging.getLogger(__name__)

ERRNO: Final = {
    Cause.MISSING: errno.ENOENT,
    Cause.EXISTS: errno.EEXIST,
    Cause.GUEST_EXISTS: errno.EEXIST,
    Cause.CHANGED: errno.EBUSY,
    Cause.IS_DIRECTORY: errno.EISDIR,
    Cause.NOT_DIRECTORY: errno.ENOTDIR,
    Cause.NOT_EMPTY: errno.ENOTEMPTY,
    Cause.RESERVED: errno.EPERM,
    Cause.INVALID: errno.EINVAL,
    Cause.NAME_TOO_LONG: errno.ENAMETOOLONG,
    Cause.TOO_BIG: errno.EFBIG,
    Cause.FULL: errno.ENOSPC,
    Cause.DENIED: errno.EACCES,
    Cause.CLOSED: errno.EACCES,
    Cause.UNKNOWN: errno.EIO,
}
LINK_INODES: Final = {name: 16 + number for number, name in enumerate(paths.LINKS)}
SPECIAL_INODES: Final = {name: 32 + number for number, name in enumerate(paths.SPECIAL)}
LINK_NAMES: Final = {inode: name for name, inode in LINK_INODES.items()}
SPECIAL_NAMES: Final = {inode: name for name, inode in SPECIAL_INODES.items()}
RENAME_NOREPLACE: Final = 1
WRITING: Final = os.O_WRONLY | os.O_RDWR
COMM_BYTES: Final = 64  # proc(5): 16 at most of a program, kernel threads have longer ones

P = ParamSpec("P")
R = TypeVar("R")
Method = Callable[Concatenate["Filesystem", P], Coroutine[Any, Any, R]]


def answers(method: Method[P, R]) -> Method[P, R]:
    """Turn refusals into error numbers; a bug becomes EIO and a traceback in the log, not the end of the mount."""

    @functools.wraps(method)
    async def call(self: Filesystem, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await method(self, *args, **kwargs)
        except Refusal as err:
            log.info("%s refused: %s", method.__name__, err)
            raise FUSEError(ERRNO[err.cause]) from err
        except FUSEError:
            raise
        except OSError as err:
            raise FUSEError(err.errno or errno.EIO) from err
        except Exception as err:
            log.exception("bug in %s", method.__name__)
            raise FUSEError(errno.EIO) from err

    return call


class Filesystem:
    """The mount of one node. ``gid`` is the group that may read public files."""

    def __init__(
        self,
        engine: Engine,
        contents: special.SpecialFiles,
        locks: LockTimes,
        caches: Caches,
        known: Known,
        *,
        gid: int,
    ) -> None:
        self._engine, self._tree = engine, engine.tree
        self._special, self._locks, self._caches, self._known = contents, locks, caches, known
        self._special_inodes = {name: inode for name, inode in SPECIAL_INODES.items() if name in contents.names}
        self._gid = gid
        self._open = OpenFiles()
        self._listings: dict[int, tuple[int, list[str]]] = {}
        self._next_listing = 1
        engine.listen(self._published)

    def _published(self, entry: Entry, _from_mount: bool) -> None:
        for effect in entry.outcome.effects:
            if effect.new is None and effect.old is not None:
                self._open.removed(effect.old)

    # --- names and attributes

    def _name(self, raw: bytes) -> str:
        try:
            return raw.decode()
        except UnicodeDecodeError as err:
            raise FUSEError(errno.EINVAL) from err

    def _directory(self, inode: int) -> str:
        try:
            return self._tree.path(inode)
        except KeyError as err:
            raise FUSEError(errno.ENOENT) from err

    def _path(self, parent: int, name: str) -> str:
        above = self._directory(parent)
        return f"{above}/{name}" if above else name

    def _attributes(self, inode: int, mode: int, size: int, mtime_ns: int, timeout_s: float = CACHE_S) -> Attributes:
        return Attributes(inode, mode, self._gid, size, mtime_ns, timeout_s)

    def _fixed(self, inode: int) -> Attributes | None:
        """Attributes of a fixed link or special file."""
        if name := LINK_NAMES.get(inode):
            size = len(paths.link_target(name, self._engine.node))
            return self._attributes(inode, stat.S_IFLNK | 0o777, size, 0)
        if name := SPECIAL_NAMES.get(inode):
            mode = 0o640 if name == special.DEBUG else 0o440
            return self._attributes(inode, stat.S_IFREG | mode, self._special.size(name), time.time_ns(), 0)
        return None

    def _node_attributes(self, node: Node, path: str) -> Attributes:
        kind = stat.S_IFDIR if node.is_directory else stat.S_IFREG
        mode = kind | paths.permissions(path, directory=node.is_directory)
        # Who asks for a lock wants to know now: one that was released for another is gone at once.
        timeout_s = 0 if paths.is_lock(path) else CACHE_S
        return self._attributes(node.inode, mode, node.size_bytes, node.mtime_ns, timeout_s)

    def _file_attributes(self, file: OpenFile) -> Attributes:
        """Attributes of an open file with uncommitted data, or of one that was removed."""
        node = self._tree.get(file.tree_inode)
        if file.place is not None:
            mode = paths.permissions(self._path(*file.place), directory=False)
        else:
            mode = paths.permissions(self._tree.path(node.inode), directory=False) if node else 0o600
        known = node or file.last
        size = len(file.buffer) if file.buffer is not None else known.size_bytes if known else 0
        time_ns = file.mtime_ns or file.changed_ns if file.buffer is not None else known.mtime_ns if known else 0
        return self._attributes(file.inode, stat.S_IFREG | mode, size, time_ns)

    def _attributes_of(self, inode: int) -> Attributes:
        if fixed := self._fixed(inode):
            return fixed
        file = self._open.files.get(inode)
        node = self._tree.get(inode)
        if file is not None and (file.buffer is not None or node is None):
            return self._file_attributes(file)
        if node is None and (kept := self._open.kept.get(inode)):
            return self._file_attributes(OpenFile(inode, last=kept))
        if node is None:
            raise FUSEError(errno.ENOENT)
        return self._node_attributes(node, self._tree.path(inode))

    def _entry(self, parent: int, above: str, name: str) -> Attributes | None:
        """What is under a name in the directory ``parent``, whose path is ``above``."""
        if parent == ROOT and (inode := LINK_INODES.get(name) or self._special_inodes.get(name)):
            return self._fixed(inode)
        node = self._tree.child(parent, name)
        if node is None:
            file = self._open.pending.get((parent, name))
            return self._file_attributes(file) if file else None
        file = self._open.files.get(node.inode)
        if file is not None and file.buffer is not None:
            return self._file_attributes(file)
        return self._node_attributes(node, f"{above}/{name}" if above else name)

    @answers
    async def lookup(self, parent: int, raw: bytes, ctx: Context) -> Attributes:
        attributes = self._entry(parent, self._directory(parent), self._name(raw))
        if attributes is None:
            raise FUSEError(errno.ENOENT)
        self._known.told(attributes.inode)
        return attributes

    def forget(self, inode: int, times: int) -> None:
        """The kernel takes back entries that it was told."""
        self._known.forgotten(inode, times)

    @answers
    async def getattr(self, inode: int, ctx: Context) -> Attributes:
        return self._attributes_of(inode)

    @answers
    async def readlink(self, inode: int, ctx: Context) -> bytes:
        if name := LINK_NAMES.get(inode):
            return paths.link_target(name, self._engine.node).encode()
        raise FUSEError(errno.EINVAL)

    @answers
    async def setattr(self, inode: int, changes: Changes, ctx: Context) -> Attributes:
        now = self._attributes_of(inode)
        if changes.mode is not None and stat.S_IMODE(changes.mode) != stat.S_IMODE(now.mode):
            raise FUSEError(errno.EPERM)
        if changes.uid not in (None, 0) or changes.gid not in (None, self._gid):
            raise FUSEError(errno.EPERM)
        if self._fixed(inode):
            if changes.size is not None or changes.mtime_ns is not None:
                raise FUSEError(errno.EPERM)
            return now
        if changes.size is not None:
            await self._truncate(inode, changes.handle, changes.size, ctx)
        if changes.mtime_ns is not None and not await self._set_time(inode, changes.mtime_ns, ctx):
            return now
        return self._attributes_of(inode)

    async def _truncate(self, inode: int, fh: int | None, size: int, ctx: Context) -> None:
        self._engine.check_gate()
        file = self._open.handles[fh].file if fh is not None else self._open.files.get(inode)
        if file is not None and (fh is not None or file.buffer is not None):
            file.truncate(self._committed(file), size, time.time_ns())
            return
        node = self._tree.get(inode)
        if node is None or node.data is None:
            raise FUSEError(errno.ENOENT if node is None else errno.EISDIR)
        if size > paths.MAX_FILE_BYTES:
            raise FUSEError(errno.EFBIG)
        await self._submit(Rewrite(inode=inode, data=node.data[:size].ljust(size, b"\0")), _actor(ctx))

    async def _set_time(self, inode: int, mtime_ns: int, ctx: Context) -> bool:
        """Whether the entry is still there afterwards."""
        file = self._open.files.get(inode)
        if file is not None and file.buffer is not None:
            file.mtime_ns = mtime_ns
            return True
        node = self._tree.get(inode)
        if node is None:
            raise FUSEError(errno.ENOENT)
        path = self._tree.path(inode)
        if mtime_ns == 0 and node.is_directory and paths.is_lock(path):
            await self._release_expired_lock(node, path, ctx)
            return False
        await self._submit(Touch(inode=inode, mtime_ns=mtime_ns), _actor(ctx))
        return True

    async def _release_expired_lock(self, node: Node, path: str, ctx: Context) -> None:
        """Time stamp 0 on a lock asks to remove it, which happens when its holder has let it expire."""
        if not self._locks.expired(node.inode, node.version):
            raise FUSEError(errno.EACCES)
        await self._submit(Delete(path=path, if_version=node.version, directory=True), _actor(ctx))

    # --- directories

    @answers
    async def opendir(self, inode: int, ctx: Context) -> int:
        node = self._tree.get(inode)
        if node is None or not node.is_directory:
            raise FUSEError(errno.ENOENT if node is None else errno.ENOTDIR)
        names = [child.name for child in self._tree.children(inode)]
        names += [file.place[1] for file in self._open.pending_below(inode) if file.place]
        if inode == ROOT:
            names += [*LINK_INODES, *self._special_inodes]
        number, self._next_listing = self._next_listing, self._next_listing + 1
        self._listings[number] = (inode, names)
        return number

    @answers
    async def readdir(self, fh: int, start: int, listing: Listing) -> None:
        parent, names = self._listings[fh]
        above = self._directory(parent)
        for position in range(start, len(names)):
            # As of now, not as of opendir: the kernel keeps what it is told here as if it had asked for the name.
            attributes = self._entry(parent, above, names[position])
            if attributes is None:
                continue
            if not listing.add(names[position].encode(), attributes, position + 1):
                break
            self._known.told(attributes.inode)

    @answers
    async def releasedir(self, fh: int) -> None:
        del self._listings[fh]

    @answers
    async def mkdir(self, parent: int, raw: bytes, ctx: Context) -> Attributes:
        path = self._path(parent, self._name(raw))
        node = await self._submit(Mkdir(path=path, inode=new_inode()), _actor(ctx))
        if node is None:
            raise FUSEError(errno.EIO)
        self._known.told(node.inode)
        return self._node_attributes(node, path)

    @answers
    async def rmdir(self, parent: int, raw: bytes, ctx: Context) -> None:
        name = self._name(raw)
        node = self._tree.child(parent, name)
        if node is not None and self._open.pending_below(node.inode):
            raise FUSEError(errno.ENOTEMPTY)
        await self._submit(Delete(path=self._path(parent, name), directory=True), _actor(ctx))

    @answers
    async def unlink(self, parent: int, raw: bytes, ctx: Context) -> None:
        name = self._name(raw)
        if file := self._open.pending.get((parent, name)):
            async with file.lock:
                if file.place is not None:  # it never came into the tree
                    self._open.settle(file)
                    return
        await self._submit(Delete(path=self._path(parent, name), directory=False), _actor(ctx))

    @answers
    async def rename(self, parent: int, raw: bytes, new_parent: int, new_raw: bytes, flags: int, ctx: Context) -> None:
        if flags & ~RENAME_NOREPLACE:
            raise FUSEError(errno.EINVAL)
        name, new_name = self._name(raw), self._name(new_raw)
        replaced = self._open.pending.get((new_parent, new_name))
        if replaced is not None and flags & RENAME_NOREPLACE:
            raise FUSEError(errno.EEXIST)
        source, target = self._path(parent, name), self._path(new_parent, new_name)
        move = Rename(source=source, target=target, replace=not flags & RENAME_NOREPLACE)
        node = self._tree.child(parent, name)
        file = self._open.files.get(node.inode) if node else self._open.pending.get((parent, name))
        if file is None:
            await self._submit(move, _actor(ctx))
        else:
            await self._commit(file, move)
        if replaced is not None:
            self._open.settle(replaced)

    # --- files

    def _committed(self, file: OpenFile) -> bytes:
        """Contents without what is buffered."""
        node = self._tree.get(file.tree_inode) or file.last
        return (node.data if node else None) or b""

    def _file(self, inode: int, actor: str) -> OpenFile:
        if file := self._open.files.get(inode):
            file.actor = actor or file.actor
            return file
        node = self._tree.get(inode)
        if node is None:
            raise FUSEError(errno.ENOENT)
        if node.is_directory:
            raise FUSEError(errno.EISDIR)
        return OpenFile(inode, actor, last=node)

    def open_to_read(self, inode: int) -> bool:
        """Open the plain way, with the handle READERS: False where ``open`` must decide."""
        node = self._tree.get(inode)
        if node is None or node.is_directory or inode in self._open.files:
            return False
        readers = self._open.readers
        readers[inode] = readers.get(inode, 0) + 1
        return True

    def close_after_read(self, inode: int) -> None:
        """Undo ``open_to_read``."""
        self._open.close_reader(inode)

    @answers
    async def open(self, inode: int, flags: int, ctx: Context) -> Opened:
        writes = bool(flags & (WRITING | os.O_TRUNC))
        if name := SPECIAL_NAMES.get(inode):
            if writes and name != special.DEBUG:
                raise FUSEError(errno.EACCES)
            number = self._open.add(Handle(None, content=self._special.content(name), switches=writes))
            return Opened(number, direct_io=True, no_flush=True)
        if writes:
            self._engine.check_gate()
        return self._opened(self._file(inode, _actor(ctx) if writes else ""), flags)

    def _opened(self, file: OpenFile, flags: int) -> Opened:
        if flags & os.O_TRUNC:
            file.truncate(b"", 0, time.time_ns())
        handle = Handle(file, appends=bool(flags & os.O_APPEND), writes=bool(flags & (WRITING | os.O_TRUNC)))
        return Opened(self._open.add(handle), keep_cache=True, no_flush=not handle.writes)

    @answers
    async def create(self, parent: int, raw: bytes, flags: int, ctx: Context) -> tuple[Opened, Attributes]:
        self._engine.check_gate()
        name, actor = self._name(raw), _actor(ctx)
        path = self._path(parent, name)
        node = self._tree.child(parent, name)
        file = self._open.pending.get((parent, name)) or (self._file(node.inode, actor) if node else None)
        if file is not None:
            if flags & os.O_EXCL:
                raise FUSEError(errno.EEXIST)
            self._known.told(file.inode)
            return self._opened(file, flags), self._attributes_of(file.inode)
        write = Write(path=path, data=b"", inode=new_inode(), if_version=0)
        # O_EXCL holds in the whole cluster only if the file is there at once. A guest's file is not made empty for it:
        # its id is unique anyway, and half a guest would be seen by all.
        if flags & os.O_EXCL and paths.guest_of(path) is None:
            node = await self._submit(write, actor)
            file = OpenFile(write.inode, actor, last=node)
        else:
            outcome = apply(self._tree, write, time_ns=0)
            if outcome.refused:
                raise Refusal(outcome.refused)
            file = OpenFile(write.inode, actor, place=(parent, name))
            file.truncate(b"", 0, time.time_ns())
            self._open.expect(file)
        self._known.told(file.inode)
        information = self._opened(file, flags & ~os.O_TRUNC)
        return information, self._attributes_of(file.inode)

    @answers
    async def read(self, inode: int, fh: int, offset: int, size: int) -> bytes:
        if fh == READERS:
            file = self._open.files.get(inode) or OpenFile(inode, last=self._open.kept.get(inode))
            content = self._committed(file) if file.buffer is None else file.buffer
            return bytes(content[offset : offset + size])
        handle = self._open.handles[fh]
        if handle.file is None:
            return handle.content[offset : offset + size]
        buffer = handle.file.buffer
        if buffer is not None:
            return bytes(buffer[offset : offset + size])
        return self._committed(handle.file)[offset : offset + size]

    @answers
    async def write(self, fh: int, offset: int, data: bytes) -> int:
        handle = self._open.handles[fh]
        if handle.switches:
            if not special.switch_debug(data):
                raise FUSEError(errno.EINVAL)
            return len(data)
        if handle.file is None:
            raise FUSEError(errno.EBADF)
        base = self._committed(handle.file) if handle.file.buffer is None else b""
        handle.file.write(base, None if handle.appends else offset, data, time.time_ns())
        return len(data)

    def must_wait(self, fh: int) -> bool:
        """Whether closing or syncing this handle makes a change that takes its time."""
        handle = self._open.handles.get(fh)
        file = handle.file if handle else None
        if file is None:
            return False
        if file.lock.locked():
            return True
        return file.needs_commit and not self._engine.is_at_once(len(file.buffer or b""))

    @answers
    async def flush(self, fh: int) -> None:
        handle = self._open.handles[fh]
        if handle.writes and handle.file is not None and handle.file.state is State.WRITTEN:
            await self._commit(handle.file)

    @answers
    async def fsync(self, fh: int, datasync: bool) -> None:
        file = self._open.handles[fh].file
        if file is not None and file.needs_commit:
            await self._commit(file)

    def release_at_once(self, fh: int) -> bool:
        """Close a handle whose file has nothing to commit: False where ``release`` must."""
        handle = self._open.handles.get(fh)
        if handle is None or handle.file is None or handle.file.needs_commit:
            return False
        self._open.remove(fh)
        return True

    @answers
    async def release(self, fh: int) -> None:
        file = self._open.handles[fh].file
        try:
            if file is not None and file.handles == 1 and file.needs_commit:
                await self._commit(file)
        except Refusal as err:
            log.warning("a file written by %s is lost: %s", file.actor if file else "?", err)
        finally:
            self._open.remove(fh)

    async def commit_all(self) -> None:
        """Commit what programs have written but not closed yet: the daemon is about to end."""
        for file in list(self._open.files.values()):
            if file.needs_commit:
                try:
                    await self._commit(file)
                except Refusal as err:
                    log.warning("a file written by %s is lost: %s", file.actor, err)

    async def _commit(self, file: OpenFile, then: Rename | None = None) -> None:
        """Make a file's buffered data, and then perhaps its new name, one mutation. Raises Refusal."""
        await _acquire(file.lock)
        try:
            await self._commit_held(file, then)
        finally:
            file.lock.release()

    async def _commit_held(self, file: OpenFile, then: Rename | None) -> None:
        changes, place = file.changes, file.place
        steps: list[Single] = []
        if file.needs_commit and file.buffer is not None:
            mtime_ns = file.changed_ns if file.mtime_ns is None else file.mtime_ns
            data = bytes(file.buffer)
            if place is None:
                steps.append(Rewrite(inode=file.tree_inode, data=data, mtime_ns=mtime_ns))
            else:
                steps.append(Write(path=self._path(*place), data=data, inode=file.inode, mtime_ns=mtime_ns))
        writes = bool(steps)
        steps += [then] if then else []
        if not steps:
            return
        self._caches.written.add(file.inode)
        try:
            node = await self._submit(steps[0] if len(steps) == 1 else Batch(steps=tuple(steps)), file.actor)
        except Refusal as err:
            if then is None and place is None and err.cause is Cause.MISSING:
                file.committed(None, changes)  # removed while it was open: its data goes with it
                return
            if then is None:
                file.failed(changes)
            raise
        finally:
            self._caches.written.discard(file.inode)
        if writes:
            self._open.settle(file)
            file.committed(node, changes)
        if place is not None and node is not None and node.inode != file.inode:
            self._caches.forget_name(*place)  # somebody else made a file there first

    async def _submit(self, mutation: Single | Batch, actor: str) -> Node | None:
        return await self._engine.submit(mutation, actor=actor, from_mount=True)

    # --- the rest

    @answers
    async def statfs(self, ctx: Context) -> Space:
        return Space(
            blocks=paths.MAX_TOTAL_BYTES // 4096,
            free=max(paths.MAX_TOTAL_BYTES - self._tree.size_bytes, 0) // 4096,
            files=paths.MAX_ENTRIES,
            files_free=max(paths.MAX_ENTRIES - self._tree.entries, 0),
            longest_name=paths.MAX_NAME_BYTES,
        )


async def _acquire(lock: trio.Lock) -> None:
    """Without a turn of the loop where nobody holds it (``Filesystem.must_wait``)."""
    try:
        lock.acquire_nowait()
    except trio.WouldBlock:
        await lock.acquire()


def _actor(ctx: Context) -> str:
    """Who asks, for the journal: user id and program name."""
    try:
        # Not by open(): its buffers and decoder take as long as the rest of an opening.
        descriptor = os.open(f"/proc/{ctx.pid}/comm", os.O_RDONLY)
        try:
            program = os.read(descriptor, COMM_BYTES).decode(errors="replace").strip()
        finally:
            os.close(descriptor)
    except OSError:
        program = "?"
    return f"mount uid={ctx.uid} {program}"
