"""Where the tree is mounted: making the place ready, also after a daemon that was killed."""

from __future__ import annotations

import errno
import logging
import os

from hostd.core.errors import Conflict
from hostd.core.run import Run

log = logging.getLogger(__name__)


def detach_argv(mountpoint: str) -> list[str]:
    """Lazy unmount: programs with open files keep them, new ones see the directory below."""
    return ["umount", "--lazy", mountpoint]


def prepare(mountpoint: str, run: Run) -> None:
    """Make the directory, and remove the dead mount that a killed daemon leaves (every access gives ENOTCONN).

    Raises Conflict when something else is mounted there.
    """
    try:
        os.makedirs(mountpoint, mode=0o755, exist_ok=True)
        os.statvfs(mountpoint)  # unlike stat(2) never answered from a cache
    except OSError as err:
        if err.errno not in (errno.ENOTCONN, errno.EEXIST):
            raise
        log.warning("removing the dead mount at %s", mountpoint)
        run(detach_argv(mountpoint), timeout_s=30)
    if os.path.ismount(mountpoint):
        raise Conflict(f"something is mounted at '{mountpoint}' already")
    if hidden := ", ".join(os.listdir(mountpoint)):
        log.warning("the mount hides what was written to %s while the store was down: %s", mountpoint, hidden)
