"""How the manager sees nodes.

Source: conformance area ``ha``, section 8 (2).
"""

from __future__ import annotations

from hostd.ha.round import Round
from hostd.ha.states import Mode, NodeState


def observe(round: Round) -> None:
    """Follow membership and the agents' modes, one change a node and round. A node in ``fence`` waits to be fenced."""
    for node in sorted(node for node, online in round.members.items() if online):
        round.seen_s[node] = round.now_s
        state, in_maintenance = round.state_of(node), round.mode_of(node) is Mode.MAINTENANCE
        if state is NodeState.UNKNOWN or (state is NodeState.MAINTENANCE and not in_maintenance):
            round.set_node_state(node, NodeState.ONLINE)
        elif state is NodeState.ONLINE and in_maintenance:
            round.set_node_state(node, NodeState.MAINTENANCE)
    for node in sorted(round.nodes):
        if round.members.get(node):
            continue
        state, in_maintenance = round.state_of(node), round.mode_of(node) is Mode.MAINTENANCE
        if state is NodeState.ONLINE or (state is NodeState.MAINTENANCE and not in_maintenance):
            round.set_node_state(node, NodeState.UNKNOWN)
