"""The target's side of a container's move: its files may come one by one, and it runs again once it is here."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from hostd.core.errors import HostError
from hostd.guests.config import GuestKind
from hostd.guests.lxc import copies, trees
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.volumes import format_volume, source_of
from hostd.guests.qemu.machines import Machines
from hostd.migration import leftovers
from hostd.migration.incoming import Answer, Incoming, socket_of
from hostd.migration.receiving import Receiving
from hostd.migration.wire import Stream
from hostd.node.host import Host
from hostd.storage.interface import Driver
from hostd.tasks.log import TaskLog


class IncomingContainer(Incoming):
    """A container that may come, and is off meanwhile."""

    kind = GuestKind.LXC
    content = "rootdir"

    def __init__(self, host: Host, log: TaskLog, vmid: int, machines: Machines, engine: Engine | None = None) -> None:
        super().__init__(host, log, vmid, machines)
        self._engine = engine or SystemdEngine(host)

    def _runs(self) -> bool:
        return self._engine.running(self._vmid)

    def _clear_leftovers(self) -> None:
        leftovers.clear(self._host, self._log, self._vmid, self._machines, self._engine)

    def _format(self, driver: Driver, wanted: str, size_bytes: int) -> str:
        return copies.form_on(driver, wanted, size_bytes)

    def _take(self, message: Mapping[str, Any]) -> Answer:
        """Open a volume: as an image, or (``tree``) for files, which need a file system to come into."""
        if not message.get("tree"):
            return super()._take(message)
        volume, catalog = self._own_volume(str(message["volume"])), self._catalog()
        target = source_of(catalog, volume)
        format_volume(self._host.run, target, unprivileged=bool(message.get("unprivileged")))
        read = functools.partial(trees.receive, self._host.run, target)
        self._receiving = Receiving(target.path, read, socket_of(Stream.COPY, self._vmid))
        return {}

    def _prepare(self, message: Mapping[str, Any]) -> Answer:
        raise HostError("a container does not move while it runs")

    def _finish(self, message: Mapping[str, Any]) -> Answer:
        """The file came to this node: complete the move, and let the container run again if it ran."""
        self._arrived()
        self._catalog().deactivate(self._made)
        self._clear_leftovers()
        return {"running": self._runs()}
