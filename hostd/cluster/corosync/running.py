"""What the running Corosync says of its nodes and votes, as the store needs it: who holds data, and is it forced."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from hostd.cluster.corosync import cmap
from hostd.cluster.corosync.conf import Node
from hostd.cluster.corosync.votequorum import Flag, VoteQuorum, Votes

_KEY = re.compile(r"nodelist\.node\.([0-9]+)\.(name|nodeid|quorum_votes|ring([0-9]+)_addr)\Z")
LOWERED_BY_ITSELF = Flag.LAST_MAN_STANDING | Flag.ALLOW_DOWNSCALE


@dataclass(frozen=True)
class Seen:
    """``nodes`` in the order of their numbers. ``forced``: an administrator lowered the expected votes."""

    nodes: tuple[Node, ...]
    forced: bool


def nodes_of(items: Mapping[str, cmap.Value]) -> tuple[Node, ...]:
    """The nodes from the keys below ``nodelist.node.`` (cmap_keys(7)); one without a number is left out."""
    found: dict[int, dict[str, cmap.Value]] = {}
    links: dict[int, dict[int, str]] = {}
    for key, value in items.items():
        if match := _KEY.match(key):
            place = int(match[1])
            found.setdefault(place, {})[match[2]] = value
            if match[3] is not None:
                links.setdefault(place, {})[int(match[3])] = str(value)
    nodes = [
        Node(
            name=str(values.get("name", "")),
            node_id=int(values["nodeid"]),
            votes=int(values.get("quorum_votes", 1)),
            links=links.get(place, {}),
        )
        for place, values in found.items()
        if "nodeid" in values
    ]
    return tuple(sorted(nodes, key=lambda node: node.node_id))


def is_forced(votes: Votes, nodes: tuple[Node, ...]) -> bool:
    """Whether fewer votes are expected than the nodes have, and not because votequorum lowers the number by itself."""
    return votes.expected < sum(node.votes for node in nodes) and not votes.flags & LOWERED_BY_ITSELF


class Running:
    """Connections to look with; ``look`` may be called by several threads. The constructor raises EngineError."""

    def __init__(self, node_id: int) -> None:
        self._node_id = node_id
        self._lock = threading.Lock()
        self._cmap = cmap.Cmap()
        try:
            self._quorum = VoteQuorum()
        except BaseException:
            self._cmap.close()
            raise

    def look(self) -> Seen:
        """Raises EngineError when Corosync has gone."""
        with self._lock:
            nodes = nodes_of(self._cmap.items("nodelist.node."))
            return Seen(nodes, is_forced(self._quorum.votes(self._node_id), nodes))

    def close(self) -> None:
        with self._lock:
            self._cmap.close()
            self._quorum.close()
