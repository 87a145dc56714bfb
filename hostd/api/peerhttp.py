"""HTTPS connections to other nodes, standard library only: kept open, and only to who shows a pinned certificate."""

from __future__ import annotations

import http.client
import select
import socket
import threading
import time
from collections.abc import Collection, Sequence
from typing import Final

from hostd.api.errors import NodeAway, NodeFailed
from hostd.core import pinned

PORT: Final = 8006
CONNECT_S: Final = 5.0
TIMEOUT_S: Final = 30.0
# nginx ends connections that were idle for 30 s; one that it is about to end is not used.
KEPT_S: Final = 20.0
KEPT: Final = 8  # idle connections to one node


class PeerConnection(http.client.HTTPSConnection):
    """A connection to one of a node's addresses, the first that answers. ``pins``: certificates (DER) to accept."""

    def __init__(self, node: str, addresses: Sequence[str], pins: Collection[bytes], port: int = PORT) -> None:
        self._secure = pinned.context()
        super().__init__(node, port, timeout=TIMEOUT_S, context=self._secure)
        self._addresses, self._pins = addresses, frozenset(pins)
        self.shown = b""
        self.idle_since_s = 0.0

    def connect(self) -> None:
        """Raises NodeAway where nothing accepts a connection, NodeFailed where it is not the node that answers."""
        try:
            secured, shown = pinned.wrap(self._secure, self._reach(), CONNECT_S)
        except OSError as err:
            raise NodeFailed(f"TLS with node '{self.host}' failed: {err}") from err
        if shown not in self._pins:
            secured.close()
            place = f"/etc/pve/nodes/{self.host}/"
            raise NodeFailed(
                f"node '{self.host}' shows a certificate that is neither pve-ssl.pem nor pveproxy-ssl.pem in {place}"
            )
        secured.settimeout(TIMEOUT_S)
        self.sock, self.shown = secured, shown

    def _reach(self) -> socket.socket:
        reason: OSError | None = None
        for address in self._addresses:
            try:
                return socket.create_connection((address, self.port), CONNECT_S)
            except OSError as err:
                reason = err
        if reason is None:
            raise NodeAway(f"No route to host: no address of node '{self.host}' is known")
        why = "Connection timed out" if isinstance(reason, TimeoutError) else reason.strerror or str(reason)
        raise NodeAway(f"{why}: node '{self.host}' at {', '.join(self._addresses)} port {self.port}") from reason

    def is_usable(self, pins: Collection[bytes], now_s: float) -> bool:
        """Whether an idle connection may be used again: still open, silent, and to a certificate that is still good."""
        if self.sock is None or self.shown not in pins or now_s - self.idle_since_s > KEPT_S:
            return False
        return not select.select([self.sock], [], [], 0)[0]  # readable though nothing was asked: it ends


class Idle:
    """Open connections by node, for the next call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, list[PeerConnection]] = {}

    def take(self, node: str, pins: Collection[bytes]) -> PeerConnection | None:
        """A connection that may be used; others are closed on the way."""
        now_s = time.monotonic()
        while True:
            with self._lock:
                kept = self._kept.get(node)
                connection = kept.pop() if kept else None
            if connection is None or connection.is_usable(pins, now_s):
                return connection
            connection.close()

    def give(self, node: str, connection: PeerConnection) -> None:
        """Keep a connection whose answer was read whole."""
        connection.idle_since_s = time.monotonic()
        with self._lock:
            kept = self._kept.setdefault(node, [])
            if connection.sock is not None and len(kept) < KEPT:
                kept.append(connection)
                return
        connection.close()
