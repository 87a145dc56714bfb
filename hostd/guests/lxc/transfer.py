"""Files between host and a running container, written and read as the container's root, in its own name spaces.

A child of the caller opens the host's file first and then enters the container, so that every link and device name on
the way means the container's own. Existing files are replaced, never opened for writing.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final

from hostd.core import child
from hostd.core.errors import Conflict, HostError

_PIECE: Final = 1 << 20
_NAMESPACES: Final = os.CLONE_NEWNS


@dataclass(frozen=True, kw_only=True)
class Ownership:
    """Of a file inside, by the container's numbers; None: root's, and the mode of the host's file."""

    mode: int | None = None
    user: int = 0
    group: int = 0


def push(pid: int, source: str, target: str, ownership: Ownership, *, unprivileged: bool) -> None:
    """Copy a file of the host into the container whose first process is ``pid``. HostError."""
    if not target.startswith("/"):
        raise Conflict(f"'{target}': the path inside must be absolute")
    with _opened(source) as file:
        given = os.fstat(file.fileno())
        if not stat.S_ISREG(given.st_mode):
            raise Conflict(f"'{source}' is no plain file")
        mode = stat.S_IMODE(given.st_mode) if ownership.mode is None else ownership.mode
        descriptor = file.fileno()
        _inside(pid, lambda: _write(descriptor, target, mode, ownership), unprivileged=unprivileged)


def _opened(source: str) -> IO[bytes]:
    try:
        return open(source, "rb")
    except OSError as err:
        raise HostError(f"'{source}' cannot be read: {err.strerror}") from err


def pull(pid: int, source: str, target: str, mode: int | None, *, unprivileged: bool) -> None:
    """Copy a file of the container to the host, where it belongs to the caller. HostError."""
    temporary = f"{target}.pct-new"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise HostError(f"'{temporary}' cannot be made: {err.strerror}") from err
    try:
        with os.fdopen(descriptor, "wb") as file:
            _inside(pid, lambda: _read(source, file.fileno()), unprivileged=unprivileged)
            os.fchmod(file.fileno(), 0o644 if mode is None else mode)
        os.rename(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _inside(pid: int, work: Callable[[], None], *, unprivileged: bool) -> None:
    """Do something in a child that is in the container; its error becomes ours."""
    handle = os.pidfd_open(pid)

    def inside() -> None:
        os.setns(handle, _NAMESPACES | (os.CLONE_NEWUSER if unprivileged else 0))
        os.setgroups([])
        os.setgid(0)
        os.setuid(0)
        os.chdir("/")
        os.umask(0o077)
        work()

    try:
        with child.kept(inside, "the copy"):
            pass
    finally:
        os.close(handle)


def _write(source: int, target: str, mode: int, ownership: Ownership) -> None:
    temporary = f"{target}.pct-new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    if os.path.isdir(target):
        raise Conflict(f"'{target}' is a folder; name the file in it")
    made = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _copy(source, made)
        os.fchown(made, ownership.user, ownership.group)
        os.fchmod(made, mode)
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(made)


def _read(source: str, target: int) -> None:
    if not stat.S_ISREG(os.stat(source).st_mode):  # not even opened: that alone moves some devices
        raise Conflict(f"'{source}' is no plain file")
    found = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(found).st_mode):
            raise Conflict(f"'{source}' is no plain file")
        _copy(found, target)
    finally:
        os.close(found)


def _copy(source: int, target: int) -> None:
    while data := os.read(source, _PIECE):
        view = memoryview(data)
        while view:
            view = view[os.write(target, view) :]
