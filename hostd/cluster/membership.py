"""Who belongs to the cluster and who is there: the stored corosync.conf and what votequorum says of it."""

from __future__ import annotations

from dataclasses import dataclass

from hostd.cluster.corosync import conffile
from hostd.cluster.corosync.conf import ClusterConf, validate
from hostd.cluster.store import Mirror
from hostd.core.errors import Invalid, ParseError, Unavailable

PATH = "corosync.conf"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What this node sees of the cluster. ``online``: numbers of the nodes in its ring, its own included."""

    quorate: bool
    online: frozenset[int]


def stored(mirror: Mirror) -> ClusterConf | None:
    """The cluster's configuration; None on a host that joined none. Raises ParseError where the file is wrong."""
    file = mirror.get(PATH)
    if file is None:
        return None
    conf = ClusterConf(conffile.parse(file.data.decode(errors="replace")))
    try:
        validate(conf)
    except Invalid as err:
        raise ParseError(f"/etc/pve/{PATH}: {err}") from err
    return conf


def standing(conf: ClusterConf, own: str) -> Standing:
    """Ask the running Corosync (as root). Where it does not run, this node is alone and without quorum."""
    # ctypes and three libraries, for a rare question
    from hostd.cluster.corosync.library import EngineError
    from hostd.cluster.corosync.votequorum import Flag, State, VoteQuorum

    alone = Standing(quorate=False, online=frozenset(n.node_id for n in conf.nodes if n.name == own))
    try:
        quorum = VoteQuorum()
    except Unavailable:
        return alone
    try:
        seen = [quorum.votes(node.node_id) for node in conf.nodes]
    except EngineError:  # it ended, or does not know a node that was added a moment ago
        return alone
    finally:
        quorum.close()
    return Standing(
        quorate=any(Flag.QUORATE in votes.flags for votes in seen),
        online=frozenset(votes.node_id for votes in seen if votes.state == State.MEMBER),
    )
