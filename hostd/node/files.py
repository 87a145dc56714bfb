"""Writing files of the operating system, so that a reader or a power cut never sees half of one."""

from __future__ import annotations

import errno
import os
import secrets


def replace(path: str, data: bytes, *, mode: int = 0o644) -> None:
    """Give ``path`` new contents in one step. A link is followed; owner root.

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
    except OSError as err:
        os.unlink(temporary)
        if err.errno != errno.EBUSY:
            raise
        with open(target, "wb") as file:
            file.write(data)
