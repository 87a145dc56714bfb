"""A container's files. The process that uses the real one is locked into them (chroot), so no link leads out."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Final, Protocol

SIZE_LIMIT: Final = 1 << 20


class Readable(Protocol):
    """Paths are relative to the container's root, without a leading slash. Links are followed.

    Text may hold any bytes (surrogateescape), so that what is not ours is written back as it was.
    """

    def read(self, path: str) -> str | None:
        """A regular file's text; None when there is none, or it is something else or over 1 MiB."""

    def head(self, path: str, size: int) -> bytes:
        """The first bytes of a regular file; empty when there is none."""


class Tree(Readable, Protocol):
    """Files that can be changed as well. ``unlink`` and ``link`` mean a link itself, not what it leads to."""

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Create or replace; an existing file keeps owner and mode. Folders on the way are made. OSError."""

    def is_dir(self, path: str) -> bool: ...

    def is_link(self, path: str) -> bool: ...

    def link(self, path: str, target: str) -> None:
        """A symbolic link in place of whatever file was there."""

    def make_dir(self, path: str, *, mode: int = 0o755) -> None:
        """A folder, and those on the way; nothing to do where it is."""

    def unlink(self, path: str) -> None:
        """Remove a file or link; nothing to do where there is none."""


class RealTree:
    """The files below ``root``. Nothing else runs in them meanwhile: the container is not up yet."""

    def __init__(self, root: str = "/") -> None:
        self._root = root.rstrip("/")

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _open(self, path: str) -> int | None:
        """Open a plain file; anything else (device, pipe, folder) is not even opened."""
        try:
            if not stat.S_ISREG(os.stat(self._path(path)).st_mode):
                return None
            return os.open(self._path(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None

    def head(self, path: str, size: int) -> bytes:
        descriptor = self._open(path)
        if descriptor is None:
            return b""
        with os.fdopen(descriptor, "rb") as file:
            return file.read(size)

    def read(self, path: str) -> str | None:
        descriptor = self._open(path)
        if descriptor is None:
            return None
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
        return data.decode(errors="surrogateescape") if len(data) <= SIZE_LIMIT else None

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        target = os.path.realpath(self._path(path))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        owner: tuple[int, int] | None = None
        with contextlib.suppress(FileNotFoundError):
            old = os.stat(target)
            if not stat.S_ISREG(old.st_mode):
                raise OSError(f"'/{path}' is no plain file")
            mode, owner = stat.S_IMODE(old.st_mode), (old.st_uid, old.st_gid)
        temporary = f"{target}.holdfast-new"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode(errors="surrogateescape"))
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
        os.rename(temporary, target)

    def is_dir(self, path: str) -> bool:
        return os.path.isdir(self._path(path))

    def is_link(self, path: str) -> bool:
        return os.path.islink(self._path(path))

    def link(self, path: str, target: str) -> None:
        os.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
        self.unlink(path)
        os.symlink(target, self._path(path))

    def make_dir(self, path: str, *, mode: int = 0o755) -> None:
        if not self.is_dir(path):
            os.makedirs(os.path.dirname(self._path(path)), exist_ok=True)
            os.mkdir(self._path(path), mode)
            os.chmod(self._path(path), mode)

    def unlink(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(path))
