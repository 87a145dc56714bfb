"""Six mistakes which the runs must notice, each a small change of the production code, made here only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

from hostd.cluster.group import authority
from hostd.cluster.group.group import Arrived, Group, Input, Output, Written
from hostd.cluster.group.messages import State
from hostd.cluster.group.transport import Member, Quorum, View
from tests.simulation.disk import Change, Disk, Real
from tests.simulation.world import Planted


class NoSync(Disk):
    """The disk is not told to sync: a power cut takes the last transactions back."""

    def fsync(self, change: Change, real: Real) -> None:
        if self._rng.random() < 0.1:
            self._synced = self.image.copy()  # the kernel wrote it by itself
        change()

    def power_lost(self) -> None:
        self.image = getattr(self, "_synced", None) or type(self.image)(self.image.origin)
        self._synced = self.image.copy()


class NoGate(Group):
    """Nobody listens to votequorum."""

    def _hear_quorum(self, quorum: Quorum) -> None:
        pass

    def _is_quorate(self) -> bool:
        return True


class LateGate(Group):
    """The change of membership takes effect one message too late."""

    late: View | None = None

    def step(self, what: Input) -> list[Output]:
        if isinstance(what, View):
            before = super().step(self.late) if self.late else []
            self.late = what
            return before
        out = super().step(what)
        if self.late is not None and not isinstance(what, Written):
            view, self.late = self.late, None
            out += super().step(view)
        return out


class WrongMerge(Group):
    """A node that lost keeps its own state and only takes over the winner's name for it."""

    def step(self, what: Input) -> list[Output]:
        if isinstance(what, Arrived):
            image = what.transfer
            content = image.content if isinstance(image.content, tuple) else ()
            what = Arrived(
                what.session,
                type(image)(origin=image.origin, position=image.position, epochs=image.epochs, content=content),
            )
        return super().step(what)


@contextmanager
def early_acknowledgement() -> Iterator[None]:
    """One copy is enough."""
    with patch.object(authority, "copies_needed", lambda present, everybody: 1):
        yield


@contextmanager
def stale_wins() -> Iterator[None]:
    """The least advanced member's state is taken."""

    def winner(states: Mapping[Member, State]) -> Member:
        return min(states, key=lambda m: (states[m].position, m))

    with patch.object(authority, "winner", winner):
        yield


@contextmanager
def nothing() -> Iterator[None]:
    yield


MISTAKES = {
    "no fsync": (Planted(disk=NoSync), nothing),
    "no gate": (Planted(group=NoGate), nothing),
    "gate late by one message": (Planted(group=LateGate), nothing),
    "wrong merge": (Planted(group=WrongMerge), nothing),
    "acknowledgement before majority": (Planted(), early_acknowledgement),
    "stale node wins": (Planted(), stale_wins),
}
