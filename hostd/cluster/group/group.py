"""One member of the store's group as a state machine: an input in, outputs out; no clock, no I/O. Deterministic.

From a change of membership (View) to the next change of the tree it goes through these steps. Each step waits for all
members, and all its messages are in the one order, so that all members take it at the same place of the order.

1. *first words* (State): sent once everything delivered before is on disk. Sooner, a change could become durable, and
   acknowledged, after this node has told a lower position, and the next epoch would go on without it.
2. *quorum* (Quorate): each member has heard that exactly this ring is quorate. A statement about another ring is worth
   nothing: with a witness both sides of a split claim quorum for seconds.
3. *promise and catch up* (Synced): authority.plan decides; losers fetch the winner's state beside the ordered messages.
4. *adopt* (Adopted): the epoch is on every disk. Only now the membership works, and the gate opens.
5. *changes* (Part, Seen, Applied): each is sent, received in the one order, made when enough members have received
   it, and acknowledged when enough members have it on disk.

A View closes the gate in the very order in which changes come, and changes of another session are dropped by everybody:
one that was delivered to one side of a split only can then never be made on top of a state it was not made for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from hostd.cluster.fs.replicate import (
    Acknowledge,
    Adopt,
    Deliver,
    Durable,
    Event,
    Fetch,
    Gate,
    Install,
    Lose,
    Position,
    Promise,
    Proposal,
)
from hostd.cluster.fs.transfer import Transfer
from hostd.cluster.group import authority
from hostd.cluster.group.authority import Plan
from hostd.cluster.group.messages import (
    Adopted,
    Applied,
    Message,
    Part,
    Quorate,
    Seen,
    State,
    Synced,
    decode,
    decode_proposal,
    encode,
    session_of,
    split,
)
from hostd.cluster.group.transport import Member, Quorum, Received, Ring, View
from hostd.core.errors import ParseError

WINDOW: Final = 64  # own messages on their way; more would only fill Corosync's buffers
NO_SESSION: Final = b""


@dataclass(frozen=True, slots=True)
class Send:
    """A message for the group."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Propose:
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Written:
    """The engine has carried out the oldest output that it had to: the database is now like this.

    ``replaced``: by a state that is not a continuation of the one before.
    """

    durable: Durable
    replaced: bool = False
    count: int = 1  # outputs carried out together


@dataclass(frozen=True, slots=True)
class Arrived:
    """What was fetched is here; of use only if ``session`` is still the present one."""

    session: bytes
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class Force:
    """An administrator says: go on without the others, as a fork with this mark; stands until an empty mark."""

    mark: str


@dataclass(frozen=True, slots=True)
class Configured:
    """The ids of all nodes that hold data; takes effect with the next view. Add or remove one at a time."""

    nodes: tuple[int, ...]


Input = View | Received | Quorum | Propose | Written | Arrived | Force | Configured
Output = Event | Send


