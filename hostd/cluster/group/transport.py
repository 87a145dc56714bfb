"""What the replicated store asks of the thing that orders messages: the Transport protocol and its events. Pure.

The real side is Corosync (CPG for ``Received`` and ``View``, votequorum for ``Quorum``); tests have a simulated one.
``Received`` and ``View`` come in one order, the same for all members that move together from one view to the next.
``Quorum`` is not part of that order: it may come before or after the view it belongs to, which its ring id tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, order=True, slots=True)
class Member:
    """A daemon in the group; one that was started again is another member of the same node."""

    node_id: int
    pid: int


@dataclass(frozen=True, slots=True)
class Ring:
    """Corosync's ring id: who formed the ring, and a number that never repeats."""

    node_id: int
    seq: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message, the sender's own included; ordered with ``View``."""

    sender: Member
    data: bytes


@dataclass(frozen=True, slots=True)
class View:
    """Who is in the group from here on (CPG's configuration change), and the ring on which that is so."""

    ring: Ring
    members: tuple[Member, ...]
    joined: tuple[Member, ...] = ()
    left: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Quorum:
    """What votequorum says of a ring; not ordered with the other events."""

    quorate: bool
    ring: Ring


@dataclass(frozen=True, slots=True)
class Lost:
    """The engine went away: nothing more comes, and a new Transport is needed."""

    reason: str


Event = Received | View | Quorum | Lost


class Transport(Protocol):
    """Ordered messages within a group that tells who is in it."""

    @property
    def own(self) -> Member:
        """This daemon."""

    @property
    def max_message_bytes(self) -> int:
        """The largest message that arrives whole or not at all."""

    def send(self, data: bytes) -> bool:
        """Hand a message to the group; False: the engine's buffers are full, try again later."""

    def poll(self) -> Sequence[Event]:
        """What happened since the last call, in order."""

    def fileno(self) -> int:
        """Becomes readable when ``poll`` has something."""
