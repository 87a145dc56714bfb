"""Who may go on, from whose state, and how many copies make a change safe. Pure; every member comes to the same answer.

Safety rests on one fact: two memberships that accept changes have a node in common which remembers, or one of them
knows that the other cannot exist. Let n nodes be configured to hold data (a witness holds none).

- **More than half** of n: any two such memberships share a node, so whatever ``copies_needed`` nodes of one have
  on disk, the next one finds. (Simulated failure: acknowledging after fewer copies loses them with one disk.)
- **Exactly half**, with the vote of a witness: the other half could have worked in the meantime and left no trace here.
  It may go on only if it comes straight from a working membership and the first thing that it hears of its ring, and
  of each ring in between in which it did not get as far as to work, is that it is quorate (the witness votes for one
  side of a split; the other one hears "not quorate"), or if all nodes
  of the last epoch that it knows are here (then nobody else can have had a later one). That is why a lone node that
  returns (A down, B writes, B down, A up) stays read-only although the witness gives it quorum.
- **Less than half**: never, whatever the votes are, unless an administrator forces it; that starts a marked fork.
  So does everything up to half while somebody forces: the quorum is not the witness's word then, and both halves may
  have it. (Simulated failure: seed 5656, both halves went on as the same epoch.) Each forced epoch has a mark of its
  own, also where the word of the same administrator still stands: the others may have taken the fork's mark over and
  be a majority without it. (Simulated failure: seed 7822, both went on as the same epoch of the same mark.)

The winner is the most advanced (epoch, sequence). An epoch is entered in two durable steps: first all members promise
a number higher than any that one of them has promised, then they record it. Without the promise two memberships could
enter epochs with the same number, and a node with changes that were never acknowledged could win over others that
were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hostd.cluster.fs.replicate import Epoch
from hostd.cluster.group.messages import Quorate, State
from hostd.cluster.group.transport import Member


@dataclass(frozen=True, slots=True)
class Plan:
    """How a membership starts to work: everybody takes ``winner``'s state, then ``epoch`` begins."""

    winner: Member
    epoch: Epoch


def winner(states: Mapping[Member, State]) -> Member:
    """Whose state all take: the most advanced; of equals the lowest member, so that everybody names the same one."""
    return min(states, key=lambda m: (-states[m].position.epoch, -states[m].position.sequence, states[m].mark, m))


def same_history(one: State, other: State) -> bool:
    """Whether two databases hold the same: a position names one state within its epoch's mark."""
    return (one.position, one.mark, one.origin) == (other.position, other.mark, other.origin)


def configured(states: Iterable[State]) -> set[int]:
    """All nodes that hold data, by anybody's configuration: too many asks for more copies, which is the safe side."""
    return {node for state in states for node in state.configured}


def copies_needed(present: Collection[int], everybody: Collection[int]) -> int:
    """On how many nodes a change must be durable: a majority of all; all that are here where there are fewer."""
    return min(len(everybody) // 2 + 1, len(present))


def foreigners(states: Mapping[Member, State]) -> list[Member]:
    """Members whose database began as another cluster's; an empty one belongs to nobody yet."""
    origin = states[winner(states)].origin
    return sorted(m for m, state in states.items() if state.position.sequence and state.origin != origin)


def refusal(states: Mapping[Member, State], words: Mapping[Member, Quorate]) -> str:
    """Why this membership must not go on by itself; empty if it may."""
    everybody = configured(states.values())
    here = {member.node_id for member in states} & everybody
    if 2 * len(here) > len(everybody):
        return ""
    missing = ", ".join(str(node) for node in sorted(everybody - here))
    if 2 * len(here) < len(everybody):
        return f"{len(here)} of {len(everybody)} nodes are here, less than half; missing: {missing}"
    last = states[winner(states)]
    comes_straight = all(
        words[m].continuing and state.position.epoch == last.position.epoch for m, state in states.items()
    )
    if comes_straight or (last.nodes and set(last.nodes) <= here):
        return ""
    return f"the missing nodes ({missing}) may hold newer changes; start them, or force this one if they are lost"


def plan(states: Mapping[Member, State], words: Mapping[Member, Quorate]) -> Plan | str:
    """How to go on, or why not (a sentence). Both maps hold all members of the view."""
    if strangers := foreigners(states):
        named = ", ".join(str(m.node_id) for m in strangers)
        return f"nodes hold databases of different clusters: {named} against {winner(states).node_id}; reset one side"
    best = winner(states)
    state = states[best]
    marks = sorted(word.fork for word in words.values() if word.fork)
    reason = refusal(states, words)
    if reason and not marks:
        return reason
    everybody = configured(states.values())
    forced = bool(marks) and 2 * len({m.node_id for m in states} & everybody) <= len(everybody)
    number = max(max(s.promised, s.position.epoch) for s in states.values()) + 1
    nodes = tuple(sorted({member.node_id for member in states}))
    mark = f"{marks[0]}.{number}" if forced else state.mark
    return Plan(best, Epoch(number, mark, state.position.sequence, nodes, forced=forced))


def acknowledged(applied: Mapping[int, int], needed: int) -> int:
    """The highest sequence that at least ``needed`` nodes have on disk (``applied``: sequence by node id)."""
    return sorted(applied.values(), reverse=True)[needed - 1]
