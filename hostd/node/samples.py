"""Samples of all nodes: this node's own by its statistics daemon, the others' by the values that nodes tell each other.

The daemon tells the others less than it tells its own node: what lists show, every ten seconds, and at once when a
guest or a storage comes or goes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hostd.cluster.mirror import Value
from hostd.cluster.store import Mirror
from hostd.node.feed import STALE_S, Subscriber

log = logging.getLogger(__name__)

KEY: Final = "sample"
TELL_S: Final = 10.0

Table = Mapping[str, Any]


class Announcer:
    """Decides which samples the other nodes hear. ``fields``: what they are told of a guest."""

    def __init__(self, publish: Callable[[str, bytes], None], fields: Collection[str]) -> None:
        self._publish, self._fields = publish, frozenset(fields)
        self._outline: object = None
        self._told_s = -TELL_S

    def take(self, sample: Table, now_s: float) -> bool:
        """Tell ``sample`` (tables ``node``, ``guests``, ``storages``) if it is time to; ``now_s`` is monotonic."""
        outline = (set(sample["guests"]), {id: bool(s.get("active")) for id, s in sample["storages"].items()})
        if outline == self._outline and now_s - self._told_s < TELL_S:
            return False
        self._publish(KEY, self._shortened(sample))
        self._outline, self._told_s = outline, now_s
        return True

    def _shortened(self, sample: Table) -> bytes:
        guests = {
            vmid: {name: _short(value) for name, value in values.items() if name in self._fields}
            for vmid, values in sample["guests"].items()
        }
        return orjson.dumps({**sample, "guests": guests}, option=orjson.OPT_NON_STR_KEYS)


def _short(value: object) -> object:
    """Shares without the digits that nobody sees and that do not compress."""
    return round(value, 4) if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class _Parsed:
    value: Value
    sample: Table
    guests: Mapping[int, Table]


class ClusterSamples:
    """The last sample of every node. A node without one that is fresh is not ``known``, and its tables are empty."""

    def __init__(self, node: str, here: Subscriber, mirror: Mirror) -> None:
        self._node, self._here, self._mirror = node, here, mirror
        self._parsed: dict[str, _Parsed] = {}

    def known(self, node: str = "") -> bool:
        """Whether ``node`` ("": this one) has told a sample lately."""
        return self._here.fresh() if self._is_own(node) else self._of(node) is not None

    def node(self, node: str = "") -> Table:
        if self._is_own(node):
            return self._here.node()
        found = self._of(node)
        return found.sample["node"] if found else {}

    def guests(self, node: str = "") -> Mapping[int, Table]:
        if self._is_own(node):
            return self._here.guests()
        found = self._of(node)
        return found.guests if found else {}

    def storages(self, node: str = "") -> Mapping[str, Table]:
        if self._is_own(node):
            return self._here.storages()
        found = self._of(node)
        return found.sample["storages"] if found else {}

    def _is_own(self, node: str) -> bool:
        return node in ("", self._node)

    def _of(self, node: str) -> _Parsed | None:
        """Each value is taken apart once."""
        value = self._mirror.shared(KEY).get(node)
        if value is None or time.monotonic() - value.seen_s >= STALE_S:
            return None
        parsed = self._parsed.get(node)
        if parsed is None or parsed.value is not value:
            parsed = self._parsed[node] = _Parsed(value, *tables(node, value.data))
        return parsed if parsed.sample else None


def tables(node: str, data: bytes) -> tuple[Table, Mapping[int, Table]]:
    """The sample and its guests by number; empty where a node of another version tells it in a form of its own."""
    try:
        sample: dict[str, Any] = orjson.loads(data)
        guests = {int(vmid): values for vmid, values in sample["guests"].items()}
        return {"node": dict(sample["node"]), "storages": dict(sample["storages"])}, guests
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        log.warning("the sample of node '%s' is not understood (%s: %s)", node, type(err).__name__, err)
        return {}, {}
