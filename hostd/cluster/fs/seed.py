"""What a tree holds before anybody wrote to it: the fixed directories, and an optional seed directory.

The installer leaves the seed, a directory of plain files. It is imported in one transaction when the database is
empty; then it is renamed and removed. Cut off anywhere, the next start ends in the same state.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from hostd.cluster.fs import paths
from hostd.cluster.fs.mutations import Batch, Mkdir, Single, Write, make_directories, new_inode
from hostd.cluster.fs.tree import View
from hostd.core.errors import Invalid

log = logging.getLogger(__name__)

Files = list[tuple[str, bytes | None]]  # path and contents (None: directory), parents before children


def read(directory: Path, node: str) -> Files:
    """The seed's entries with paths in the tree; links such as ``local`` are resolved for ``node``.

    Raises Invalid when something is neither file nor directory, is too big, or has a name the tree does not take.
    """
    return [(paths.resolve(path, node), data) for path, data in _walk(directory, "")]


def _walk(directory: Path, above: str) -> Iterator[tuple[str, bytes | None]]:
    for entry in sorted(directory.iterdir()):
        path = f"{above}{entry.name}"
        problem = paths.path_problem(path)
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            problem = "is neither a file nor a directory"
        if problem:
            raise Invalid({"seed": f"'{entry}': {problem}"}, f"seed '{entry}': {problem}")
        if entry.is_dir():
            yield path, None
            yield from _walk(entry, f"{path}/")
        else:
            yield path, entry.read_bytes()


def digest(files: Files) -> bytes:
    """Identifies a seed: SHA-256 over names and contents."""
    total = hashlib.sha256()
    for path, data in files:
        head = f"{path}\0{-1 if data is None else len(data)}\0".encode()
        total.update(head + (data or b""))
    return total.digest()


def fixed_directories(node: str) -> list[str]:
    """Directories that every node's tree has."""
    own = [f"nodes/{node}/{name}" for name in ("qemu-server", "lxc", "priv")]
    return ["nodes", f"nodes/{node}", *own, "priv", paths.LOCKS]


def initial(view: View, node: str, files: Files) -> Batch | None:
    """One mutation that makes the fixed directories and the seed's files, as far as they are missing; None if none."""
    missing = [path for path in fixed_directories(node) if view.find(path) is None]
    steps: list[Single] = [Mkdir(path=path, inode=new_inode(), exist_ok=True) for path in missing]
    for path, data in files:
        if data is None:
            steps += make_directories(path).steps
        else:
            above = path.rpartition("/")[0]
            steps += make_directories(above).steps if above else ()
            steps.append(Write(path=path, data=data, inode=new_inode()))
    return Batch(steps=tuple(steps)) if steps else None


def remove(directory: Path) -> None:
    """Remove an imported seed; renamed first, so that half a seed is never taken for one."""
    done = directory.with_name(directory.name + ".imported")
    if directory.exists():
        shutil.rmtree(done, ignore_errors=True)
        directory.rename(done)
    if done.exists():
        shutil.rmtree(done)
