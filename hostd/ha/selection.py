"""On which node a service should be.

Source: conformance area ``ha``, section 8.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from hostd.ha.round import Round
from hostd.ha.states import Preference


@dataclass(frozen=True, kw_only=True)
class Room:
    """``allowed``: nodes that the service may use, ``preferred``: of these the ones of the highest priority.

    ``together``: how many positive partners each node has, ``blocked``: nodes of negative partners.
    """

    allowed: frozenset[str]
    preferred: frozenset[str]
    together: Counter[str]
    blocked: frozenset[str]


def room(round: Round, sid: str) -> Room:
    """The nodes that rules leave to a service, of those that are online."""
    priorities = round.affinity.nodes.get(sid)
    allowed = round.usage.online_set
    if priorities is not None:
        allowed = frozenset(node for node in allowed if node in priorities)
    preferred = allowed
    if priorities is not None and allowed:
        highest = max(priorities[node] for node in allowed)
        preferred = frozenset(node for node in allowed if priorities[node] == highest)
    places = (round.usage.where(partner) for partner in round.affinity.positive.get(sid, ()))
    together = Counter(node for at, towards in places if (node := towards or at))
    avoided = (round.usage.where(partner) for partner in round.affinity.negative.get(sid, ()))
    blocked = frozenset(node for where in avoided for node in where if node)
    return Room(allowed=allowed, preferred=preferred, together=together, blocked=blocked)


def choose(round: Round, sid: str, preference: Preference) -> str | None:
    """The node for a service, None if there is none. Affinity to services is strict: blocked nodes are never taken."""
    service, resource = round.services[sid], round.resources.get(sid)
    current = service.node
    found = room(round, sid)
    stays = preference is Preference.STAY
    fails_back = resource is None or resource.failback
    if (
        stays
        and not fails_back
        and current in found.allowed
        and (found.together[current] or current not in found.blocked)
    ):
        return current
    left = found.preferred - found.blocked
    if preference is Preference.TRY_NEXT:
        left -= set(service.failed_nodes)
    left = _with_partners(left, found.together)
    if not left:
        return None
    if service.maintenance_node in left:
        return service.maintenance_node
    if stays and current in left:
        return current
    ranked = [node for node in round.usage.ranked(sid) if node in left]
    if preference is Preference.TRY_NEXT and current in ranked[:-1]:
        return ranked[ranked.index(current) + 1]
    return ranked[0]


def _with_partners(nodes: Collection[str], together: Counter[str]) -> frozenset[str]:
    """Where most positive partners are, by name where several nodes have as many; all nodes if none has any."""
    if not together:
        return frozenset(nodes)
    counted = [(-together[node], node) for node in nodes if together[node]]
    return frozenset({min(counted)[1]}) if counted else frozenset(nodes)
