"""The target's side of a container's move: its files may come one by one, and it runs again once it is here."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any, Final

from hostd.core.errors import Conflict, HostError, NotFound, TimedOut
from hostd.guests import config as files
from hostd.guests.config import GuestKind
from hostd.guests.lxc import copies, trees
from hostd.guests.lxc.engine import Engine, SystemdEngine
from hostd.guests.lxc.ownership import where
from hostd.guests.lxc.volumes import Source, format_volume, source_of
from hostd.guests.qemu.machines import Machines
from hostd.migration import leftovers
from hostd.migration.incoming import Answer, Incoming, socket_of
from hostd.migration.wire import Stream
from hostd.node.host import Host
from hostd.storage.interface import Driver
from hostd.tasks.log import TaskLog

_COME_S: Final = 60.0
_END_S: Final = 600.0


class Unpacking:
    """One stream of files into one volume, in a thread of its own: the source is answered meanwhile."""

    def __init__(self, host: Host, target: Source, path: str) -> None:
        """It listens at ``path`` when this returns."""
        self._host, self._target = host, target
        self._error: Exception | None = None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(1)
        self._listener.settimeout(_COME_S)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            stream, _ = self._listener.accept()
            with stream:
                stream.setblocking(True)
                trees.receive(self._host.run, self._target, stream.fileno())
        except (HostError, OSError) as err:
            self._error = err

    def wait(self) -> None:
        """Until all is unpacked. Raises HostError where it is not whole."""
        self._thread.join(_END_S)
        if self._thread.is_alive():
            raise TimedOut(f"what unpacks into '{self._target.path}' does not end")
        self._close()
        if self._error is not None:
            raise HostError(f"unpacking into '{self._target.path}' failed: {self._error}") from self._error

    def drop(self) -> None:
        """The source has gone, and its stream with it."""
        self._close()
        self._thread.join(_END_S)

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread where it still waits for the stream
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


class IncomingContainer(Incoming):
    """A container that may come, and is off meanwhile."""

    kind = GuestKind.LXC
    content = "rootdir"

    def __init__(self, host: Host, log: TaskLog, vmid: int, machines: Machines, engine: Engine | None = None) -> None:
        super().__init__(host, log, vmid, machines)
        self._engine = engine or SystemdEngine(host)
        self._unpacking: Unpacking | None = None

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
        self._unpacking = Unpacking(self._host, target, socket_of(Stream.COPY, self._vmid))
        return {}

    def _taken(self, message: Mapping[str, Any]) -> Answer:
        if self._unpacking is None:
            return super()._taken(message)
        unpacking, self._unpacking = self._unpacking, None
        unpacking.wait()
        return {}

    def _prepare(self, message: Mapping[str, Any]) -> Answer:
        raise HostError("a container does not move while it runs")

    def _finish(self, message: Mapping[str, Any]) -> Answer:
        """The file came to this node: complete the move, and let the container run again if it ran."""
        if not self._is_here():
            raise Conflict(f"{self._label} has not come to this node")
        self._catalog().deactivate(self._made)
        self._clear_leftovers()
        return {"running": self._runs()}

    def _is_here(self) -> bool:
        try:
            files.load(self._host.store, where(self._host, self._vmid))
        except NotFound:
            return False
        return True

    def leave(self) -> None:
        if self._unpacking is not None:
            self._unpacking.drop()
        super().leave()
