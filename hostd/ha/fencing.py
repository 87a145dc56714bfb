"""Lost nodes: nothing of theirs is started elsewhere before they are known to be off.

A node is known to be off when a fence device has said so, or when its agent's lock has run out: the agent renews that
lock and feeds its watchdog in the same breath, so a node without it has been reset by then (``budget``). The agent of a
node that was booted since gives the lock of before back (ours). Either way
the master holds the lock afterwards, which keeps a node that returns from becoming active before it has seen that its
services went elsewhere.
Source: conformance area ``ha``, section 8.6; fence devices first is ours.
"""

from __future__ import annotations

from hostd.ha.budget import agent_lock
from hostd.ha.events import Kind
from hostd.ha.round import Round
from hostd.ha.states import NodeState, ServiceState


def pursue(round: Round) -> None:
    """Fence the nodes of services in ``fence``, and nodes left in that state without any."""
    lost: dict[str, list[str]] = {}
    for sid, service in round.services.items():
        if service.state is ServiceState.FENCE:
            lost.setdefault(service.node, []).append(sid)
    for node in sorted(lost):
        if round.state_of(node) is not NodeState.FENCE:
            round.set_node_state(node, NodeState.FENCE)
            round.tell(Kind.FENCE_TRY, node=node)
        if _is_off(round, node):
            for sid in lost[node]:
                round.change(sid, ServiceState.RECOVERY)
    for node in sorted(node for node, state in round.nodes.items() if state is NodeState.FENCE and node not in lost):
        round.tell(Kind.FENCE_ORPHAN, node=node)
        _is_off(round, node)


def _is_off(round: Round, node: str) -> bool:
    # A lock that has run out, or was given back after a boot, is enough: a node that is well again by then need not be
    # shot as well.
    if not round.env.take_lock(agent_lock(node)) and not _is_shot(round, node):
        return False
    round.tell(Kind.FENCE_ACK, node=node)
    round.set_node_state(node, NodeState.UNKNOWN)
    round.tell(Kind.FENCE_DONE, node=node)
    return True


def _is_shot(round: Round, node: str) -> bool:
    if round.has_just_returned(node):
        return False
    return round.env.is_powered_off(node) and round.env.seize_lock(agent_lock(node))
