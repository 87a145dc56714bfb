"""A running guest that is held still: states of its volumes for a copy of it, and what a killed process leaves of that.

``notes`` tell of both, so that whoever comes next lets the guest go on and removes the states.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final, Protocol

from hostd.cluster import locks
from hostd.cluster.locks import local_lock
from hostd.guests import notes

_STILL_S: Final = 60


class Still(Protocol):
    """The steps of a guest of either kind; ``freeze`` notes ``notes.HELD``, ``thaw`` and ``let_go`` drop it."""

    def freeze(self, *, memory: str) -> None: ...

    def thaw(self) -> None: ...

    def let_go(self) -> None:
        """Let a guest go on that a killed process holds still."""

    def take(self, volume: str, name: str) -> None: ...

    def remove(self, volume: str, name: str) -> None: ...


def taken_for_copy(steps: Still, vmid: int, copy: int, volumes: Iterable[str], stack: ExitStack) -> str:
    """States of a running guest's volumes, all of one moment, which ``stack`` removes again; their name.

    Copies of a guest are made side by side; it is held by one of them only.
    """
    name, note = f"clone-{copy}", f"{notes.COPY}{copy}"
    with local_lock(f"vm-{vmid}-still", _STILL_S, locks.DIRECTORY):
        notes.write(vmid, note, name)
        stack.callback(notes.drop, vmid, note)
        try:
            steps.freeze(memory="")
            for volume in volumes:
                stack.callback(steps.remove, volume, name)
                steps.take(volume, name)
        finally:
            steps.thaw()
    return name


def end_left(steps: Still, vmid: int, volumes: Iterable[str]) -> None:
    """A guest that a killed process held still goes on; states that were made for a copy are removed.

    The caller holds the node's lock on the guest, alone.
    """
    for note in notes.names(vmid):
        if note == notes.HELD:
            steps.let_go()
        elif note.startswith(notes.COPY):
            for volume in volumes:
                steps.remove(volume, notes.read(vmid, note))
            notes.drop(vmid, note)
