"""Small rules of the cache: one user of the downloaded packages at a time, clamped times, clearing away."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from imagebuild.context import Context
from imagebuild.shell import StepFailed, output


@contextlib.contextmanager
def alone(ctx: Context, name: str) -> Iterator[None]:
    """Hold ``CACHE/locks/NAME``, so that two builds do not make the same thing at once; waits for the other one."""
    with ctx.place("locks", name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def apt_cache(ctx: Context) -> contextlib.AbstractContextManager[None]:
    """Hold the folder of downloaded packages, which apt lets only one program use at a time."""
    return alone(ctx, "apt")


def source_date(ctx: Context) -> int:
    """Seconds since 1970 to which file times are clamped: ``SOURCE_DATE_EPOCH``, else the time of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if given:
        return int(given)
    stamp = output(["git", "-c", f"safe.directory={ctx.source}", "log", "-1", "--format=%ct"], cwd=ctx.source)
    return int(stamp or 0)


def clear(folder: Path) -> None:
    """Remove a folder tree that may be half made; refuses where something is still mounted below it."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    inside = [m for m in mounts if m == str(folder) or m.startswith(f"{folder}/")]
    if inside:
        raise StepFailed(f"{folder} cannot be removed: {inside[0]} is still mounted there; umount it")
    shutil.rmtree(folder, ignore_errors=True)


def digest(*parts: object) -> str:
    """A short name for a combination of inputs; order counts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


def tree_digest(folder: Path) -> str:
    """Changes with any name, mode or content below ``folder``; empty folders do not count."""
    parts: list[object] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_symlink() or p.is_file()):
        content = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
        parts += [path.relative_to(folder), bool(path.lstat().st_mode & 0o111), content]
    return digest(*parts)


def prune(newest: Path, pattern: str, keep: int = 3, in_use: Callable[[Path], bool] = lambda path: False) -> list[Path]:
    """Remove what matches ``pattern`` beside ``newest`` except that and the ``keep`` youngest others; return those.

    What is ``in_use`` stays, whatever its age.
    """
    kind = newest.is_dir()
    entries = [p for p in newest.parent.glob(pattern) if p != newest and p.is_dir() == kind]
    old = sorted(entries, key=lambda p: p.stat().st_mtime, reverse=True)[keep:]
    old = [path for path in old if not in_use(path)]
    for path in old:
        if kind:
            clear(path)
        else:
            path.unlink()
    return old


def stands_on(nodes: Path, target: Path) -> bool:
    """Whether a node, of this or another checkout, stands on the layer ``target``."""
    return any(f":{target}:" in config.read_text() for config in nodes.glob("*/config"))
