"""The asyncio side of the API: consoles, uploads, events, delayed refusals. Checked before a body is read.

aiohttp rather than websockets alone: uploads and event streams need an HTTP server beside the sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from urllib.parse import unquote, urlencode

from aiohttp import BodyPartReader, WSMsgType, web
from aiohttp.http_exceptions import HttpProcessingError

from hostd.access import keys, tickets
from hostd.access.authority import Authority
from hostd.access.login import key_file, verifying
from hostd.api import browse, sockets, wire
from hostd.api.errors import reason_of, status_of
from hostd.api.eventkinds import Event
from hostd.api.events import Hub, Watcher, watch
from hostd.api.identity import COOKIE, RememberedVerdict, Verdict, check_ticket, ticket_in
from hostd.api.loginqueue import LoginQueue
from hostd.api.passing import pass_on
from hostd.api.rootasked import ask_verdict
from hostd.api.streampeers import StreamPeers
from hostd.cluster.store import Mirror
from hostd.core.errors import Denied, HostError, Invalid, NotAuthenticated
from hostd.guests.console import socket_path

WEBSOCKET = "/api2/{format:json|extjs}/nodes/{node}/{kind:qemu|lxc}/{vmid:[1-9][0-9]+}/vncwebsocket"
SHELL = "/api2/{format:json|extjs}/nodes/{node}/vncwebsocket"
UPLOAD = "/api2/{format:json|extjs|htmljs}/nodes/{node}/storage/{storage}/upload"
UPLOADS = "/var/lib/hostd/uploads"
EVENTS = "/api2/{format:json|extjs}/events"
HEARTBEAT_S = 15.0
MOST_LISTENERS = 512
CHUNK = 1 << 18
MESSAGE_LIMIT = 128 * 1024
HAND_OVER_S = 300.0
FIELD_LIMIT = 4096
FIELDS = ("content", "checksum", "checksum-algorithm")

log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Streams:
    """Handlers; ``mirror`` holds the keys, ``place`` tells a console's unix socket by its number.

    ``peers`` passes on what is for another node; None: there is no other one.
    """

    def __init__(
        self,
        mirror: Mirror,
        authority: Authority,
        *,
        clock: Callable[[], float] = time.time,
        place: Callable[[int], str] = socket_path,
        uploads: str = UPLOADS,
        root_socket: str = sockets.ROOT,
        ask: Verdict | None = None,
        watcher: Watcher | None = None,
        refusal_s: float = sockets.REFUSAL_S,
        peers: StreamPeers | None = None,
    ) -> None:
        self._peers = peers
        self._hub, self._watcher, self._refusal_s = Hub(), watcher, refusal_s
        self._mirror, self._authority, self._clock, self._place = mirror, authority, clock, place
        self._uploads, self._root_socket = uploads, root_socket
        self._verdict = RememberedVerdict(ask or partial(ask_verdict, path=root_socket), authority)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1 << 20)
        LoginQueue(root_socket=self._root_socket, refusal_s=self._refusal_s).add_routes(app)
        for path in (WEBSOCKET, SHELL):
            app.router.add_get(path, self._guarded(self.console))
        app.router.add_post(UPLOAD, self._guarded(self.upload))
        app.router.add_get(EVENTS, self._guarded(self.events))
        app.router.add_route("*", "/{rest:.*}", self.refuse)
        app.cleanup_ctx.append(self._watching)
        return app

    async def _watching(self, _app: web.Application) -> AsyncIterator[None]:
        if self._watcher is None:
            yield
            return
        task = asyncio.create_task(watch(self._hub, self._watcher, self._mirror))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def _may_see(self, user: str, event: Event) -> bool:
        mine = event.owner and user in (event.owner, event.owner.partition("!")[0])
        return bool(mine) or self._authority.may(user, event.path, (event.privilege,))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events until the caller leaves, its credentials end or it does not keep up."""
        user = await self.caller(request)
        if self._hub.listeners >= MOST_LISTENERS:
            raise HostError(f"{MOST_LISTENERS} clients listen already; close some of them")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        with self._hub.listen() as queue:
            await response.write(b"retry: 2000\n\n")
            with contextlib.suppress(ConnectionError, NotAuthenticated):
                await self._tell(request, response, queue, user)
        return response

    async def _tell(
        self, request: web.Request, response: web.StreamResponse, queue: asyncio.Queue[Event | None], user: str
    ) -> None:
        checked_s = time.monotonic()
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
            except TimeoutError:
                await response.write(b":\n\n")  # keeps the connection, and notices that it is gone
            else:
                if event is None:
                    await response.write(b"event: lost\ndata: {}\n\n")
                    return
                if self._may_see(user, event):
                    await response.write(event.encoded())
            if time.monotonic() - checked_s >= HEARTBEAT_S:
                checked_s = time.monotonic()
                await self.caller(request)  # a ticket ends, a token may be removed

    async def refuse(self, request: web.Request) -> web.StreamResponse:
        """Answer, when its time has come, a request that another process has refused; waiting costs nothing here."""
        message = request.headers.get(sockets.REFUSAL, "")
        if not message:
            return web.Response(status=501, reason="Method not available")
        with contextlib.suppress(ValueError):
            await asyncio.sleep(
                min(max(self._refusal_s - float(request.headers.get(sockets.ELAPSED, "0")), 0), sockets.REFUSAL_S)
            )
        body, kind = b"", wire.JSON_TYPE
        if request.path.startswith("/api2/html/"):
            body, kind = (
                browse.error_page(request.path.removeprefix("/api2/html/"), 401, message, {}),
                browse.CONTENT_TYPE,
            )
        elif request.path.startswith(("/api2/json/", "/metrics")):
            body = wire.failure("json", 401, message, {})
        return web.Response(status=401, reason=reason_of(message), body=body, headers={"Content-Type": kind})

    def _guarded(self, handler: Handler) -> Handler:
        """Errors to their status, with the message as reason phrase; a 401 takes its time.

        Anything unexpected is logged and becomes a 500, as in ``app.Api``; that a client leaves is nothing to log.
        """

        async def guarded(request: web.Request) -> web.StreamResponse:
            began_s = time.monotonic()
            try:
                return await handler(request)
            except ConnectionError:
                return web.Response(status=400, reason="the client has left")
            except HostError as err:
                if isinstance(err, NotAuthenticated):
                    await asyncio.sleep(max(self._refusal_s - (time.monotonic() - began_s), 0))
                return _failed(err)
            except web.HTTPException:
                raise
            except Exception:
                mark = secrets.token_hex(4)
                log.exception("internal error %s in %s %s", mark, request.method, request.path)
                return _failed(HostError(f"internal error {mark}: the journal of this host has the details"))

        return guarded

    async def caller(self, request: web.Request) -> str:
        """Whose ticket or API token the request carries; NotAuthenticated otherwise."""
        authorization = request.headers.get("Authorization", "")
        ticket = ticket_in(request.cookies.get(COOKIE, ""), authorization)
        if ticket:
            return check_ticket(self._mirror, self._authority, ticket, now_s=int(self._clock()))
        if not authorization.startswith("PVEAPIToken"):
            raise NotAuthenticated("No ticket")
        # the root process is asked in a thread: the loop goes on
        id = await asyncio.get_running_loop().run_in_executor(None, self._verdict, unquote(authorization))
        self._authority.check_usable(id, self._clock())
        return id

    async def console(self, request: web.Request) -> web.StreamResponse:
        """Bridge a websocket to the console of a guest or node until either side closes."""
        user = await self.caller(request)
        port = request.query.get("port", "")
        if not re.fullmatch("59[0-9][0-9]", port):
            raise Invalid({"port": "value must be the port that vncproxy or termproxy answered"})
        public, ticket = verifying(self._mirror), request.query.get("vncticket", "")
        named = request.match_info
        path = f"/vms/{named['vmid']}" if "vmid" in named else f"/nodes/{named['node']}"
        tickets.verify_console(public, ticket, user, path, int(port), now_s=int(self._clock()))
        if self._peers and (member := self._peers.elsewhere(request)):
            return await self._peers.console(request, member, message_limit=MESSAGE_LIMIT)
        offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()]
        websocket = web.WebSocketResponse(
            protocols=offered[:1], max_msg_size=MESSAGE_LIMIT, compress=False, heartbeat=30
        )
        reader, writer = await self._connect(int(port))
        await websocket.prepare(request)
        down = asyncio.create_task(_down(websocket, reader))
        try:
            await _up(websocket, writer, down)
        finally:
            down.cancel()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            await websocket.close()
        return websocket

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _attempt in range(50):  # the console's task may still be on its way to listening
            with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
                return await asyncio.open_unix_connection(self._place(port))
            await asyncio.sleep(0.1)
        raise HostError("the console is gone; open it again")

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Receive a file into our own folder, then let the root process put it into the storage (a task)."""
        user = await self.caller(request)
        acl = f"/storage/{request.match_info['storage']}"
        if not self._authority.may(user, acl, ("Datastore.AllocateTemplate",)):
            raise Denied(f"Permission check failed ({acl}, Datastore.AllocateTemplate)")
        if self._peers and (member := self._peers.elsewhere(request)):
            return await self._peers.upload(request, member)
        temporary = os.path.join(self._uploads, f"pveupload-{secrets.token_hex(16)}")
        try:
            fields = await _receive(request, temporary)
            return await self._hand_over(request, user, {**fields, "tmpfilename": temporary})
        finally:
            with contextlib.suppress(FileNotFoundError):  # the root process has taken it over by rename
                os.unlink(temporary)

    async def _hand_over(self, request: web.Request, user: str, fields: dict[str, str]) -> web.Response:
        csrf = tickets.csrf_token(key_file(self._mirror, keys.CSRF), user, now_s=int(self._clock()))
        headers = {"CSRFPreventionToken": csrf, "Content-Type": "application/x-www-form-urlencoded"}
        headers |= {name: request.headers[name] for name in ("Cookie", "Authorization") if name in request.headers}
        body = urlencode(fields).encode()
        return await pass_on(self._root_socket, "POST", request.rel_url, body, headers, timeout_s=HAND_OVER_S)


def _failed(error: HostError) -> web.Response:
    errors = error.errors if isinstance(error, Invalid) else {}
    body = wire.failure("json", status_of(error), str(error), errors)
    headers = {"Content-Type": wire.JSON_TYPE}
    return web.Response(status=status_of(error), reason=reason_of(str(error)), body=body, headers=headers)


async def _receive(request: web.Request, target: str) -> dict[str, str]:
    """The form's fields with the file written to ``target``; the file part comes last (shared API facts, Upload)."""
    if not request.content_type.startswith("multipart/"):
        raise Invalid({"filename": "the upload must be a multipart form"})
    try:
        return await _received(request, target)
    except (HttpProcessingError, ValueError, LookupError, EOFError, AssertionError) as err:
        # what aiohttp's parser of forms says of headers, boundaries and lengths that are none
        raise Invalid({"filename": "the upload is no well-formed multipart form"}) from err


