"""Files that programs have open through the mount: what they wrote and what of it is not committed yet. No I/O.

Written data is kept per file, shared by all its handles like the kernel's page cache, and becomes one mutation at
close, fsync or rename. A file that was only created or truncated, without a write after it, is committed by its last
close: shells duplicate and close a descriptor between opening and writing, and that close must not commit an empty
file.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import trio

from hostd.cluster.fs import paths
from hostd.cluster.fs.tree import Node

READERS: Final = 0  # the handle that all have who opened a file to read while nothing of it was buffered


class State(Enum):
    """What a file's buffer holds against the tree."""

    CLEAN = auto()  # nothing
    EMPTIED = auto()  # created or truncated, nothing written since
    WRITTEN = auto()  # data that the next close commits
    FAILED = auto()  # data that could not be committed; a close has reported it


class TooBig(OSError):
    """The file would exceed the size limit (EFBIG)."""

    def __init__(self) -> None:
        super().__init__(errno.EFBIG, f"a file has {paths.MAX_FILE_BYTES} bytes at most")


@dataclass(slots=True)
class OpenFile:
    """One open file. ``place`` (parent inode, name) is set while it exists only here, not in the tree yet.

    ``last`` is its last state in the tree: what its handles read after it was removed. ``changes`` counts changes of
    the buffer, so that one made during a commit is noticed.
    """

    inode: int
    actor: str = ""
    place: tuple[int, str] | None = None
    last: Node | None = None
    state: State = State.CLEAN
    buffer: bytearray | None = None
    mtime_ns: int | None = None
    changed_ns: int = 0
    handles: int = 0
    changes: int = 0
    lock: trio.Lock = field(default_factory=trio.Lock)  # held while its data is being committed

    @property
    def tree_inode(self) -> int:
        """Its number in the tree: another one if somebody else made a file at its place first."""
        return self.last.inode if self.last else self.inode

    def write(self, base: bytes, offset: int | None, data: bytes, now_ns: int) -> None:
        """Put ``data`` at ``offset`` (None: at the end); ``base`` is the file's content if nothing is buffered."""
        buffer = bytearray(base) if self.buffer is None else self.buffer
        start = len(buffer) if offset is None else offset
        if start + len(data) > paths.MAX_FILE_BYTES:
            raise TooBig
        if start > len(buffer):
            buffer.extend(bytes(start - len(buffer)))
        buffer[start : start + len(data)] = data
        self._set(buffer, State.WRITTEN, now_ns)

    def truncate(self, base: bytes, size: int, now_ns: int) -> None:
        """Cut or extend (with zero bytes) to ``size``."""
        if size > paths.MAX_FILE_BYTES:
            raise TooBig
        buffer = bytearray(base) if self.buffer is None else self.buffer
        del buffer[size:]
        buffer.extend(bytes(size - len(buffer)))
        self._set(buffer, State.EMPTIED if size == 0 else State.WRITTEN, now_ns)

    def _set(self, buffer: bytearray, state: State, now_ns: int) -> None:
        self.buffer, self.state, self.mtime_ns, self.changed_ns = buffer, state, None, now_ns
        self.changes += 1

    def committed(self, node: Node | None, changes: int) -> None:
        """The buffer as it was at ``changes`` is in the tree; ``node`` None: the file was removed, its data with it."""
        self.place = None
        self.last = node or self.last
        if self.changes == changes:
            self.buffer, self.state, self.mtime_ns = None, State.CLEAN, None

    def failed(self, changes: int) -> None:
        """The commit was refused and the program was told; it is not tried again unless something is written."""
        if self.changes == changes:
            self.state = State.FAILED

    @property
    def needs_commit_on_close(self) -> bool:
        return self.state is State.WRITTEN

    @property
    def needs_commit(self) -> bool:
        return self.state in (State.WRITTEN, State.EMPTIED)


@dataclass(slots=True)
class Handle:
    """One ``open``. ``content`` is set for the special files: what they said at that moment. ``switches``: what is
    written to it is no content.
    """

    file: OpenFile | None
    appends: bool = False
    writes: bool = False
    content: bytes = b""
    switches: bool = False


@dataclass(slots=True)
class OpenFiles:
    """All open files by inode, all handles by number, and those not in the tree yet by place.

    ``readers``: how many hold the handle READERS, by inode; ``kept``: what was removed from the tree under them.
    """

    files: dict[int, OpenFile] = field(default_factory=dict)
    handles: dict[int, Handle] = field(default_factory=dict)
    pending: dict[tuple[int, str], OpenFile] = field(default_factory=dict)
    readers: dict[int, int] = field(default_factory=dict)
    kept: dict[int, Node] = field(default_factory=dict)
    _next: int = READERS + 1

    def add(self, handle: Handle) -> int:
        """Register a handle; returns its number."""
        number, self._next = self._next, self._next + 1
        self.handles[number] = handle
        if handle.file is not None:
            handle.file.handles += 1
            self.files[handle.file.inode] = handle.file
        return number

    def remove(self, number: int) -> OpenFile | None:
        """Forget a handle; the file goes with its last one."""
        file = self.handles.pop(number).file
        if file is not None:
            file.handles -= 1
            if file.handles == 0:
                del self.files[file.inode]
                if file.place is not None:
                    self.pending.pop(file.place, None)
        return file

    def close_reader(self, inode: int) -> None:
        """One holder of the handle READERS less."""
        if (left := self.readers[inode] - 1) > 0:
            self.readers[inode] = left
        else:
            del self.readers[inode]
            self.kept.pop(inode, None)

    def removed(self, node: Node) -> None:
        """A file went from the tree; who has it open reads on."""
        if file := self.files.get(node.inode):
            file.last = node
        if node.inode in self.readers:
            self.kept[node.inode] = node

    def expect(self, file: OpenFile) -> None:
        """Show a file at its place though the tree does not have it yet."""
        if file.place is not None:
            self.pending[file.place] = file

    def settle(self, file: OpenFile) -> None:
        """A file is in the tree (or removed): its place is not special any more."""
        if file.place is not None:
            self.pending.pop(file.place, None)
            file.place = None

    def pending_below(self, parent: int) -> list[OpenFile]:
        return [file for (above, _), file in self.pending.items() if above == parent]
