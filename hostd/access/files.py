"""Changing a file of the tree by what it says: read, compute, write if nobody was faster, else again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hostd.cluster.store import File, Store
from hostd.core.errors import Conflict, NotFound

TRIES: Final = 20


def text_of(store: Store, path: str) -> str:
    """A file's text, empty where there is none."""
    try:
        return store.read(path).data.decode(errors="replace")
    except NotFound:
        return ""


def rewrite(store: Store, path: str, change: Callable[[str], str], *, actor: str) -> File:
    """Write what ``change`` makes of the file's text (empty where there is none); nothing of others is lost.

    ``change`` may be called several times and must not act otherwise. Raises whatever it raises, and Conflict when
    others kept being faster.
    """
    for _try in range(TRIES):
        try:
            before = store.read(path)
            text, version = before.data.decode(errors="replace"), before.version
        except NotFound:
            text, version = "", 0
        after = change(text).encode()  # outside: its own Conflict is an answer, not a race
        try:
            return store.write(path, after, if_version=version, actor=actor)
        except Conflict as err:
            last = err
    raise Conflict(f"'{path}' was changed by others {TRIES} times in a row; try again") from last
