"""The locks of high availability as leases of the store, each held by a node.

A lease is a file below ``priv/lease``; taking, renewing and giving back are compare-and-set writes. A node renews its
own whichever process took it: what runs under the lock is the node's, not the process's. Whether another node's lease
has run out is this process's own count of how long it saw it stand (``leases.Watch``): ``look`` every second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from hostd.cluster import leases
from hostd.cluster.leases import Lease, Watch
from hostd.cluster.store import Mirror, Store
from hostd.core.errors import Conflict, HostError, NotFound, Unavailable
from hostd.ha.budget import LOCK_S

_TRIES: Final = 3
# While the cluster's membership changes the store takes no writes for some seconds; that alone must not cost a lock.
# Far below REPLY_S of the budget, after which a renewal does not count.
PATIENCE_S: Final = 5


def clock_s() -> float:
    """Seconds since boot, sleep included: a machine that slept must not think that its lock still stands."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who has a lock. ``boot``: an id of the node's boot in which it was taken; ``kept``: guests were left under it."""

    node: str
    boot: str
    kept: bool
    version: int


def _holder(lease: Lease) -> Holder:
    node, _, boot = lease.holder.partition("/")
    return Holder(node=node, boot=boot, kept=lease.kept, version=lease.version)


class Locks:
    """The locks as one process of ``node`` has them; ``boot`` names this boot of the node."""

    def __init__(
        self,
        store: Store,
        mirror: Mirror,
        node: str,
        boot: str,
        clock_s: Callable[[], float] = clock_s,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._mirror, self._clock_s, self._sleep = store, mirror, clock_s, sleep
        self.node, self.boot = node, boot
        self._watch, self._watching = Watch(), threading.Lock()

    def look(self) -> None:
        """See how long leases have stood; every second or so, also while nothing is asked."""
        folder = f"{leases.DIRECTORY}/"
        found = (leases.parse(f.path.removeprefix(folder), f.data, f.version) for f in self._mirror.glob(folder))
        with self._watching:
            self._watch.look([lease for lease in found if lease], self._clock_s())

    def holder(self, name: str) -> Holder | None:
        """Who has the lock, also one that has run out. Raises HostError where the store does not answer."""
        lease = self._read(name)
        return _holder(lease) if lease else None

    def is_held(self, name: str) -> bool:
        """Whether somebody has it whose lease has not run out. Raises HostError where the store does not answer."""
        lease = self._read(name)
        return lease is not None and not self._has_expired(lease)

    def is_own(self, name: str) -> bool:
        """Whether this node has it, by this process's copy of the tree."""
        file = self._mirror.get(leases.path_of(name))
        lease = leases.parse(name, file.data, file.version) if file else None
        return lease is not None and _holder(lease).node == self.node

    def _read(self, name: str) -> Lease | None:
        try:
            file = self._store.read(leases.path_of(name))
        except NotFound:
            return None
        return leases.parse(name, file.data, file.version) or Lease(
            name=name, holder="?", duration_s=LOCK_S, version=file.version
        )

    def own(self, name: str, version: int = 0) -> Lease:
        """A lease of this node, as it is written when ``version`` is what stands."""
        return Lease(name=name, holder=f"{self.node}/{self.boot}", duration_s=LOCK_S, version=version)

    def take(self, name: str) -> bool:
        """Renew one's own, or take one that is free or has run out. False otherwise, and where nobody can tell."""
        return self._take(name, seize=False)

    def seize(self, name: str) -> bool:
        """Take it from whoever has it."""
        return self._take(name, seize=True)

    def _take(self, name: str, *, seize: bool) -> bool:
        asked_s = self._clock_s()
        for _ in range(PATIENCE_S):
            try:
                return self._try(name, seize=seize)
            except Unavailable:
                self.look()
            if self._clock_s() - asked_s >= PATIENCE_S:  # one that does not answer at all takes longer to say so
                return False
            self._sleep(1)
        return False

    def _try(self, name: str, *, seize: bool) -> bool:
        """Raises Unavailable where the store does not take it now, or did not say whether it has."""
        for _ in range(_TRIES):
            try:
                lease = self._read(name)
                if lease and not seize and _holder(lease).node != self.node and not self._has_expired(lease):
                    return False
                self._write(self.own(name, lease.version if lease else 0))
            except Conflict:
                continue
            except Unavailable:
                raise
            except HostError:
                return False
            return True
        return False

    def _has_expired(self, lease: Lease) -> bool:
        with self._watching:
            return self._watch.expired(lease)

    def _write(self, lease: Lease) -> None:
        path, data = leases.path_of(lease.name), leases.contents(lease)
        try:
            self._store.write(path, data, if_version=lease.version)
        except NotFound:
            self._store.mkdir(leases.DIRECTORY, parents=True)
            self._store.write(path, data, if_version=lease.version)

    def release(self, name: str, *, keep: bool = False) -> None:
        """Give one's own back; ``keep``: with the mark that guests are left, so that it does not run out.

        Raises HostError where the store takes no writes: the lease then runs out by itself.
        """
        lease = self._read(name)
        if lease is None or _holder(lease).node != self.node:
            return
        if keep:
            self._write(replace(self.own(name, lease.version), kept=True))
        else:
            self._store.delete(leases.path_of(name), if_version=lease.version)

    def forget_earlier_boot(self, name: str) -> bool:
        """Give back what an agent held, or left marked, before this boot: its guests ended with it. Whether it did."""
        lease = self._read(name)
        if lease is None or _holder(lease).node != self.node or _holder(lease).boot == self.boot:
            return False
        self._store.delete(leases.path_of(name), if_version=lease.version)
        return True
