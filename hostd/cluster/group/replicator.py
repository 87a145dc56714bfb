"""The Replicator of a cluster: joins the pure ``Group`` with a Transport and the engine's questions.

Nothing here waits. ``poll`` takes what the transport has, feeds the group, and hands the engine its events; messages
which the transport cannot take now (flow control) stay in ``_outbox``, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from hostd.cluster.fs.replicate import (
    MAX_GROUP,
    Acknowledge,
    Deliver,
    Durable,
    Event,
    Fetch,
    Gate,
    Lose,
    Position,
    Proposal,
)
from hostd.cluster.fs.transfer import Transfer
from hostd.cluster.group.group import (
    Arrived,
    Configured,
    Force,
    Group,
    Input,
    Propose,
    Send,
    Written,
)
from hostd.cluster.group.transport import Lost, Transport

PASSIVE = (Acknowledge, Gate, Fetch, Lose)  # events that the engine does not answer


class GroupReplicator:
    """One node's side of the cluster's order."""

    can_refuse = False  # the others apply it: a node that cannot leaves the group

    def __init__(
        self,
        transport: Transport,
        disk: Callable[[], Durable],
        nodes: tuple[int, ...],
        wake: Callable[[], None],
        *,
        make_group: Callable[..., Group] = Group,
    ) -> None:
        """``disk`` says what the database holds now; ``nodes``: ids of all configured nodes that hold data."""
        self._transport = transport
        self._disk = disk
        self._wake = wake
        self._group = make_group(transport.own, disk(), nodes, transport.max_message_bytes)
        self._events: deque[Event] = deque()
        self._merged: deque[int] = deque()  # how many outputs of the group each unanswered event stands for
        self._outbox: deque[bytes] = deque()
        self._lost = False

    # --- the Replicator protocol

    def propose(self, proposal: Proposal) -> None:
        self._step(Propose(proposal))
        self.flush()  # on its way before anybody wakes up
        self._wake()

    def poll(self) -> Sequence[Event]:
        self.flush()
        if not self._lost:
            for event in self._transport.poll():
                if isinstance(event, Lost):
                    self._lose(event.reason)
                    break
                self._step(event)
        self.flush()
        return self._take()

    def durable(self, position: Position, *, replaced: bool = False) -> None:
        """The oldest event that wanted work on disk is done; where the database stands now it says itself."""
        self._step(Written(self._disk(), replaced=replaced, count=self._merged.popleft()))
        self._wake()

    # --- what only a cluster has

    @property
    def session(self) -> bytes:
        """The present session: a Fetch of another one is refused by the node that is asked."""
        return self._group.session

    @property
    def is_idle(self) -> bool:
        """Whether the database is where this node said that it is, so that others may fetch from it."""
        return self._group.is_idle()

    def arrived(self, session: bytes, transfer: Transfer) -> None:
        """What a Fetch asked for."""
        self._step(Arrived(session, transfer))
        self._wake()

    def force(self, mark: str) -> None:
        """Go on without the others as a fork named ``mark`` (random); only ever on an administrator's word.

        Stands until called with an empty mark: as long as votequorum expects fewer votes than there are nodes.
        """
        self._step(Force(mark))
        self._wake()

    def configure(self, nodes: tuple[int, ...]) -> None:
        """The nodes that hold data changed by one."""
        self._step(Configured(nodes))

    def flush(self) -> bool:
        """Hand waiting messages to the transport; False when it cannot take all of them now: call again soon."""
        while self._outbox and not self._lost:
            if not self._transport.send(self._outbox[0]):
                return False
            self._outbox.popleft()
        return True

    # --- inside

    def _step(self, what: Input) -> None:
        for output in self._group.step(what):
            if isinstance(output, Send):
                self._outbox.append(output.data)
            else:
                self._events.append(output)

    def _take(self) -> list[Event]:
        """Events for the engine; changes that follow each other become one group, which is one transaction."""
        taken: list[Event] = []
        while self._events:
            event = self._events.popleft()
            last = taken[-1] if taken else None
            if (
                isinstance(event, Deliver)
                and isinstance(last, Deliver)
                and last.epoch == event.epoch
                and len(last.proposals) < MAX_GROUP
            ):
                taken[-1] = Deliver(last.epoch, last.proposals + event.proposals)
                self._merged[-1] += 1
                continue
            taken.append(event)
            if not isinstance(event, PASSIVE):
                self._merged.append(1)
        return taken

    def _lose(self, reason: str) -> None:
        self._lost = True
        self._events.append(Gate(False, f"the cluster's engine is gone: {reason}"))
        self._events.append(Lose(None, f"the cluster's engine is gone ({reason}): the outcome is unknown"))
