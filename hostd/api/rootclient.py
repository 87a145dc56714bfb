"""Calls the API through the root process's socket: works while nginx is down, and needs no password.

The process at the other end knows by SO_PEERCRED that uid 0 calls, which is ``root@pam`` unless a ticket comes along.
Commands use it, and tasks that do with many guests what methods do with one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from hostd.api import sockets
from hostd.api.unixhttp import ask_root
from hostd.core.errors import Denied, HostError, Invalid, NotAuthenticated, Unavailable, Unsupported

TIMEOUT_S = 120
_KINDS: Mapping[int, type[HostError]] = {401: NotAuthenticated, 403: Denied, 501: Unsupported}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """``data`` of the answer's envelope."""

    data: Any
    total: int | None = None


class Call(Protocol):
    """``call(method, path, parameters) -> Answer``; raises HostError with the API's message."""

    def __call__(self, method: str, path: str, parameters: Mapping[str, object]) -> Answer: ...


class RootClient:
    """``Call`` over a unix socket. ``credentials``: headers of each call; none of them: root calls."""

    def __init__(self, socket_path: str = sockets.ROOT, *, credentials: Callable[[], Mapping[str, str]] = dict) -> None:
        self._socket, self._credentials = socket_path, credentials

    def __call__(self, method: str, path: str, parameters: Mapping[str, object]) -> Answer:
        target = "/api2/json" + quote(path, safe="/:@!")
        body, headers = None, dict(self._credentials())
        if method in ("GET", "DELETE"):
            target += f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        else:
            body = json.dumps(dict(parameters))
            headers["Content-Type"] = "application/json"
        try:
            answer = ask_root(method, target, headers=headers, body=body, timeout_s=TIMEOUT_S, path=self._socket)
        except Unavailable as err:
            if isinstance(err.__cause__, PermissionError):
                raise Denied("only root may use this command; repeat it as root or with sudo") from None
            raise
        return decode(answer.status, answer.reason, answer.body)


def decode(status: int, reason: str, body: bytes) -> Answer:
    """The envelope of an answer; a failure becomes the HostError of its kind."""
    try:
        envelope = json.loads(body) if body else {}
    except ValueError:
        envelope = {}
    if status == 200:
        return Answer(data=envelope.get("data"), total=envelope.get("total"))
    message = str(envelope.get("message", reason)).strip()
    if status == 400:
        raise Invalid(envelope.get("errors") or {}, message)
    raise _KINDS.get(status, HostError)(message)
