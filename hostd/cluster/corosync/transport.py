"""The store's transport (hostd.cluster.group.transport) over Corosync: CPG for messages and views, votequorum."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence

from hostd.cluster.corosync import cpg, votequorum
from hostd.cluster.corosync.library import EngineError
from hostd.cluster.group.transport import Event, Lost, Member, Quorum, Received, Ring, View

GROUP = "hostd-store"
EVENTS_PER_POLL = 256
# Own messages that were sent and did not come back yet. Each costs a byte in a socket, which holds about 270 of them;
# beyond that libqb does not return EAGAIN but spins until the daemon reads.
MOST_UNDER_WAY = 128
ENDED = select.EPOLLHUP | select.EPOLLERR


class Views:
    """CPG's events as views and messages; pure.

    When nodes come or go, Corosync first tells who left, then who joined, then the new ring; no message is delivered
    in between. All of it becomes one view, which carries the new ring. When only a process comes or goes, the ring
    stays and the change is a view at once. A new ring that leaves the group as it was is a view, too, since quorum is
    decided per ring. The ring of the start is told right after this process has joined, or before that, when a process
    of any group on any node joined a moment earlier.
    """

    def __init__(self, own: Member) -> None:
        self._own = own
        self._ring: Ring | None = None
        self._members: tuple[Member, ...] = ()
        self._joined: set[Member] = set()
        self._left: set[Member] = set()
        self._waits_for_ring = False

    def take(self, event: cpg.Event) -> Event | None:
        """What the event means to the store; None when it is only part of a change."""
        match event:
            case cpg.Message():
                if self._waits_for_ring or self._ring is None:  # would be told before the view that it belongs to
                    return Lost("Corosync delivered a message in the middle of a change of membership")
                return Received(event.sender, event.data)
            case cpg.Change():
                self._members = event.members
                self._joined |= set(event.joined)
                self._left |= set(event.left)
                if self._own in event.left and self._own not in event.members:
                    return Lost("Corosync has removed this process from the group")
                self._waits_for_ring |= event.by_node
                return None if self._waits_for_ring or self._ring is None else self._view()
            case cpg.RingChange():
                known, self._ring = self._ring, event.ring
                if not self._members or (known == event.ring and not self._waits_for_ring):
                    return None  # not yet a member, or told again
                return self._view()

    def _view(self) -> View:
        assert self._ring is not None
        view = View(self._ring, self._members, tuple(sorted(self._joined)), tuple(sorted(self._left)))
        self._joined, self._left, self._waits_for_ring = set(), set(), False
        return view


class Verdicts:
    """Votequorum's events as ``Quorum``; pure. The ring is told first, the verdict over it afterwards."""

    def __init__(self) -> None:
        self._ring: Ring | None = None
        self._early: bool | None = None

    def take(self, event: votequorum.Event) -> Quorum | None:
        """A verdict with the ring that it is about."""
        match event:
            case votequorum.Nodes():
                self._ring, early, self._early = event.ring, self._early, None
                return None if early is None else Quorum(early, event.ring)
            case votequorum.Verdict():
                if self._ring is None:
                    self._early = event.quorate
                    return None
                return Quorum(event.quorate, self._ring)
            case votequorum.Expected():
                return None


class CorosyncTransport:
    """A member of the process group ``group``.

    The constructor raises ``EngineError`` while Corosync does not run or is changing its membership (``TryAgain``):
    try again after a while. ``Lost`` closes it; make a new one. ``send`` is refused while many own messages have not
    come back, so poll between.
    """

    def __init__(self, group: str = GROUP) -> None:
        self._lost = ""
        self._closed = False
        self._under_way = 0
        self._cpg = cpg.Cpg()
        try:
            self._quorum = votequorum.VoteQuorum()
        except BaseException:
            self._cpg.close()
            raise
        self._epoll = select.epoll()
        self.own = Member(self._cpg.node_id, os.getpid())
        self.max_message_bytes = self._cpg.max_message_bytes
        self._views, self._verdicts = Views(self.own), Verdicts()
        try:
            self._quorum.track()
            self._cpg.join(group)
            for fd in (self._cpg.fd, self._quorum.fd):
                self._epoll.register(fd, select.EPOLLIN)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the group; the others see it at once."""
        if not self._closed:
            self._closed = True
            self._epoll.close()
            self._cpg.close()
            self._quorum.close()

    def fileno(self) -> int:
        """Readable while ``poll`` has something."""
        return self._epoll.fileno()

    def send(self, data: bytes) -> bool:
        """Send to all members. False: flow control or a dead engine, nothing was sent; the latter ``poll`` tells."""
        if self._lost or self._under_way >= MOST_UNDER_WAY:
            return False
        try:
            sent = self._cpg.send(data)
        except EngineError as err:
            self._lost = str(err)
            return False
        self._under_way += sent
        return sent

    def poll(self) -> Sequence[Event]:
        """Some of what has happened, in order; ``Lost`` is the last event, once."""
        if self._closed:
            return ()
        # One look at both: a dispatch that finds nothing costs several of them. libqb sends a byte for each event.
        ready = dict(self._epoll.poll(0))
        if not ready and not self._lost:
            return []
        events: list[Event] = []
        try:
            if self._cpg.fd in ready:
                for heard in self._cpg.dispatch(EVENTS_PER_POLL):
                    if isinstance(heard, cpg.Message) and heard.sender == self.own:
                        self._under_way -= 1
                    if (event := self._views.take(heard)) is not None:
                        events.append(event)
                        if isinstance(event, Lost):
                            return self._end(events)
            if self._quorum.fd in ready:
                for said in self._quorum.dispatch(EVENTS_PER_POLL):
                    if (verdict := self._verdicts.take(said)) is not None:
                        events.append(verdict)
        except EngineError as err:
            self._lost = self._lost or str(err)
        if not events and not self._lost and any(flags & ENDED for flags in ready.values()):
            self._lost = "Corosync has ended"
        if self._lost:
            return self._end([*events, Lost(self._lost)])
        return events

    def _end(self, events: list[Event]) -> list[Event]:
        self.close()
        return events
