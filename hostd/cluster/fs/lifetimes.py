"""When a lock below ``priv/lock`` may be taken from its holder: 120 s after its last refresh.

Measured by how long this node has seen the same version of the directory, never by its time stamp: clocks of nodes
differ and jump. After a restart of the daemon the time starts again, which only errs on the holder's side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hostd.cluster.fs import paths
from hostd.cluster.fs.replicate import Entry
from hostd.cluster.fs.tree import View

LIFETIME_S: Final = 120.0


class LockTimes:
    """``clock_s`` counts seconds steadily, also while the machine sleeps (CLOCK_BOOTTIME)."""

    def __init__(self, view: View, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._seen: dict[int, tuple[int, float]] = {}
        above = view.find(paths.LOCKS)
        for node in view.children(above.inode) if above else ():
            self._seen[node.inode] = (node.version, clock_s())

    def published(self, entry: Entry, _from_mount: bool) -> None:
        """Listens to the engine."""
        for effect in entry.outcome.effects:
            if effect.old is not None and paths.is_lock(effect.old_path):
                self._seen.pop(effect.old.inode, None)
            if effect.new is not None and paths.is_lock(effect.new_path):
                self._seen[effect.new.inode] = (effect.new.version, self._clock_s())

    def expired(self, inode: int, version: int) -> bool:
        """Whether this version of a lock has stood for its whole lifetime."""
        seen = self._seen.get(inode)
        return seen is not None and seen[0] == version and self._clock_s() - seen[1] > LIFETIME_S