class Group:
    """One member. Feed it with ``step`` in the order in which things happen."""

    def __init__(self, own: Member, durable: Durable, nodes: tuple[int, ...], max_message_bytes: int) -> None:
        self.own = own
        self.durable = durable
        self.working = False  # all members have adopted this session's epoch
        self.session = NO_SESSION
        self.plan: Plan | None = None
        self._nodes = nodes
        self._max_message_bytes = max_message_bytes
        self._out: list[Output] = []
        self._gate = Gate(False, "the store has not joined its group yet")
        # the view
        self._ring: Ring | None = None
        self._members: tuple[Member, ...] = ()
        self._quorum: Quorum | None = None
        self._denied: Ring | None = None
        self._continuing = False
        self._granted = False  # votequorum has said of the present ring that it is quorate
        self._fork = ""
        # what was said in it
        self._turn = 0
        self._spoken = False
        self._states: dict[Member, State] = {}
        self._words: dict[Member, Quorate] = {}
        self._synced: set[Member] = set()
        self._adopted: set[Member] = set()
        self._said: set[type[Message]] = set()
        self._planned = False
        self._why_not = ""
        self._installing = False
        self._adopting = False
        # while it works
        self._needed = 1
        self._applied: dict[int, int] = {}
        self._told = 0
        self._parts: dict[Member, list[bytes]] = {}
        self._ordered: deque[tuple[Member, Proposal]] = deque()  # received; not yet by enough members
        self._received = 0  # changes in this session
        self._released = 0  # of these, handed to the engine
        self._seen: dict[int, int] = {}
        self._last_seen = 0
        # own work
        self._busy = 0  # outputs which the engine has not answered yet
        self._waiting: deque[Proposal] = deque()
        self._under_way: set[int] = set()  # own proposals that were sent, and not yet handed to the engine

    def step(self, what: Input) -> list[Output]:
        """What is to be done because of ``what``, in this order."""
        match what:
            case View():
                self._view(what)
            case Quorum():
                self._hear_quorum(what)
            case Received():
                self._receive(what)
            case Propose():
                self._waiting.append(what.proposal)
            case Written():
                self._written(what)
            case Arrived():
                self._arrived(what)
            case Force():
                self._fork = what.mark
            case Configured():
                self._nodes = what.nodes
        self._advance()
        out, self._out = self._out, []
        return out

    def is_idle(self) -> bool:
        """Whether everything delivered is on disk: the database is what this member's first word said or will say."""
        return self._busy == 0

    # --- inputs

    def _view(self, view: View) -> None:
        # A node that is shut down leaves the group, then the ring: two views in a row, and the second one comes
        # straight, too, if every ring in between was granted to this side.
        straight = self.working or (self._continuing and self._granted)
        self._continuing = straight and view.ring != self._denied
        self._ring, self._members = view.ring, tuple(sorted(view.members))
        self._granted = self._is_quorate()
        self.working = False
        self._spoken = False
        self._states.clear()
        self._parts.clear()
        self._ordered.clear()
        self._forget_session()
        if self._under_way:
            reason = "the membership changed before the change came back: the outcome is unknown"
            self._out.append(Lose(tuple(sorted(self._under_way)), reason))
            self._under_way.clear()

    def _hear_quorum(self, quorum: Quorum) -> None:
        self._quorum = quorum
        if quorum.quorate:
            self._granted = self._granted or quorum.ring == self._ring
        else:
            self._denied = quorum.ring
            if quorum.ring == self._ring:
                self._continuing = False

    def _receive(self, received: Received) -> None:
        if received.sender not in self._members:
            return
        try:
            message = decode(received.data)
        except ParseError:
            return  # the same for everybody: a newer release's message, which its own first word already excludes
        sender = received.sender
        match message:
            case State():
                if not self.working:
                    self._states[sender] = message
                    self._forget_session()
            case Part():
                self._receive_part(sender, message)
            case _ if message.session != self.session:
                pass
            case Quorate():
                self._words[sender] = message
            case Synced():
                self._synced.add(sender)
            case Adopted():
                self._adopted.add(sender)
            case Seen():
                self._hear_seen(sender, message.count)
            case Applied():
                if sender.node_id in self._applied:
                    self._applied[sender.node_id] = message.sequence
                    self._acknowledge()

    def _receive_part(self, sender: Member, part: Part) -> None:
        """A change takes its place in the order with its last piece."""
        if not self._accepts(part):
            return
        pieces = self._parts.setdefault(sender, [])
        if part.index == 0:
            pieces.clear()
        pieces.append(part.data)
        if part.index + 1 < part.count:
            return
        del self._parts[sender]
        try:
            proposal = decode_proposal(b"".join(pieces))
        except ParseError:
            return
        self._ordered.append((sender, proposal))
        self._received += 1
        self._tell_seen()

    def _tell_seen(self) -> None:
        """One such message at a time is on its way; what comes meanwhile is told by the next one."""
        if self._last_seen in (self._seen.get(self.own.node_id), 0) and self._received > self._last_seen:
            self._last_seen = self._received
            self._send(Seen(self.session, self._received))

    def _hear_seen(self, sender: Member, count: int) -> None:
        """Changes that enough members have received are made.

        Not sooner: at the end of a ring, Corosync delivers what it has of the messages of those who go on, and skips
        messages of others that did not arrive any more. Two sides may then have different changes at the same place,
        and each could become longer. Enough members are more than half of the view, so only one side has them.
        """
        if sender.node_id not in self._seen or self.plan is None:
            return
        self._seen[sender.node_id] = count
        if sender == self.own:
            self._tell_seen()
        enough = authority.acknowledged(self._seen, self._needed)
        while self._released < enough and self._ordered:
            proposer, proposal = self._ordered.popleft()
            self._released += 1
            if proposer == self.own:
                self._under_way.discard(proposal.id)
            self._work(Deliver(self.plan.epoch.number, (proposal,)))

    def _accepts(self, part: Part) -> bool:
        """Whether a piece of a change belongs to the membership that works now."""
        return self.working and part.session == self.session

    def _written(self, written: Written) -> None:
        self._busy -= written.count
        self.durable = written.durable
        if written.replaced:
            self._out.append(Lose(None, "the state was replaced by another node's: the outcome is unknown"))
        if self.working:
            sequence = self.durable.position.sequence
            if sequence > self._told:
                self._told = sequence
                self._send(Applied(self.session, sequence))
            self._acknowledge()  # again: what was refused waits for what it was refused because of

    def _arrived(self, arrived: Arrived) -> None:
        """The winner's state; one that was asked for in an earlier session may be an earlier state."""
        if arrived.session == self.session and self.plan and not self._installing and not self._is_synced():
            self._installing = True
            self._work(Install(arrived.transfer))

    # --- progress

    def _advance(self) -> None:
        self._speak()
        if len(self._states) == len(self._members) and self._members and not self.working:
            self._agree()
        self._set_gate()
        self._propose()

    def _speak(self) -> None:
        """The first word in a view, once the disk holds all that was delivered before it."""
        if self._spoken or self._ring is None or not self.is_idle():
            return
        self._spoken = True
        self._turn += 1
        disk = self.durable
        self._send(
            State(self._turn, disk.position, disk.promised, disk.origin, disk.epoch.mark, disk.epoch.nodes, self._nodes)
        )

    def _agree(self) -> None:
        if self.own not in self._states or self._states[self.own].turn != self._turn or not self._spoken:
            return  # an old word of ours: the present one is on its way
        if self.session == NO_SESSION:
            self.session = session_of((m.node_id, m.pid, state) for m, state in self._states.items())
        if self._is_quorate():
            self._say(Quorate(self.session, self._continuing, self._fork))
        if len(self._words) == len(self._members) and not self._planned:
            self._decide()
        if self.plan is None:
            return
        if self._is_synced() and self._is_quorate():
            self._say(Synced(self.session))
        if len(self._synced) == len(self._members) and not self._adopting:
            self._adopting = True
            self._work(Adopt(self.plan.epoch))
        if self._adopting and self.is_idle() and self.durable.epoch == self.plan.epoch:
            self._say(Adopted(self.session))
        if len(self._adopted) == len(self._members):
            self._begin(self.plan)

    def _decide(self) -> None:
        self._planned = True
        decision = authority.plan(self._states, self._words)
        if isinstance(decision, str):
            self._why_not = decision
            return
        self.plan = decision
        self._work(Promise(decision.epoch.number))
        best = self._states[decision.winner]
        if not authority.same_history(self._states[self.own], best):
            source, disk = decision.winner, self.durable
            self._out.append(Fetch(source.node_id, source.pid, self.session, disk.position, disk.epoch.mark))

    def _is_synced(self) -> bool:
        plan, disk = self.plan, self.durable
        if plan is None or not self.is_idle() or disk.promised != plan.epoch.number:
            return False
        best = self._states[plan.winner]
        return (disk.position, disk.epoch.mark, disk.origin) == (best.position, best.mark, best.origin)

    def _begin(self, plan: Plan) -> None:
        """All members have the same state and the same epoch on disk."""
        self.working = True
        everybody = authority.configured(self._states.values())
        here = {member.node_id for member in self._members} & everybody
        self._needed = authority.copies_needed(here, everybody)
        self._applied = dict.fromkeys(here, plan.epoch.base)
        self._told = plan.epoch.base
        self._seen = dict.fromkeys(here, 0)
        self._received = self._released = self._last_seen = 0
        self._acknowledge()

    def _acknowledge(self) -> None:
        if self.working and self.plan is not None:
            sequence = authority.acknowledged(self._applied, self._needed)
            self._out.append(Acknowledge(Position(self.plan.epoch.number, sequence)))

    def _propose(self) -> None:
        """Send own changes while the gate is open and few are on their way."""
        while self._waiting and self._gate.open and len(self._under_way) < WINDOW:
            proposal = self._waiting.popleft()
            messages = split(self.session, proposal, self._max_message_bytes)
            self._under_way.add(proposal.id)
            self._out += [Send(data) for data in messages]

    # --- small things

    def _is_quorate(self) -> bool:
        """Whether votequorum's last word was about this very ring, and was yes."""
        return self._quorum is not None and self._quorum.quorate and self._quorum.ring == self._ring

    def _set_gate(self) -> None:
        gate = Gate(True) if self.working and self._is_quorate() else Gate(False, self._reason())
        if gate != self._gate:
            self._gate = gate
            self._out.append(gate)

    def _reason(self) -> str:
        if self._ring is None:
            return "the store has not joined its group yet"
        if not self._is_quorate():
            return "no quorum"
        return self._why_not or "the members are agreeing on the newest state"

    def _say(self, message: Quorate | Synced | Adopted) -> None:
        if type(message) not in self._said:
            self._said.add(type(message))
            self._send(message)

    def _send(self, message: Message) -> None:
        self._out.append(Send(encode(message)))

    def _work(self, output: Deliver | Promise | Adopt | Install) -> None:
        self._busy += 1
        self._out.append(output)

    def _forget_session(self) -> None:
        self.session = NO_SESSION
        self.plan = None
        self._planned = False
        self._why_not = ""
        self._words.clear()
        self._synced.clear()
        self._adopted.clear()
        self._said.clear()
        self._adopting = self._installing = False
