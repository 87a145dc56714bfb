"""Copies of a store's database as it was before somebody changed more than the tree in it: a bounded number."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hostd.core import files

KEPT: Final = 5
"""The oldest ones go when there are more. Each is at most the tree's 128 MiB and its history."""
FOLDER: Final = "config-repairs"


def keep(database: Path, *, now_s: float | None = None) -> Path:
    """Copy the database's files as they are, durably; returns the folder. Raises OSError.

    As files, with the log, not as SQLite reads them: what is damaged must not be judged by who repairs it.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(time.time() if now_s is None else now_s))
    home = database.parent / FOLDER
    home.mkdir(mode=0o700, exist_ok=True)
    made = home / f"{stamp}.part"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o700)
    try:
        for name in (database.name, f"{database.name}-wal"):
            if (database.parent / name).exists():
                _copy(database.parent / name, made / name)
        files.sync_folder(made)
        target = next(path for path in _names(home, stamp) if not path.exists())
        made.rename(target)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        raise
    files.sync_folder(home)
    for old in sorted(path for path in home.iterdir() if path.suffix != ".part")[:-KEPT]:
        shutil.rmtree(old)
    return target


def _names(home: Path, stamp: str) -> Iterator[Path]:
    yield home / stamp
    yield from (home / f"{stamp}.{n}" for n in range(2, 1000))


def _copy(source: Path, target: Path) -> None:
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file, source.open("rb") as from_:
        shutil.copyfileobj(from_, file)
        file.flush()
        os.fsync(file.fileno())
