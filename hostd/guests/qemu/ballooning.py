"""How much memory each machine's balloon leaves it, by what the host has: one round's targets. Pure.

A machine has its ``balloon`` at least and its ``memory`` at most. What the host may use is a part of its memory; above
it machines are shrunk, below it they grow again, until what they have beyond their least is in proportion of their
shares.

Below the mark lies a band in which nothing moves; a round takes no more than what is too much and gives no more than
what is to spare, in steps; and what machines were told, but have not done yet, counts as done.
Source: of the behaviour, the reference's manual on memory ("Automatic Memory Allocation"); the rules here are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core.units import MIB

_STEP: Final = 100 * MIB
# Large machines are not changed by the same small step: no more than 64 rounds from end to end.
_STEPS: Final = 64
# Of what a guest could still give it gives half at once; one that has nothing left goes on slowly towards its least.
_SLOW: Final = 8
_BAND: Final = 100


@dataclass(frozen=True, kw_only=True)
class HostMemory:
    """Bytes. ``available``: what programs could have without anything being swapped out."""

    total: int
    available: int


@dataclass(frozen=True, kw_only=True)
class Balloon:
    """A machine whose balloon may be moved. Bytes, ``least`` and ``most`` whole MiB.

    ``size``: what the balloon leaves it now; ``asked``: what it was told last, while it is on its way there, else
    ``size``. ``usable``: what its guest could have without swapping. ``shares``: at least 1.
    """

    vmid: int
    size: int
    asked: int
    least: int
    most: int
    usable: int
    shares: int


def plan(host: HostMemory, percent: int, balloons: Sequence[Balloon]) -> dict[int, int]:
    """New targets in MiB by guest id, only of what changes. ``percent``: how much of its memory the host may use.

    A machine below its least or above its most is told so at once, whatever the host has.
    """
    within = {b.vmid: min(max(b.asked, b.least), b.most) for b in balloons}
    on_its_way = sum(b.size - within[b.vmid] for b in balloons)
    excess = host.total - host.available - on_its_way - host.total * percent // 100
    wanted = _changed(balloons, within, excess, host.total // _BAND)
    return {b.vmid: wanted[b.vmid] // MIB for b in balloons if wanted[b.vmid] != b.asked}


def _changed(balloons: Sequence[Balloon], within: Mapping[int, int], excess: int, band: int) -> Mapping[int, int]:
    """What each shall have after this round."""
    if excess > 0:
        parts = _shared(balloons, sum(within[b.vmid] - b.least for b in balloons) - excess)
        most = {b.vmid: min(_give(b), within[b.vmid] - b.least - parts[b.vmid]) for b in balloons}
        given = _at_most(most, excess)
        return {key: min(size, -(-(size - given[key]) // MIB) * MIB) for key, size in within.items()}
    if excess < -band:
        room = -excess - band
        parts = _shared(balloons, sum(within[b.vmid] - b.least for b in balloons) + room)
        most = {b.vmid: min(_step(b), b.least + parts[b.vmid] - within[b.vmid]) for b in balloons}
        got = _at_most(most, room)
        return {key: max(size, (size + got[key]) // MIB * MIB) for key, size in within.items()}
    return within


def _shared(balloons: Sequence[Balloon], spare: int) -> dict[int, int]:
    """What each gets beyond its least of ``spare`` bytes: by shares, and what one cannot take goes to the others."""
    parts = dict.fromkeys((b.vmid for b in balloons), 0)
    left, hungry = max(spare, 0), list(balloons)
    while hungry:
        shares = sum(b.shares for b in hungry)
        full = [b for b in hungry if (b.most - b.least) * shares <= left * b.shares]
        if not full:
            return parts | {b.vmid: left * b.shares // shares for b in hungry}
        parts |= {b.vmid: b.most - b.least for b in full}
        left -= sum(b.most - b.least for b in full)
        hungry = [b for b in hungry if b not in full]
    return parts


def _at_most(parts: Mapping[int, int], total: int) -> dict[int, int]:
    """The parts that are more than nothing, made smaller alike where they are more than ``total`` together."""
    asked = {key: max(part, 0) for key, part in parts.items()}
    whole = max(sum(asked.values()), 1)
    scaled: Callable[[int], int] = (lambda part: part * total // whole) if whole > total else (lambda part: part)
    return {key: scaled(part) for key, part in asked.items()}


def _step(balloon: Balloon) -> int:
    return max(_STEP, balloon.most // _STEPS)


def _give(balloon: Balloon) -> int:
    """What a machine is asked to give in one round."""
    step = _step(balloon)
    return min(step, max(balloon.usable // 2, step // _SLOW))
