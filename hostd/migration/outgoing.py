"""The source's connections of a move: the control, and unix sockets here whose streams lead to the target."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import pwd
import shutil
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hostd.core.errors import Conflict, HostError
from hostd.core.pace import Pace
from hostd.guests import handover
from hostd.guests.config import GuestKind
from hostd.guests.qemu import sockets
from hostd.migration import wire
from hostd.migration.pump import join
from hostd.migration.wire import Stream
from hostd.node.host import Host
from hostd.tasks.log import TaskLog

# What QEMU itself connects to; everything else is root's alone, and libvirt's socket gives root on the target.
_QEMUS: Final = (Stream.MEMORY, Stream.DISKS)


@dataclass(frozen=True, kw_only=True)
class Road:
    """How to get to the target. ``addresses``: of the cluster; ``network``: a CIDR for the streams, "": the same.

    ``secure``: memory and disks travel within TLS; the rest always does.
    """

    addresses: Sequence[str]
    network: str = ""
    secure: bool = True


def address_in(addresses: Sequence[str], network: str, node: str) -> str:
    """A node's address in a network. Conflict where it has none."""
    wanted = ipaddress.ip_network(network, strict=False)
    found = next((a for a in addresses if ipaddress.ip_address(a) in wanted), "")
    if not found:
        raise Conflict(f"node '{node}' has no address in the migration network {network}")
    return found


class Target:
    """The node that a guest moves to. Entered, it has agreed; left, all connections are closed."""

    def __init__(
        self,
        host: Host,
        log: TaskLog,
        node: str,
        vmid: int,
        road: Road,
        pace: Pace,
        *,
        kind: GuestKind = GuestKind.QEMU,
    ) -> None:
        self._host, self._log, self.node, self._vmid, self._road, self._pace = host, log, node, vmid, road, pace
        self._kind = kind
        self._stack = contextlib.ExitStack()
        self._control: ssl.SSLSocket
        self._address = self._token = ""

    def __enter__(self) -> Target:
        with self._stack:
            self._control = self._stack.enter_context(self._reach())
            wire.greet(self._control, self._host.store, Stream.CONTROL, self._vmid, kind=self._kind)
            agreed = self.ask("begin", source=self._host.node)
            self._token = str(agreed["token"])
            if self._road.network:
                self._address = address_in(agreed["addresses"], self._road.network, self.node)
            self._listen()
            self._stack = self._stack.pop_all()
        how = "TLS" if self._road.secure else "no encryption"
        self._log.info(f"connected to node '{self.node}' at {self._address}; memory and disks travel with {how}")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _reach(self) -> ssl.SSLSocket:
        """Within TLS, at the first address that answers."""
        reasons = []
        for address in self._road.addresses:
            try:
                peer = wire.secured(wire.connect(address), self._host.store, self.node)
            except HostError as err:
                reasons.append(str(err))
                continue
            self._address = address
            return peer
        raise Conflict(f"node '{self.node}' cannot be reached: {'; '.join(reasons) or 'no address of it is known'}")

    def ask(self, op: str, **more: object) -> dict[str, Any]:
        """Have the target do something. Raises HostError with its reason."""
        try:
            return wire.ask(self._control, {"op": op, **more})
        except HostError as err:
            raise type(err)(f"node '{self.node}': {err}") from err

    # --- streams

    def place(self, stream: Stream) -> str:
        """The socket here that leads to the target."""
        return f"{handover.folder(self._vmid)}/{stream}"

    def _listen(self) -> None:
        folder = handover.folder(self._vmid)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder, mode=0o755)
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for stream in (Stream.LIBVIRT, Stream.MEMORY, Stream.DISKS, Stream.COPY):
            self._stack.callback(self._listener(stream).close)

    def _listener(self, stream: Stream) -> socket.socket:
        path = self.place(stream)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(old)
        if stream in _QEMUS:
            with contextlib.suppress(KeyError):  # QEMU runs as root where the user does not exist
                os.chown(path, pwd.getpwnam(sockets.QEMU_USER).pw_uid, -1)
        listener.listen(64)
        threading.Thread(target=self._serve, args=(listener, stream), daemon=True).start()
        return listener

    def _serve(self, listener: socket.socket, stream: Stream) -> None:
        """Each connection here is one to the target; until the listener is closed."""
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near, stream), daemon=True).start()

    def _carry(self, near: socket.socket, stream: Stream) -> None:
        try:
            far = self._stream(stream)
        except (HostError, OSError) as err:
            self._log.warn(f"no stream '{stream}' to node '{self.node}': {err}")
            near.close()
            return
        join(near, far, Pace() if stream is Stream.LIBVIRT else self._pace)

    def _stream(self, stream: Stream) -> socket.socket:
        peer = wire.connect(self._address)
        if self._road.secure or stream is Stream.LIBVIRT:
            secured = wire.secured(peer, self._host.store, self.node)
            wire.greet(secured, self._host.store, stream, self._vmid)
            return secured
        wire.ask(peer, {"stream": stream, "vmid": self._vmid, "token": self._token})
        return peer
