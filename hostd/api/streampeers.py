"""Consoles and uploads of another node: hostd-stream passes them through to it, with the caller's own credentials."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING, Final

from aiohttp import (
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ConnectionTimeoutError,
    Fingerprint,
    ServerFingerprintMismatch,
    TCPConnector,
    TraceConfig,
    TraceRequestEndParams,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from yarl import URL

from hostd.api.errors import NodeAway, NodeFailed, reason_of
from hostd.api.hops import HOP, member_for
from hostd.api.peerhttp import CONNECT_S, PORT, TIMEOUT_S
from hostd.api.slots import Slots
from hostd.cluster.standing import Member
from hostd.cluster.store import Mirror
from hostd.node.pins import pinned

if TYPE_CHECKING:
    import ssl

log = logging.getLogger(__name__)

PASSED_ON: Final = ("Cookie", "Authorization", "User-Agent")
OF_UPLOADS: Final = ("Content-Type", "Content-Length")
NOT_REACHED: Final = (ClientConnectorError, ConnectionTimeoutError)
CHUNK: Final = 1 << 18
# What is passed through waits for people and disks, not for the other node: so many at once take little here.
CONSOLES, CONSOLES_IN_ALL = 64, 256
UPLOADS, UPLOADS_IN_ALL = 8, 16


class _Pins(Fingerprint):
    """aiohttp's check of a certificate, with the choice of several."""

    def __init__(self, pins: Collection[bytes]) -> None:
        super().__init__(bytes(32))
        self._pins = pins

    def check(self, transport: asyncio.Transport) -> None:
        secured: ssl.SSLObject = transport.get_extra_info("ssl_object")
        shown = secured.getpeercert(binary_form=True) if secured is not None else None
        if shown not in self._pins:
            host, port, *_ = transport.get_extra_info("peername")
            raise ServerFingerprintMismatch(b"", shown or b"", host, port)


class StreamPeers:
    """``node``: this one's name."""

    def __init__(self, node: str, mirror: Mirror, *, port: int = PORT) -> None:
        self._node, self._mirror, self._port = node, mirror, port
        self._consoles = Slots(per_node=CONSOLES, total=CONSOLES_IN_ALL)
        self._uploads = Slots(per_node=UPLOADS, total=UPLOADS_IN_ALL)

    def elsewhere(self, request: web.Request) -> Member | None:
        """The node that the request is for; None for this one. Raises HostError, NodeAway."""
        node = request.match_info["node"]
        if node in (self._node, "localhost"):
            return None
        return member_for(self._mirror, node, hopped=HOP in request.headers)

    @contextlib.asynccontextmanager
    async def _session(self, member: Member, heard: TraceConfig | None = None) -> AsyncIterator[ClientSession]:
        pins = pinned(self._mirror, member.name)
        timeout = ClientTimeout(total=None, sock_connect=CONNECT_S)
        traces = [heard] if heard else []
        connector = TCPConnector(ssl=_Pins(pins), family=socket.AF_UNSPEC)
        try:
            async with ClientSession(connector=connector, timeout=timeout, trace_configs=traces) as session:
                yield session
        except ClientConnectorSSLError as err:
            raise NodeFailed(f"TLS with node '{member.name}' failed: {err}") from err
        except NOT_REACHED as err:
            why = getattr(err, "strerror", None) or "Connection timed out"
            raise NodeAway(f"{why}: node '{member.name}' port {self._port}") from err
        except ServerFingerprintMismatch as err:
            raise NodeFailed(f"node '{member.name}' shows a certificate that the tree does not have for it") from err
        except (ClientError, OSError) as err:  # TimeoutError among them
            raise NodeFailed(f"node '{member.name}' did not answer: {type(err).__name__}: {err}") from err

    def _headers(self, request: web.Request, *more: str) -> dict[str, str]:
        names = (*PASSED_ON, *more)
        passed = {name: request.headers[name] for name in names if name in request.headers}
        return passed | {HOP: "true", "Accept-Encoding": "identity"}

    def _urls(self, request: web.Request, member: Member, scheme: str) -> list[URL]:
        """The same path and query at each of the node's addresses."""
        found = []
        for address in member.addresses:
            host = f"[{address}]" if ":" in address else address
            found.append(URL(f"{scheme}://{host}:{self._port}{request.raw_path}", encoded=True))
        if not found:
            raise NodeAway(f"No route to host: no address of node '{member.name}' is known")
        return found

    async def upload(self, request: web.Request, member: Member) -> web.StreamResponse:
        """Pass the body on as it comes; the other node checks it before it reads it."""
        headers = self._headers(request, *OF_UPLOADS)
        with self._uploads.take(member.name):
            async with self._session(member) as session:
                answer = None
                *others, last = self._urls(request, member, "https")
                for url in [*others, last]:
                    try:
                        answer = await session.post(url, data=request.content.iter_chunked(CHUNK), headers=headers)
                        break
                    except NOT_REACHED:  # nothing of the body was read
                        if url is last:
                            raise
                assert answer is not None
                async with answer:
                    return _passed_back(answer.status, answer.reason, await answer.read(), answer.content_type)

    async def console(self, request: web.Request, member: Member, *, message_limit: int) -> web.StreamResponse:
        """Bridge a websocket to the same one of the other node, until either side closes."""
        offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()][:1]
        with self._consoles.take(member.name):
            # aiohttp's refusal of a handshake leaves out the words in which the other node refused.
            reasons: list[str] = []

            async def hear(_session: object, _context: object, end: TraceRequestEndParams) -> None:
                reasons.append(end.response.reason or "")

            trace = TraceConfig()
            trace.on_request_end.append(hear)
            async with self._session(member, trace) as session:
                try:
                    there = await self._connect(request, member, session, offered, message_limit)
                except WSServerHandshakeError as err:
                    return _passed_back(err.status, reasons[-1] if reasons else err.message, b"", "text/plain")
                here = web.WebSocketResponse(
                    protocols=offered, max_msg_size=message_limit, compress=False, heartbeat=30
                )
                async with there:
                    await here.prepare(request)
                    await _bridge(here, there)
                return here

    async def _connect(
        self, request: web.Request, member: Member, session: ClientSession, offered: list[str], limit: int
    ) -> ClientWebSocketResponse:
        *others, last = self._urls(request, member, "wss")
        for url in [*others, last]:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    return await session.ws_connect(
                        url,
                        headers=self._headers(request),
                        protocols=offered,
                        max_msg_size=limit,
                        compress=0,
                        heartbeat=30,
                    )
            except NOT_REACHED:
                if url is last:
                    raise
        raise AssertionError("a node without addresses")


def _passed_back(status: int, reason: str | None, body: bytes, content_type: str) -> web.Response:
    return web.Response(
        status=status, reason=reason_of(reason or ""), body=body, headers={"Content-Type": content_type}
    )


async def _bridge(here: web.WebSocketResponse, there: ClientWebSocketResponse) -> None:
    """Until one of them ends; then the other one is closed."""
    ways = {asyncio.create_task(_one_way(here, there)), asyncio.create_task(_one_way(there, here))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await there.close()
        await here.close()


async def _one_way(
    source: web.WebSocketResponse | ClientWebSocketResponse, target: web.WebSocketResponse | ClientWebSocketResponse
) -> None:
    with contextlib.suppress(ConnectionError):
        async for message in source:
            if message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
            elif message.type is WSMsgType.TEXT:
                await target.send_str(message.data)
            else:
                return
