"""How many calls to other nodes may be under way at once, so that nodes which hang stall nobody."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter

from hostd.api.errors import Busy


class Slots:
    """``per_node`` calls to each node, ``total`` to all; only one, on trial, to a node that has let a call time out."""

    def __init__(self, *, per_node: int, total: int) -> None:
        self._per_node, self._total = per_node, total
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._slow: set[str] = set()

    def take(self, node: str) -> Slot:
        """A place for one call. Raises Busy at once where there is none."""
        with self._lock:
            allowed = 1 if node in self._slow else self._per_node
            if self._taken[node] >= allowed:
                raise Busy(f"{allowed} calls to node '{node}' are under way, which is as many as are allowed at once")
            if self._taken.total() >= self._total:
                raise Busy(f"{self._total} calls to other nodes are under way, which is as many as are allowed at once")
            self._taken[node] += 1
        return Slot(self, node)

    def answered(self, node: str) -> None:
        """The node has answered in time."""
        with self._lock:
            self._slow.discard(node)

    def timed_out(self, node: str) -> None:
        """A call to the node has timed out: until one is answered, others need not try, too."""
        with self._lock:
            self._slow.add(node)

    def _give(self, node: str) -> None:
        with self._lock:
            self._taken[node] -= 1


class Slot(contextlib.AbstractContextManager[None]):
    """A place that was taken; given back once."""

    def __init__(self, slots: Slots, node: str) -> None:
        self._slots, self._node, self._given = slots, node, False

    def give(self) -> None:
        if not self._given:
            self._given = True
            self._slots._give(self._node)

    def __exit__(self, *_: object) -> None:
        self.give()
