"""What the running Corosync counts of its links, its ring and its votes (for hostd.cluster.health)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from hostd.cluster.corosync import cmap
from hostd.cluster.corosync.library import Missing
from hostd.cluster.corosync.running import nodes_of
from hostd.cluster.corosync.votequorum import Flag, VoteQuorum, Votes
from hostd.cluster.health import LINK_FIELDS, Reading, Witness, links_of

TOKEN = "runtime.config.totem.token"  # ms, what each node adds included
WITNESS = "quorum.device.model"
RESENT, TOKENS_LOST = "stats.srp.mcast_retx", "stats.srp.operational_token_lost"


def reading_of(
    own: int,
    nodes: Mapping[str, cmap.Value],
    token_ms: cmap.Value,
    counters: Mapping[str, cmap.Value],
    votes: Votes,
    has_witness: bool = False,
) -> Reading:
    """Pure; the maps as Corosync has them. ``has_witness``: its configuration names one."""
    witness = Witness(
        votes=votes.qdevice_votes,
        registered=bool(votes.flags & Flag.QDEVICE_REGISTERED),
        alive=bool(votes.flags & Flag.QDEVICE_ALIVE),
        casts=bool(votes.flags & Flag.QDEVICE_CAST_VOTE),
    )
    return Reading(
        own=own,
        names={node.node_id: node.name for node in nodes_of(nodes)},
        token_s=int(token_ms) / 1000,
        links=links_of(counters, own),
        retransmits=int(counters.get(RESENT, 0)),
        tokens_lost=int(counters.get(TOKENS_LOST, 0)),
        votes=votes.total,
        votes_needed=votes.quorum,
        votes_expected=votes.expected,
        witness=witness if has_witness else None,
    )


class Statistics:
    """Connections to look with. The constructor raises EngineError; so does ``look`` when Corosync has gone."""

    def __init__(self, own: int) -> None:
        self._own = own
        self._lock = threading.Lock()  # nothing is closed while it is looked at
        self._opened: list[cmap.Cmap | VoteQuorum] = []
        try:
            self._map = self._keep(cmap.Cmap())
            self._counters = self._keep(cmap.Cmap(statistics=True))
            self._quorum = VoteQuorum()
            self._opened.append(self._quorum)
        except BaseException:
            self.close()
            raise

    def _keep(self, opened: cmap.Cmap) -> cmap.Cmap:
        self._opened.append(opened)
        return opened

    def look(self) -> Reading:
        """Asks for what is needed only: of all that there is, 16 nodes with eight links would have 5,000 values."""
        with self._lock:
            return self._look()

    def _look(self) -> Reading:
        nodes = self._map.items("nodelist.node.")
        links = (
            (node.node_id, link) for node in nodes_of(nodes) if node.node_id != self._own for link in sorted(node.links)
        )
        keys = [f"stats.knet.node{node_id}.link{link}.{field}" for node_id, link in links for field in LINK_FIELDS]
        votes = self._quorum.votes(self._own)
        counters = self._some([RESENT, TOKENS_LOST, *keys])
        has_witness = bool(self._map.keys(WITNESS))
        return reading_of(self._own, nodes, self._map.get(TOKEN), counters, votes, has_witness)

    def _some(self, keys: Iterable[str]) -> dict[str, cmap.Value]:
        found = {}
        for key in keys:
            try:
                found[key] = self._counters.get(key)
            except Missing:
                continue  # of a link that was added a moment ago, or is going
        return found

    def close(self) -> None:
        with self._lock:
            for opened in self._opened:
                opened.close()
            self._opened.clear()