async def _received(request: web.Request, target: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise Invalid({"_root": "nested multipart forms are not understood"})
        if part.name == "filename" and part.filename:
            fields["filename"] = part.filename
            fields["filename"].encode()  # UnicodeEncodeError where it was no UTF-8
            await _write(part, target)
            return fields
        if part.name not in FIELDS:
            raise HostError(f"wrong field name '{part.name}' for file upload")
        fields[part.name] = (await part.read_chunk(FIELD_LIMIT)).decode(errors="replace")
    raise Invalid({"filename": "property is missing and it is not optional"})


async def _write(part: BodyPartReader, target: str) -> None:
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    loop = asyncio.get_running_loop()
    try:
        while chunk := await part.read_chunk(CHUNK):
            await loop.run_in_executor(None, os.write, fd, chunk)
        await loop.run_in_executor(None, os.fsync, fd)
    finally:
        os.close(fd)


async def _down(websocket: web.WebSocketResponse, reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            await websocket.send_bytes(data)
    await websocket.close()


async def _up(websocket: web.WebSocketResponse, writer: asyncio.StreamWriter, down: asyncio.Task[None]) -> None:
    with contextlib.suppress(ConnectionError):
        async for message in websocket:
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT) or down.done():
                return
            writer.write(message.data.encode() if isinstance(message.data, str) else message.data)
            await writer.drain()


def not_ours(record: logging.LogRecord) -> bool:
    """Whether to log it: not what aiohttp says of clients that leave or send what is no HTTP (they get a 400)."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | ConnectionError)


async def serve(streams: Streams, path: str, ready: Callable[[], None]) -> None:
    """Serve on the unix socket ``path`` for ever."""
    logging.getLogger("aiohttp.server").addFilter(not_ours)
    runner = web.AppRunner(streams.application(), access_log=None)
    await runner.setup()
    await web.UnixSite(runner, path).start()
    ready()
    await asyncio.get_running_loop().create_future()
