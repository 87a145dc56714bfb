"""waitress on a unix socket, telling the application who is at the other end (SO_PEERCRED, unix(7))."""

from __future__ import annotations

import contextlib
import grp
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import WSGITask

from hostd.api.identity import PEER_UID
from hostd.core.notify import notify

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

THREADS = 16
# What clients of the reference look for in the Server header.
SERVER = "pve-api-daemon/3.0"


class PeerTask(WSGITask):  # type: ignore[misc]
    """Adds the peer's uid to the WSGI environment."""

    def get_environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = super().get_environment()
        raw = self.channel.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        environment[PEER_UID] = struct.unpack("3i", raw)[1]
        return environment


class PeerChannel(HTTPChannel):  # type: ignore[misc]
    task_class = PeerTask


def serve(app: WSGIApplication, path: str, *, mode: int, group: str = "") -> None:
    """Serve for ever on the unix socket ``path`` with ``mode`` and, as root, ``group``; says READY when it listens."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        sock.bind(path)
    finally:
        os.umask(previous)
    if group:
        os.chown(path, -1, grp.getgrnam(group).gr_gid)
    os.chmod(path, mode)
    server = create_server(
        app, sockets=[sock], threads=THREADS, ident=SERVER, channel_timeout=30, max_request_body_size=1 << 20
    )
    server.channel_class = PeerChannel
    notify("READY=1")
    server.run()
