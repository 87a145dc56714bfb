"""Locks between the processes of one node, e.g. on a guest (``vm-100``)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from typing import Final

from hostd.core.errors import Conflict

DIRECTORY: Final = "/run/lock/hostd"
RETRY_S: Final = 0.02
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")


@contextlib.contextmanager
def local_lock(name: str, timeout_s: float = 10, directory: str = DIRECTORY, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock ``name`` of this node; a holder that dies lets go of it (flock(2)). Not reentrant.

    ``shared``: together with others that hold it so.

    Waits up to ``timeout_s`` seconds, then raises Conflict. Threads of one process exclude each other as well.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"lock name {name!r}")
    os.makedirs(directory, mode=0o755, exist_ok=True)
    path = os.path.join(directory, f"{name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except BlockingIOError as err:
                if time.monotonic() >= deadline_s:
                    raise Conflict(f"can't lock '{name}' ({path}): another operation holds it") from err
                time.sleep(RETRY_S)
        yield
    finally:
        os.close(descriptor)
