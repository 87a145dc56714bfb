"""The asyncio side of the API: websockets of consoles. Verifies log-in and console ticket before it accepts."""

from __future__ import annotations

import asyncio
import contextlib
import http
import re
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from hostd.access import keys, tickets
from hostd.api.identity import COOKIE, key_file
from hostd.api.wire import parse_pairs
from hostd.cluster.store import Mirror
from hostd.core.errors import HostError, NotAuthenticated
from hostd.guests.console import socket_path

PATH = re.compile(r"/api2/(?:json|extjs)(?P<place>/nodes/[^/]+/(?:qemu|lxc)/(?P<vmid>[1-9][0-9]{2,8}))/vncwebsocket")
CHUNK = 65536
MESSAGE_LIMIT = 128 * 1024


def refuse(status: http.HTTPStatus, message: str) -> Response:
    """A plain HTTP answer in place of the upgrade; the reason phrase carries the message."""
    headers = Headers({"Content-Length": "0", "Connection": "close"})
    return Response(status.value, message, headers, b"")


class Consoles:
    """Bridges a websocket to the console's unix socket; ``mirror`` holds the keys."""

    def __init__(
        self, mirror: Mirror, *, clock: Callable[[], float] = time.time, place: Callable[[int], str] = socket_path
    ) -> None:
        self._mirror, self._clock, self._place = mirror, clock, place

    def check(self, request: Request) -> int:
        """The console's number, if the request's tickets are right; NotAuthenticated or HostError otherwise."""
        url = urlsplit(request.path)
        match = PATH.fullmatch(url.path)
        if not match:
            raise HostError("no websocket at this path")
        query = parse_pairs(url.query)
        port = str(query.get("port", ""))
        if not port.isdigit():
            raise HostError("parameter 'port' is missing")
        now_s = int(self._clock())
        public = key_file(self._mirror, keys.VERIFYING)
        user = tickets.verify(public, login_ticket(request.headers), now_s=now_s)
        ticket = str(query.get("vncticket", ""))
        tickets.verify_console(public, ticket, user, f"/vms/{match['vmid']}", int(port), now_s=now_s)
        return int(port)

    async def process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        try:
            connection.console_port = self.check(request)  # type: ignore[attr-defined]
        except NotAuthenticated as err:
            return refuse(http.HTTPStatus.UNAUTHORIZED, str(err))
        except HostError as err:
            return refuse(http.HTTPStatus.BAD_REQUEST, str(err))
        return None

    async def handle(self, websocket: ServerConnection) -> None:
        """Copy both ways until either side closes."""
        port: int = websocket.console_port  # type: ignore[attr-defined]
        try:
            reader, writer = await self._connect(port)
        except OSError:
            await websocket.close(1011, "the console is gone")
            return
        try:
            async with asyncio.TaskGroup() as group:
                down = group.create_task(self._down(websocket, reader))
                up = group.create_task(self._up(websocket, writer))
                await asyncio.wait((down, up), return_when=asyncio.FIRST_COMPLETED)
                down.cancel()
                up.cancel()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionClosed):
                await websocket.close()

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The console's task may still be on its way to listening."""
        for _attempt in range(50):
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return await asyncio.open_unix_connection(self._place(port))
            await asyncio.sleep(0.1)
        raise ConnectionRefusedError

    async def _down(self, websocket: ServerConnection, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionClosed, ConnectionError):
            while data := await reader.read(CHUNK):
                await websocket.send(data)

    async def _up(self, websocket: ServerConnection, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionClosed, ConnectionError):
            async for message in websocket:
                writer.write(message.encode() if isinstance(message, str) else message)
                await writer.drain()


def login_ticket(headers: Headers) -> str:
    """The log-in ticket of a websocket request, from cookie or Authorization header."""
    with contextlib.suppress(CookieError):
        for raw in headers.get_all("Cookie"):
            if morsel := SimpleCookie(raw).get(COOKIE):
                return unquote(morsel.value)
    authorization = headers.get("Authorization", "")
    return unquote(authorization.removeprefix(f"{COOKIE}=")) if authorization.startswith(f"{COOKIE}=") else ""


def choose(connection: ServerConnection, offered: list[Subprotocol]) -> Subprotocol | None:
    """Whatever subprotocol the client asks for is spoken (clients ask for ``binary``)."""
    return offered[0] if offered else None


async def serve(mirror: Mirror, path: str, ready: Callable[[], None]) -> None:
    """Serve websockets on the unix socket ``path`` for ever."""
    consoles = Consoles(mirror)
    async with unix_serve(
        consoles.handle,
        path,
        process_request=consoles.process_request,
        select_subprotocol=choose,
        compression=None,
        max_size=MESSAGE_LIMIT,
        ping_interval=30,
    ):
        ready()
        await asyncio.get_running_loop().create_future()
