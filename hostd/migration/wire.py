"""What two nodes say to each other when a machine moves: lines of JSON, and who may say them.

A node listens on one port (``hostd-incoming.socket``). Whoever connects sees the node's own certificate, the very one
in the tree, and then shows a ticket of root's that the cluster's key has signed: only the root of one of its nodes can
make one. The first line says what the connection is: the control of a move, or one of its streams. A stream may go
without TLS where the cluster's configuration says so (``insecure``); it then shows the token of its move.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from hostd.access import keys, tickets
from hostd.access.ids import ROOT
from hostd.cluster.store import Store
from hostd.core.errors import Denied, HostError, NotAuthenticated, NotFound, Unavailable
from hostd.node import pins, tls

PORT: Final = 60000
CONNECT_S: Final = 10.0
ANSWER_S: Final = 300.0
_LINE: Final = 4 << 20
GREETING: Final = 64 << 10
_TICKET_S: Final = 60
# A silent connection is asked after 10 s and given up after 20 s more; so is one whose data nobody acknowledges.
_KEEPALIVE: Final = (
    (socket.TCP_KEEPIDLE, 10),
    (socket.TCP_KEEPINTVL, 5),
    (socket.TCP_KEEPCNT, 4),
    (socket.TCP_USER_TIMEOUT, 30_000),
)


class Stream(StrEnum):
    """What a connection carries. ``LIBVIRT``: one libvirt daemon's calls to the other, always within TLS."""

    CONTROL = "control"
    LIBVIRT = "libvirt"
    MEMORY = "memory"
    DISKS = "disks"
    COPY = "copy"


Message = Mapping[str, Any]


def send(peer: socket.socket, message: Message) -> None:
    peer.sendall(json.dumps(message).encode() + b"\n")


def receive(peer: socket.socket, limit: int = _LINE) -> dict[str, Any] | None:
    """One message; None where the other side has ended. Raises HostError for what is none.

    Read byte by byte: a stream begins right behind the line.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = peer.recv(1)
        if not byte:
            return None
        line += byte
        if len(line) > limit:
            raise HostError("the other node sends no line that ends")
    try:
        found = json.loads(line)
    except ValueError as err:
        raise HostError("the other node does not speak JSON") from err
    if not isinstance(found, dict):
        raise HostError("the other node sends no message")
    return found


def ask(peer: socket.socket, message: Message) -> dict[str, Any]:
    """The answer's contents. Raises HostError with the other node's words, Unavailable where the connection ended."""
    try:
        send(peer, message)
        answer = receive(peer)
    except OSError as err:
        raise Unavailable(f"the connection to the other node broke: {err}") from err
    if answer is None:
        raise Unavailable("the other node closed the connection")
    if "error" in answer:
        raise HostError(str(answer["error"]))
    return dict(answer.get("ok") or {})


# --- who is who


def ticket(store: Store, now_s: float) -> str:
    """Root's, good for a minute."""
    return tickets.sign_brief(store.read(keys.SIGNING).data, ROOT, now_s=int(now_s), lifetime_s=_TICKET_S)


def require_root(store: Store, shown: str, now_s: float) -> None:
    """Denied unless the cluster's key signed it for root."""
    public = store.read(keys.VERIFYING)
    try:
        previous = store.read(keys.PREVIOUS).data
    except NotFound:
        previous = b""
    known = tickets.Verifying(current=public.data, previous=previous, renewed_s=public.mtime_s)
    try:
        user = tickets.verify(known, shown, now_s=int(now_s))
    except NotAuthenticated as err:
        raise Denied(f"not admitted: {err}") from err
    if user != ROOT:
        raise Denied(f"not admitted: '{user}' is not {ROOT}")


def connect(address: str, *, port: int = PORT) -> socket.socket:
    """A connection that notices when the other node is gone. Raises Unavailable."""
    try:
        peer = socket.create_connection((address, port), CONNECT_S)
    except OSError as err:
        raise Unavailable(f"{address} port {port}: {err.strerror or err}") from err
    watch(peer)
    return peer


def watch(peer: socket.socket) -> None:
    """Have the kernel end a connection whose other side is gone."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        peer.setsockopt(socket.IPPROTO_TCP, option, value)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.settimeout(ANSWER_S)


def secured(peer: socket.socket, store: Store, node: str) -> ssl.SSLSocket:
    """TLS with whoever shows the node's own certificate. Raises Unavailable, Denied."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the very certificate is compared
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        found = context.wrap_socket(peer)
    except OSError as err:
        peer.close()
        raise Unavailable(f"TLS with node '{node}' failed: {err}") from err
    if found.getpeercert(binary_form=True) not in pins.own(store, node):
        found.close()
        raise Denied(f"node '{node}' does not show the certificate that is in the tree ({tls.own(node)})")
    return found


def server_context(node: str) -> ssl.SSLContext:
    """With the node's own certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(f"{tls.MOUNT}/{tls.own(node)}", f"{tls.MOUNT}/{tls.own_key(node)}")
    return context


def greet(peer: socket.socket, store: Store, stream: Stream, vmid: int, **more: object) -> None:
    """Say, within TLS, what a connection is."""
    ask(peer, {"stream": stream, "vmid": vmid, "ticket": ticket(store, time.time()), **more})
