"""What the task of a guest's move is told of the way to another node: its addresses, and how the cluster wants it."""

from __future__ import annotations

from collections.abc import Sequence

from hostd.cluster import datacenter
from hostd.cluster.standing import Member
from hostd.cluster.store import Mirror


def others(members: Sequence[Member], node: str) -> list[str]:
    """Names of the nodes that are there, besides ``node``."""
    return [member.name for member in members if member.online and member.name != node]


def road(mirror: Mirror, members: Sequence[Member], node: str, target: str) -> dict[str, object]:
    """Arguments of ``qmigrate`` about the way from ``node`` to ``target``, as the cluster's options have it."""
    chosen = datacenter.of(mirror).get("migration", {})
    return {
        "target": target,
        "others": others(members, node),
        "addresses": next((list(member.addresses) for member in members if member.name == target), []),
        "network": chosen.get("network", ""),
        "secure": chosen.get("type", "secure") == "secure",
    }
