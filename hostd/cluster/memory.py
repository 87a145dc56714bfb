"""The store in memory, for tests of whatever uses it: the same rules and the same answers, without a daemon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from hostd.cluster import feed, wire
from hostd.cluster.client import Store
from hostd.cluster.fs import seed
from hostd.cluster.fs.mutations import Cause, Mutation
from hostd.cluster.fs.tree import Node, Outcome, Tree, apply
from hostd.cluster.group.values import Refused, Told, Values
from hostd.cluster.health import Health
from hostd.cluster.mirror import Mirror
from hostd.cluster.requests import (
    READS,
    Access,
    BadRequest,
    answer_change,
    answer_read,
    answer_refusal,
    check_write_access,
    mutation_of,
    publication_of,
)
from hostd.cluster.standing import Standing


class MemoryStore(Store):
    """A Store that is its own daemon. ``node`` names the node; ``access`` what the caller may do (root: ALL)."""

    def __init__(self, node: str = "localhost", *, access: Access = Access.ALL) -> None:
        super().__init__()
        self.node, self.access = node, access
        self.condition: Health | None = None  # what ``health`` answers
        self.tree = Tree()
        self._listeners: list[Callable[[Outcome], None]] = []
        self.values = Values(node)
        self.standing: Standing | None = None
        self._mirrors: list[MemoryMirror] = []
        self._one = threading.RLock()
        first = seed.initial(self.tree, node, [])
        if first is not None:
            self._make(first)

    def mirror(self) -> Mirror:
        """A Mirror that shows this store; changes are visible at once."""
        made = MemoryMirror(self)
        self._mirrors.append(made)
        return made

    def hear(self, node: str, key: str, data: bytes | None) -> None:
        """As if another node had told a value."""
        for mirror in self._mirrors:
            mirror.hear([Told(node, key, data)])

    def join(self, standing: Standing | None) -> None:
        """Belong to this cluster from now on."""
        self.standing = standing
        for mirror in self._mirrors:
            mirror.join(standing)

    def listen(self, listener: Callable[[Outcome], None]) -> None:
        """Call ``listener`` after each change."""
        self._listeners.append(listener)

    def _exchange(self, request: wire.Message, *, timeout_s: float | None = None) -> wire.Message:
        request = wire.decode(wire.encode(request)[wire.HEADER_BYTES :])
        with self._one:
            try:
                if request["op"] in READS:
                    return answer_read(request, self.tree, self.node, self.access)
                if request["op"] == "publish":
                    told = self.values.publish(*publication_of(request, self.access, is_front=False))
                    for mirror in self._mirrors:
                        mirror.hear(told)
                    return answer_change(None, None)
                if request["op"] == "health":
                    return {"ok": None if self.condition is None else self.condition.to_wire()}
                check_write_access(self.access)
                mutation = mutation_of(request, self.node)
            except BadRequest as err:
                return answer_refusal(err.refused.cause, err.refused.message)
            except Refused as err:
                return answer_refusal(Cause.TOO_BIG, str(err))
            outcome = apply(self.tree, mutation, time_ns=time.time_ns())
            if outcome.refused:
                return answer_refusal(outcome.refused.cause, outcome.refused.message)
            return answer_change(mutation, self._publish(outcome))

    def _make(self, mutation: Mutation) -> None:
        self._publish(apply(self.tree, mutation, time_ns=time.time_ns()))

    def _publish(self, outcome: Outcome) -> Node | None:
        self.tree.absorb(outcome)
        for listener in self._listeners:
            listener(outcome)
        return outcome.node


class MemoryMirror(Mirror):
    """The Mirror of a MemoryStore: filled by ``start`` (called by the constructor), changed by each write."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(values=True)
        self._store = store
        self._node = store.node
        self._standing = store.standing
        self.hear(store.values.all())
        self._started = False
        self.start()

    def start(self) -> None:
        if not self._started:
            self._started = True
            self._replace(feed.snapshot(self._store.tree, self._store.access), self._store.tree.version)
            self._store.listen(self._take)

    def hear(self, told: Iterable[Told]) -> None:
        self._hear([(item.node, item.key, item.data) for item in told])

    def join(self, standing: Standing | None) -> None:
        self._standing = standing

    def _take(self, outcome: Outcome) -> None:
        tree = self._store.tree
        self._apply(feed.changes(outcome, tree, self._store.access), tree.version)
