"""Requests as bytes, also such as no library would send, and what came back."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from tests.lib import bugs
from tests.lib.apiclient import Api


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer; ``rest``: bytes that came after it on the same connection."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    rest: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def message(self) -> str:
        """The message of a JSON answer, or ""."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return ""
        return str(found.get("message") or "") if isinstance(found, dict) else ""

    def fault(self) -> str:
        """Why this is no clear refusal; "" where it is one."""
        if any(key.lower() == "x-injected" for key, _ in self.headers):
            return "a header of the caller's making is in the answer"
        return bugs.fault(self.status, self.reason, self.body.decode(errors="replace"), self.message)


def parse(raw: bytes) -> Answer:
    """One answer from everything that a connection said; its end is told by Content-Length, chunks or the end."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    found = re.fullmatch(r"HTTP/1\.[01] (\d{3}) ?(.*)", first)
    assert found, f"no answer of HTTP/1.1: {raw[:200]!r}"
    headers = tuple((k.strip(), v.strip()) for k, _, v in (line.partition(":") for line in lines))
    told = {key.lower(): value for key, value in headers}
    rest = b""
    if told.get("transfer-encoding", "").lower() == "chunked":
        body, rest = _unchunked(body)
    elif "content-length" in told:
        end = int(told["content-length"])
        body, rest = body[:end], body[end:]
    return Answer(status=int(found[1]), reason=found[2], headers=headers, body=body, rest=rest)


def _unchunked(body: bytes) -> tuple[bytes, bytes]:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        if not length:
            return whole, body.removeprefix(b"\r\n")
        whole, body = whole + body[:length], body[length + 2 :]
    return whole, b""


class Wire:
    """Connections to a node; ``api`` lends its ticket."""

    def __init__(self, api: Api) -> None:
        parts = urlsplit(api.url)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 443)
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self.host = f"{self._place[0]}:{self._place[1]}".encode()
        self._idle: deque[ssl.SSLSocket] = deque()
        self.credentials = {
            "Cookie": f"PVEAuthCookie={quote(api.ticket, safe='')}",
            "CSRFPreventionToken": api.csrf,
        }

    def connect(self, timeout_s: float = 30) -> ssl.SSLSocket:
        return self._context.wrap_socket(socket.create_connection(self._place, timeout_s))

    def talk(self, raw: bytes, *, timeout_s: float = 30) -> bytes:
        """Send bytes, read to the end of the connection (or until nothing comes for the time)."""
        heard = b""
        with self.connect(timeout_s) as sock:
            try:
                sock.sendall(raw)
            except OSError:
                pass  # refused before it was all said: the answer is still to be read
            try:
                while part := sock.recv(65536):
                    heard += part
            except OSError:
                pass
        return heard

    def send(self, raw: bytes, *, timeout_s: float = 30) -> Answer:
        return parse(self.talk(raw, timeout_s=timeout_s))

    def request(
        self,
        method: str | bytes,
        target: str | bytes,
        *,
        headers: Mapping[str, str | bytes] | None = None,
        body: bytes = b"",
        who: bool = True,
    ) -> Answer:
        """One request, with root's ticket unless ``who`` is off; nothing of it is checked or escaped here."""
        told: dict[str, str | bytes] = {**(self.credentials if who else {}), **(headers or {})}
        if body:
            told.setdefault("Content-Length", str(len(body)))
        lines = [_bytes(method) + b" " + _bytes(target) + b" HTTP/1.1", b"Host: " + self.host]
        lines += [_bytes(key) + b": " + _bytes(value) for key, value in told.items()]
        return self._exchange(b"\r\n".join(lines) + b"\r\n\r\n" + body, _bytes(method).decode("latin-1"))

    def _exchange(self, raw: bytes, method: str) -> Answer:
        """Over a connection that stays open for the next one where the server agrees."""
        while True:
            try:
                sock, kept = self._idle.pop(), True
            except IndexError:
                sock, kept = self.connect(90), False
            try:
                try:
                    sock.sendall(raw)
                except OSError:
                    pass  # refused before it was all said: the answer is still to be read
                told = http.client.HTTPResponse(sock, method=method)
                told.begin()
                body = told.read()
            except (OSError, http.client.HTTPException):
                sock.close()
                if not kept:
                    raise
                continue  # the server had closed it meanwhile
            if told.will_close:
                sock.close()
            else:
                self._idle.append(sock)
            return Answer(status=told.status, reason=told.reason, headers=tuple(told.getheaders()), body=body)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def json(self, method: str, path: str, values: Any) -> Answer:
        body = values if isinstance(values, bytes) else json.dumps(values).encode()
        return self.request(method, f"/api2/json{path}", headers={"Content-Type": "application/json"}, body=body)

    def form(self, method: str, path: str, body: str | bytes) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request(method, f"/api2/json{path}", headers=kind, body=_bytes(body))


def _bytes(value: str | bytes) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else value
