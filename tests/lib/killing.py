"""Workers of tasks that get a real SIGKILL at a step of their work: forks of the task daemon, their effects counted."""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

from hostd.cluster.store import Mirror, Store
from hostd.core.run import run
from hostd.node.host import Host
from hostd.tasks.archive import Archive
from hostd.tasks.registry import collect
from hostd.tasks.scopes import NoScopes
from hostd.tasks.spawn import Spawner

NEVER = 10**9
MIDST_S = 0.004
SETTLED_S = 0.05


@dataclass
class Counter:
    """Kills its process at the effect number ``death``; ``midst``: a moment after that effect has begun."""

    death: int = NEVER
    midst: bool = False
    steps: int = 0

    def wrap(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.steps += 1
            if self.steps == self.death:
                if not self.midst:
                    os.kill(os.getpid(), signal.SIGKILL)
                threading.Timer(MIDST_S, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return act(*args, **kwargs)

        return counted


class CountedStore:
    """The real client, its changes counted."""

    def __init__(self, store: Store, counter: Counter) -> None:
        self._store = store
        self.write, self.delete = counter.wrap(store.write), counter.wrap(store.delete)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass
class Workers:
    """One node's store (its socket) and its task daemon's part. ``counter`` counts in the next worker: writes to the
    store, programs, files that are removed or renamed, and what ``counted`` adds."""

    TASKS: ClassVar[tuple[ModuleType, ...]] = ()
    socket: str
    archive: Archive
    counter: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.host = Host(node="pve1", store=Store(self.socket), mirror=Mirror(self.socket), run=run)
        self._spawner = Spawner("pve1", collect(self.TASKS), self.archive, NoScopes(), self._counted_host)

    def counted(self) -> None:
        """In the worker, after the fork: count more."""

    def _counted_host(self) -> Host:
        for module, name in ((os, "unlink"), (os, "rename"), (shutil, "rmtree")):
            setattr(module, name, self.counter.wrap(getattr(module, name)))
        self.counted()
        store: Any = CountedStore(Store(self.socket), self.counter)
        return Host(node="pve1", store=store, mirror=Mirror(self.socket), run=self.counter.wrap(run))

    def task(self, type: str, counter: Counter | None = None, **args: object) -> str:
        """Run a task to its end; how it ended."""
        self.counter = counter or Counter()
        upid = self._spawner.spawn(type, str(args["vmid"]), "root@pam", args)
        (pidfd,) = self._spawner.watched
        assert select.select([pidfd], [], [], 120)[0], "the worker hangs"
        self._spawner.reap(pidfd)
        time.sleep(SETTLED_S)  # what a dead worker has sent to the store may still be written
        entry = self.archive.status(upid)
        assert entry is not None
        return entry.status or ""
