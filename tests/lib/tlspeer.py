"""Another node, pretended: an HTTPS server on 127.0.0.1 whose answers a test gives, with certificates of its own."""

from __future__ import annotations

import datetime
import http.server
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hostd.node import certificate

NOW = datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True, kw_only=True)
class Keys:
    """A node's certificate and key, PEM."""

    pem: bytes
    key: bytes

    def files(self, folder: Path) -> tuple[Path, Path]:
        folder.mkdir(exist_ok=True)
        places = folder / "cert.pem", folder / "key.pem"
        places[0].write_bytes(self.pem)
        places[1].write_bytes(self.key)
        return places

    def context(self, folder: Path) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(*self.files(folder))
        return made


class Authority:
    """A cluster's certificate authority."""

    def __init__(self) -> None:
        self._key = certificate.new_key()
        self._pem = certificate.make_authority(self._key, now=NOW)

    def node(self, name: str) -> Keys:
        key = certificate.new_key()
        return Keys(pem=certificate.make_node(self._pem, self._key, key, [name, "127.0.0.1"], now=NOW), key=key)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


@dataclass(kw_only=True)
class Said:
    """An answer. ``length`` other than the body's: the body is cut off; ``drop``: no answer, the connection ends."""

    status: int = 200
    reason: str = "OK"
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    drop: bool = False


class Server:
    """``answer`` decides; ``asked`` has what came."""

    def __init__(self, keys: Keys, folder: Path, answer: Callable[[Asked], Said]) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                self.number = outer.connections
                super().setup()

            def any_method(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(
                    method=self.command, path=self.path, headers=dict(self.headers), body=body, connection=self.number
                )
                outer.asked.append(asked)
                said = answer(asked)
                if said.drop:
                    self.close_connection = True
                    return
                self.send_response_only(said.status, said.reason)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if said.status != 304:
                    self.send_header("Content-Length", str(len(said.body) if said.length is None else said.length))
                self.end_headers()
                self.wfile.write(said.body)
                if said.length is not None:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = any_method

            def log_message(self, *_: object) -> None:
                """Quiet."""

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self) -> object:  # type: ignore[override]
                raw, address = self.socket.accept()
                return context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), address

            def handle_error(self, *_: object) -> None:
                """A client that refuses our certificate ends the handshake, as it should."""

        context = keys.context(folder)
        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
