"""How proposals of several nodes get one order: the Replicator protocol, and its single-node side. Pure.

A replicator is asked, never waited for: ``propose`` hands something in, ``poll`` says what has happened since, and
the function ``wake`` that it was made with tells that ``poll`` has something to say. The same protocol is spoken by
the local side (here), by the one over Corosync, and by a simulated one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from hostd.cluster.fs.mutations import Mutation
from hostd.cluster.fs.tree import Outcome, View, apply

if TYPE_CHECKING:
    from hostd.cluster.fs.transfer import Transfer

MAX_GROUP: Final = 200  # mutations in one transaction


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """How far a database is: the most advanced one wins. ``epoch`` counts memberships, ``sequence`` mutations."""

    epoch: int
    sequence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Who wants a change: recorded in the journal. ``time_ns`` since 1970 by the clock of ``node``."""

    node: str
    time_ns: int
    actor: str = ""
    task: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A mutation on its way; ``id`` is unique on its node until that node's daemon ends."""

    id: int
    mutation: Mutation
    origin: Origin


@dataclass(frozen=True, slots=True)
class Entry:
    """A proposal that has its place in the order, and what it does there."""

    position: Position
    proposal: Proposal
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether writes are accepted; ``reason`` says why not."""

    open: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deliver:
    """The next proposals in their order: one group, one transaction."""

    epoch: int
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Everything up to here is on the disks of a majority of the members that hold data."""

    position: Position


@dataclass(frozen=True, slots=True)
class Epoch:
    """A membership that accepts changes, named by (``number``, ``mark``); it goes on from sequence ``base``.

    ``mark`` is the database's first mark until somebody forces a fork, which gets one of its own. ``nodes``: ids of
    the nodes that were in it, none for the first epoch of a database.
    """

    number: int
    mark: str
    base: int
    nodes: tuple[int, ...] = ()
    forced: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Durable:
    """What a node's database says of itself.

    ``promised``: no epoch below is entered any more. ``origin``: which database it once began as. ``epoch``: the last.
    """

    position: Position
    promised: int
    origin: str
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Promise:
    """Record durably that no epoch below ``number`` will be entered from now on; answered by ``durable``."""

    number: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """Record the epoch durably, with the position (its number, its base); answered by ``durable``."""

    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask the daemon ``pid`` on node ``node_id`` for what this node misses; it arrives beside the ordered messages."""

    node_id: int
    pid: int
    session: bytes
    have: Position
    mark: str


@dataclass(frozen=True, slots=True)
class Lose:
    """The outcome of these proposals of this node cannot be told; None: of all that are not acknowledged yet."""

    ids: tuple[int, ...] | None
    reason: str


@dataclass(frozen=True, slots=True)
class Install:
    """Take another node's state, in one transaction; answered by ``durable``, with ``replaced`` for a snapshot."""

    transfer: Transfer


Event = Deliver | Acknowledge | Gate | Promise | Adopt | Fetch | Install | Lose


class Replicator(Protocol):
    """Puts proposals into one order for all nodes and tells when a change is safe."""

    @property
    def can_refuse(self) -> bool:
        """Whether a delivered group may still be refused: nobody else has applied it."""

    def propose(self, proposal: Proposal) -> None:
        """Hand in a change; it comes back through ``poll`` (perhaps never, when this node loses its cluster)."""

    def poll(self) -> Sequence[Event]:
        """What happened since the last call, in order."""

    def durable(self, position: Position, *, replaced: bool = False) -> None:
        """This node has everything up to ``position`` on disk: answers each Deliver, Promise, Adopt and Install.

        ``replaced``: the state is another node's, which earlier changes of this node may not be part of.
        """


class LocalReplicator:
    """A single node: its own order is the order, its own disk is the majority."""

    can_refuse = True

    def __init__(self, epoch: int, wake: Callable[[], None]) -> None:
        self._epoch = epoch
        self._wake = wake
        self._proposed: list[Proposal] = []
        self._events: list[Event] = [Gate(True)]

    @property
    def is_idle(self) -> bool:
        """Whether all that was proposed has been delivered and acknowledged."""
        return not self._proposed and not self._events

    def propose(self, proposal: Proposal) -> None:
        self._proposed.append(proposal)
        self._wake()

    def poll(self) -> Sequence[Event]:
        events, self._events = self._events, []
        if self._proposed:
            group, self._proposed = self._proposed[:MAX_GROUP], self._proposed[MAX_GROUP:]
            events.append(Deliver(self._epoch, tuple(group)))
        return events

    def durable(self, position: Position, *, replaced: bool = False) -> None:
        self._events.append(Acknowledge(position))
        self._wake()


def evaluate(tree: View, epoch: int, proposals: Iterable[Proposal]) -> list[Entry]:
    """What a group of proposals does to ``tree``, each on top of the ones before; the tree stays as it is.

    Refused ones, and ones without effect, take no sequence number: their entry shows the one reached before.
    """
    draft = tree.draft()
    entries = []
    for proposal in proposals:
        outcome = apply(draft, proposal.mutation, time_ns=proposal.origin.time_ns)
        draft.absorb(outcome)
        entries.append(Entry(Position(epoch, draft.version), proposal, outcome))
    return entries
