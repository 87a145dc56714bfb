"""HTTP over a unix socket, standard library only: what the front and the commands talk to the root process with."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from hostd.api import sockets
from hostd.core.errors import Unavailable


class UnixConnection(http.client.HTTPConnection):
    """A connection to the socket at ``path``."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, read whole."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes


def ask_root(
    method: str,
    target: str,
    *,
    timeout_s: float,
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    path: str = sockets.ROOT,
) -> Answer:
    """What the root process answers. Raises Unavailable, caused by the OSError or HTTPException that there was."""
    connection = UnixConnection(path, timeout_s)
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Answer(status=answer.status, reason=answer.reason, headers=answer.headers, body=answer.read())
    except (OSError, http.client.HTTPException) as err:
        raise Unavailable(f"the host's root process does not answer ({err}); see 'systemctl status hostd'") from err
    finally:
        connection.close()
