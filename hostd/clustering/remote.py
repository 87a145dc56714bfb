"""Calls to a node of a cluster that this host does not belong to: HTTPS to whoever shows one certificate, by its
fingerprint, and to nobody else; nothing is sent before that is seen.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from hostd.core import pinned
from hostd.core.errors import Denied, HostError, Unavailable

PORT: Final = 8006
CONNECT_S: Final = 5.0
ANSWER_S: Final = 60.0
MOST_BYTES: Final = 4 << 20


class _Pinned(http.client.HTTPSConnection):
    def __init__(self, address: str, port: int, fingerprint: str) -> None:
        self._secure = pinned.context()
        super().__init__(address, port, timeout=ANSWER_S, context=self._secure)
        self._fingerprint = fingerprint

    def connect(self) -> None:
        raw = socket.create_connection((self.host, self.port), CONNECT_S)
        secured, der = pinned.wrap(self._secure, raw, ANSWER_S)
        shown = fingerprint_of(der)
        if shown != self._fingerprint.upper():
            secured.close()
            raise Denied(
                f"{self.host} shows a certificate with fingerprint {shown}, not {self._fingerprint.upper()}; "
                "compare it on that host: pvecm fingerprint"
            )
        self.sock = secured


def fingerprint_of(der: bytes) -> str:
    """SHA-256 of a certificate, ``AB:CD:…``."""
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


class Remote:
    """A node that answers at the first of ``addresses`` that can be reached."""

    def __init__(self, addresses: Sequence[str], fingerprint: str, *, port: int = PORT) -> None:
        self._addresses, self._fingerprint, self._port = addresses, fingerprint, port
        self._headers: dict[str, str] = {}
        self.own_address = ""
        """This host's address as the last connection used it."""

    def log_in(self, user: str, password: str) -> None:
        """Later calls are the user's. Raises as ``call``."""
        answer = self.call("POST", "/access/ticket", {"username": user, "password": password})
        if "CSRFPreventionToken" not in answer or answer.get("NeedTFA"):
            raise Denied(f"{user} needs a second factor there; use a join token instead: pvecm token create")
        self._headers = {
            "Cookie": f"PVEAuthCookie={answer['ticket']}",
            "CSRFPreventionToken": answer["CSRFPreventionToken"],
        }

    def call(self, method: str, path: str, values: Mapping[str, object] | None = None) -> Any:
        """The answer's data. Raises Unavailable where nobody answers, Denied, or HostError with the node's words."""
        body = urlencode({k: str(v) for k, v in (values or {}).items()})
        headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
        reasons = []
        for address in self._addresses:
            connection = _Pinned(address, self._port, self._fingerprint)
            try:
                connection.connect()
                self.own_address = connection.sock.getsockname()[0]
            except OSError as err:
                reasons.append(f"{address} port {self._port}: {err.strerror or err}")
                continue
            try:
                target = f"/api2/json{path}" + (f"?{body}" if method == "GET" and body else "")
                connection.request(method, target, body=None if method == "GET" else body, headers=headers)
                answer = connection.getresponse()
                data = answer.read(MOST_BYTES)
            except (OSError, http.client.HTTPException) as err:
                raise Unavailable(f"the connection to {address} broke: {type(err).__name__}: {err}") from err
            finally:
                connection.close()
            return _data(address, answer.status, answer.reason, data)
        raise Unavailable(f"no node of the cluster can be reached: {'; '.join(reasons)}")


def _data(address: str, status: int, reason: str, body: bytes) -> Any:
    try:
        said = json.loads(body) if body else {}
    except ValueError as err:
        raise HostError(f"{address} answered {status} {reason}, and not in JSON") from err
    if status == 200:
        return said["data"]
    wrong = "; ".join(f"{name}: {text}" for name, text in (said.get("errors") or {}).items())
    text = f"{str(said.get('message') or reason).strip()}{f' ({wrong})' if wrong else ''}"
    if status in (401, 403):
        raise Denied(f"{address}: {text}")
    raise HostError(f"{address}: {text}")
