"""Paths inside containers as the host sees them: no link leads out. Reading while the container may change them, too.

Each part of a path is opened by itself and never followed by the kernel (O_NOFOLLOW); links are resolved here, with
the container's root as the top. Only plain files are read: a device or pipe is looked at, not opened.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Sequence
from types import TracebackType
from typing import Final

from hostd.core.errors import Conflict
from hostd.guests.lxc.inside.tree import SIZE_LIMIT

_MOST_LINKS: Final = 40
_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class RootedFiles:
    """The files below a folder, ``/proc/PID/root`` of a container's first process above all."""

    def __init__(self, root: str) -> None:
        self._root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> RootedFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._root)

    def head(self, path: str, size: int) -> bytes:
        try:
            with contextlib.ExitStack() as stack:
                found = self._walk(path, stack)
                if not stat.S_ISREG(os.fstat(found).st_mode):
                    return b""
                # The handle names the file itself, so nothing can be put in its place now (proc_pid_fd(5)).
                opened = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                stack.callback(os.close, opened)
                return os.read(opened, size)
        except OSError:
            return b""

    def read(self, path: str) -> str | None:
        data = self.head(path, SIZE_LIMIT + 1)
        return data.decode(errors="surrogateescape") if 0 < len(data) <= SIZE_LIMIT else None

    def _walk(self, path: str, stack: contextlib.ExitStack) -> int:
        """A handle (O_PATH) on what the path means inside; OSError."""
        left = [part for part in path.split("/") if part not in ("", ".")]
        way = [self._root]
        links = 0
        while left:
            part = left.pop(0)
            if part == "..":
                way = way[:-1] or [self._root]
                continue
            handle = os.open(part, _LOOK, dir_fd=way[-1])
            stack.callback(os.close, handle)
            if not stat.S_ISLNK(os.fstat(handle).st_mode):
                way.append(handle)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(f"too many links: {path}")
            target = os.readlink("", dir_fd=handle)
            left = [word for word in target.split("/") if word not in ("", ".")] + left
            if target.startswith("/"):
                way = [self._root]
        return way[-1]


def make_plain_folders(root: str, target: str, owner: int, *, make: bool = True) -> None:
    """Make the folder ``target`` below ``root`` and those on the way; new ones belong to ``owner``. None may be a link.

    Safe while others change the files, as a container may that shares a folder with this one. ``make`` False: what is
    there is looked at. Conflict where a part is a link or no folder.
    """
    with contextlib.ExitStack() as stack:
        here = os.open(root, _LOOK | os.O_DIRECTORY)
        stack.callback(os.close, here)
        for part in (part for part in target.split("/") if part):
            try:
                found = _folder(here, part, owner, make=make)
            except NotADirectoryError as err:
                raise Conflict(f"a part of '{target}' is a link inside, or no folder: '{part}'") from err
            if found is None:
                return
            stack.callback(os.close, found)
            here = found


def _folder(parent: int, name: str, owner: int, *, make: bool) -> int | None:
    """A handle on a folder of this name, made where there is none; NotADirectoryError for a link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError):
        return os.open(name, flags, dir_fd=parent)
    if not make:
        return None
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=parent)
    made = os.open(name, flags, dir_fd=parent)
    os.fchown(made, owner, owner)
    return made


def place_inside(root: str, target: str) -> str:
    """Where a path of the container is on the host while its root is mounted at ``root`` and nobody changes it.

    Links are followed as the container would: none leads out. Conflict for a chain of links without an end, or a path
    through something that is no folder.
    """
    left = [part for part in target.split("/") if part not in ("", ".")]
    way: list[str] = []
    links = 0
    while left:
        part = left.pop(0)
        if part == "..":
            way = way[:-1]
            continue
        here = "/".join([root, *way, part])
        try:
            mode = os.lstat(here).st_mode
        except FileNotFoundError:
            return "/".join([root, *_plain([*way, part, *left])])
        if stat.S_ISLNK(mode):
            links += 1
            if links > _MOST_LINKS:
                raise Conflict(f"'{target}': too many links")
            to = os.readlink(here)
            way = [] if to.startswith("/") else way
            left = [word for word in to.split("/") if word not in ("", ".")] + left
        elif not stat.S_ISDIR(mode):
            raise Conflict(f"'{target}': '/{'/'.join([*way, part])}' is no folder")
        else:
            way.append(part)
    return "/".join([root, *way]) if way else root


def _plain(parts: Sequence[str]) -> list[str]:
    """Without ``..``: below a folder that is not there yet there are no links."""
    found: list[str] = []
    for part in parts:
        if part == "..":
            found = found[:-1]
        else:
            found.append(part)
    return found
