"""What a live migration needs to be told, and what it tells: plain data between the connection and whoever moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class LiveMove:
    """``libvirt``, ``memory``, ``disks``: unix sockets that lead to the target. ``xml``: the definition there.

    ``slots``: drives whose contents QEMU copies to volumes that are there already. ``downtime_ms``: how long it
    may stand still in the end, 0 for QEMU's own notion; a machine that changes too much is slowed down until it fits.
    """

    libvirt: str
    memory: str
    disks: str
    xml: str
    slots: Sequence[str] = ()
    downtime_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a live migration is: bytes of memory and disks together, and of the pass that is under way."""

    done: int
    remaining: int
    total: int
    rate_bps: int = 0

    @property
    def fraction(self) -> float:
        return max(0.0, 1 - self.remaining / self.total) if self.total else 0.0


def to_progress(stats: Mapping[str, Any]) -> Progress | None:
    """One answer of ``virDomainGetJobStats``; None before anything is known."""
    total = int(stats.get("data_total", 0))
    if not total:
        return None
    return Progress(
        done=int(stats.get("data_processed", 0)),
        remaining=int(stats.get("data_remaining", 0)),
        total=total,
        rate_bps=int(stats.get("memory_bps", 0)) + int(stats.get("disk_bps", 0)),
    )
