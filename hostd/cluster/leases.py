"""Leases: the right to something in the whole cluster, for a while, held by one at a time. Pure.

A lease is a file in the tree, so its order is the cluster's order and it survives what the tree survives. Every step
is a compare-and-set on the file's version. No clock of another node is ever looked at:

- The **holder** counts from *before* it proposed the change that was acknowledged last, and lets go when ``duration_s``
  has passed on its own clock. A renewal whose outcome is unknown extends nothing.
- **Another** may take it only when it has itself seen the same version stand for ``duration_s`` and a margin, which
  starts later than the holder's count. A renewal in between changes the version, and the taking is refused.
- Time that passed unobserved (the process hung, the clock jumped) does not count for the taker: one look adds at
  most ``LOOK_S``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hostd.cluster.fs import paths
from hostd.cluster.fs.mutations import Batch, Delete, Mkdir, Mutation, Write
from hostd.cluster.fs.tree import View

DIRECTORY: Final = paths.LEASES.rstrip("/")
MARGIN: Final = 0.1  # of the duration: clocks of two nodes may run this much apart in speed
LOOK_S: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """``holder`` names who may renew it, e.g. ``node/pid/start`` where a restarted process shall not hold it.

    ``kept``: it does not run out; its holder gives it back, or who knows that the holder is gone takes it.
    """

    name: str
    holder: str
    duration_s: float
    version: int = 0
    kept: bool = False


def path_of(name: str) -> str:
    return f"{paths.LEASES}{name}"


def read(view: View, name: str) -> Lease | None:
    """The lease in the tree, held or expired; None if there is none, or the file holds something else."""
    node = view.find(path_of(name))
    return parse(name, node.data, node.version) if node and node.data is not None else None


def parse(name: str, data: bytes, version: int) -> Lease | None:
    """The lease that a file holds; None where it holds something else."""
    try:
        found = json.loads(data)
        return Lease(
            name=name,
            holder=str(found["holder"]),
            duration_s=float(found["duration_s"]),
            version=version,
            kept=found.get("kept") is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def contents(lease: Lease) -> bytes:
    """The file of a lease."""
    kept = {"kept": True} if lease.kept else {}
    return json.dumps({"holder": lease.holder, "duration_s": lease.duration_s, **kept}).encode()


def take(lease: Lease, inode: int) -> Mutation:
    """Acquire (``lease.version`` 0: there must be none), renew or take over (the version that was seen)."""
    write = Write(path=path_of(lease.name), data=contents(lease), inode=inode, if_version=lease.version)
    if lease.version:
        return write
    above = (Mkdir(path=path, inode=inode ^ bit, exist_ok=True) for bit, path in ((1, "priv"), (2, DIRECTORY)))
    return Batch(steps=(*above, write))


def release(lease: Lease) -> Mutation:
    """Give it back; refused if somebody else has taken it since."""
    return Delete(path=path_of(lease.name), if_version=lease.version, directory=False)


class Held:
    """The holder's side: until when it may act. ``clock_s`` must not stand still while the machine sleeps."""

    def __init__(self, lease: Lease, proposed_s: float) -> None:
        """``lease`` as acknowledged, ``proposed_s``: the own clock before it was proposed."""
        self.lease = lease
        self.until_s = proposed_s + lease.duration_s

    def is_held(self, now_s: float) -> bool:
        return now_s < self.until_s


class Watch:
    """The other side: how long this node has seen each lease unrefreshed."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}
        self._last_s: float | None = None

    def look(self, leases: Iterable[Lease], now_s: float) -> None:
        """Call every second or so with all leases of the published tree."""
        passed = 0.0 if self._last_s is None else min(max(now_s - self._last_s, 0.0), LOOK_S)
        self._last_s = now_s
        before, self._seen = self._seen, {}
        for lease in leases:
            version, stood_s = before.get(lease.name, (0, 0.0))
            self._seen[lease.name] = (lease.version, stood_s + passed if version == lease.version else 0.0)

    def expired(self, lease: Lease) -> bool:
        """Whether this version of the lease may be taken from its holder."""
        if lease.kept:
            return False
        version, stood_s = self._seen.get(lease.name, (0, 0.0))
        return version == lease.version and stood_s > lease.duration_s * (1 + MARGIN)


def all_leases(view: View) -> list[Lease]:
    above = view.find(DIRECTORY)
    files = (node for node in view.children(above.inode) if node.data is not None) if above else ()
    found = (parse(node.name, node.data or b"", node.version) for node in files)
    return [lease for lease in found if lease]
