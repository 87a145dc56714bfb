"""Writing files of the operating system, so that a reader or a power cut never sees half of one."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path


def replace(path: str | Path, data: bytes, *, mode: int = 0o644) -> None:
    """Give ``path`` new contents in one step, durably. A link is followed; owner root.

    Where the file itself is a mount (a container's /etc/hosts), it is written in place instead.
    """
    target = os.path.realpath(path)
    temporary = f"{target}.{secrets.token_hex(4)}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, target)
        sync_folder(os.path.dirname(target))
    except OSError as err:
        os.unlink(temporary)
        if err.errno != errno.EBUSY:
            raise
        with open(target, "wb") as file:
            file.write(data)


def sync_folder(folder: str | Path) -> None:
    """Have the names in a folder on disk: a file is there after a power cut only if its name is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
