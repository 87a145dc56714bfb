"""Which node a call is passed on to, and that it is passed on once.

A header marks the hop; a call that carries it is never passed on again. A client that sends the header itself only
spoils its own calls to other nodes.
"""

from __future__ import annotations

from typing import Final

from hostd.api.errors import NodeAway
from hostd.cluster.standing import Member
from hostd.cluster.store import Mirror
from hostd.core.errors import HostError

HOP: Final = "PVEDisableProxy"


def member_for(mirror: Mirror, node: str, *, hopped: bool) -> Member:
    """The node that a call is passed on to. Raises HostError for a second hop or an unknown node, NodeAway."""
    if hopped:
        raise HostError("proxy loop detected")
    standing = mirror.members()
    member = standing.member(node) if standing else None
    if member is None:
        raise HostError(f"no such cluster node '{node}'")
    if not member.online:
        raise NodeAway(f"No route to host: node '{node}' is not part of the running cluster")
    return member
