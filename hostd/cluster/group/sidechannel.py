"""The way by which a node fetches what it missed from another one: TLS 1.3 over TCP between the nodes' own addresses.

What passes holds ``priv/``, so it is encrypted and both ends prove that they belong to the cluster. Both hold a secret
already that only root reads, Corosync's authkey; a key derived from it (HKDF) is the handshake's pre-shared key
(RFC 8446, 2.2, with ephemeral Diffie-Hellman: who learns the key later cannot read what was recorded). That is simpler
than certificates made for the purpose, and there is nothing to compare by hand and to forget. Two things make it sound:
a server without certificate cannot complete a handshake without the key, and a client that trusts no authority refuses
every certificate, so that nobody can talk it out of the key.

The request is a Fetch, the answer a Transfer, or nothing where the daemon asked is not (any more, yet) in that session.
Or the request is empty, and the answer what the clock shows there (nanoseconds since 1970, 8 bytes). Each is a length
(8 bytes, big endian) and that many bytes.
"""

from __future__ import annotations

import logging
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import trio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hostd.cluster.fs.replicate import Fetch
from hostd.cluster.fs.transfer import Transfer
from hostd.cluster.group.sidechannel_codec import decode_fetch, decode_transfer, encode_fetch, encode_transfer
from hostd.core.errors import HostError, ParseError

log = logging.getLogger(__name__)

PORT: Final = 5420
"""TCP, on the addresses that corosync.conf gives the node; Corosync's own are UDP 5405 and above."""

IDENTITY: Final = "hostd-store"
LEAST_KEY_BYTES: Final = 128  # of the authkey; corosync-keygen(8) makes 256 bytes, Corosync takes no fewer than these
REQUEST_BYTES: Final = 4096
ANSWER_BYTES: Final = 1 << 30  # tree (128 MiB), journal and their frames, with much to spare
CALLERS: Final = 16  # connections at a time
STEP_S: Final = 10.0  # without a byte from the other end
LENGTH: Final = struct.Struct(">Q")
CLOCK: Final = struct.Struct(">Q")

Answer = Callable[[Fetch], Transfer | None]
_Stream = trio.SSLStream[trio.SocketStream]


wall_clock_ns = time.time_ns


def derive(authkey: bytes) -> bytes:
    """The handshake's key from Corosync's. Raises HostError for an authkey that is too short to be one."""
    if len(authkey) < LEAST_KEY_BYTES:
        raise HostError(
            f"Corosync's authkey has {len(authkey)} bytes, at least {LEAST_KEY_BYTES} are needed; make a new one"
        )
    return HKDF(hashes.SHA256(), 32, None, b"holdfast store side channel 1").derive(authkey)


def server_context(key: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.set_psk_server_callback(lambda _identity: key, IDENTITY)
    return context


def client_context(key: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # there is no certificate; one that is offered is refused, as no authority is known
    context.set_psk_client_callback(lambda _hint: (IDENTITY, key))
    return context


async def ask(addresses: Sequence[str], authkey: Path, fetch: Fetch) -> Transfer | None:
    """Ask a node by the first of its addresses that answers; None: it cannot tell now, ask again.

    Raises OSError when no address answers, ParseError, HostError.
    """
    context = client_context(derive(authkey.read_bytes()))
    for address in addresses:
        try:
            return await _ask(address, context, fetch)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as err:
            log.info("%s does not hand out its state: %s", address, err.__cause__ or err)
    raise OSError(f"no answer from {', '.join(addresses)} port {PORT}")


async def _ask(address: str, context: ssl.SSLContext, fetch: Fetch) -> Transfer | None:
    with trio.fail_after(STEP_S):
        raw = await trio.open_tcp_stream(address, PORT)
    stream: _Stream = trio.SSLStream(raw, context)
    try:
        with trio.fail_after(STEP_S):
            await _send(stream, encode_fetch(fetch))
        answer = await _receive(stream, ANSWER_BYTES)
    finally:
        await trio.aclose_forcefully(stream)
    return await trio.to_thread.run_sync(decode_transfer, answer) if answer else None


async def ask_clock(addresses: Sequence[str], authkey: Path) -> tuple[float, float]:
    """A node's clock minus this one's, and how far that may be off, both in seconds.

    It was read there while the question was on its way there and back, so half of that time is the error. Raises as
    ``ask`` does.
    """
    context = client_context(derive(authkey.read_bytes()))
    for address in addresses:
        try:
            return await _ask_clock(address, context)
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as err:
            log.debug("%s does not tell its time: %s", address, err.__cause__ or err)
    raise OSError(f"no answer from {', '.join(addresses)} port {PORT}")


async def _ask_clock(address: str, context: ssl.SSLContext) -> tuple[float, float]:
    with trio.fail_after(STEP_S):
        stream: _Stream = trio.SSLStream(await trio.open_tcp_stream(address, PORT), context)
        try:
            await stream.do_handshake()
            wall_ns, begin = wall_clock_ns(), time.monotonic()
            await _send(stream, b"")
            answer = await _receive(stream, CLOCK.size)
            half_s = (time.monotonic() - begin) / 2
        finally:
            await trio.aclose_forcefully(stream)
    if len(answer) != CLOCK.size:
        raise ParseError(f"not a time: {answer!r}")
    return (CLOCK.unpack(answer)[0] - wall_ns) / 1e9 - half_s, half_s


async def listen(addresses: Sequence[str]) -> list[trio.SocketListener]:
    """Listen on the node's own addresses. Raises OSError, also while one of them is not there yet."""
    listeners: list[trio.SocketListener] = []
    try:
        for address in addresses:
            listeners += await trio.open_tcp_listeners(PORT, host=address)
    except BaseException:
        for listener in listeners:
            await trio.aclose_forcefully(listener)
        raise
    return listeners


async def serve(listeners: Sequence[trio.SocketListener], authkey: Path, answer: Answer) -> None:
    """Answer other nodes until cancelled."""
    free = trio.Semaphore(CALLERS)

    async def one(raw: trio.SocketStream) -> None:
        if free.value == 0:
            await trio.aclose_forcefully(raw)
            return
        async with free:
            await _serve_one(raw, authkey, answer)

    await trio.serve_listeners(one, list(listeners))


async def _serve_one(raw: trio.SocketStream, authkey: Path, answer: Answer) -> None:
    peer = "somebody who has gone"
    try:
        peer = raw.socket.getpeername()[0]
        stream: _Stream = trio.SSLStream(raw, server_context(derive(authkey.read_bytes())), server_side=True)
        with trio.fail_after(STEP_S):
            asked = await _receive(stream, REQUEST_BYTES)
        if not asked:
            await _send(stream, CLOCK.pack(wall_clock_ns()))
            return
        request = decode_fetch(asked)
        transfer = answer(request)
        data = b"" if transfer is None else await trio.to_thread.run_sync(encode_transfer, transfer)
        await _send(stream, data)
        if data:
            log.info("handed %d bytes of the store to %s", len(data), peer)
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, HostError) as err:
        log.warning("refused a connection of %s to the store's side channel: %s", peer, err.__cause__ or err)
    except Exception:
        log.exception("a connection of %s to the store's side channel ended by a bug", peer)
    finally:
        await trio.aclose_forcefully(raw)


async def _send(stream: _Stream, data: bytes) -> None:
    framed = memoryview(LENGTH.pack(len(data)) + data)
    for start in range(0, len(framed), 1 << 18):
        with trio.fail_after(STEP_S):
            await stream.send_all(framed[start : start + (1 << 18)])


async def _receive(stream: _Stream, most: int) -> bytes:
    buffer = bytearray()
    size: int | None = None
    while size is None or len(buffer) < size:
        with trio.fail_after(STEP_S):
            more = await stream.receive_some(1 << 18)
        if not more:
            raise ParseError("the other node ended the connection in the middle")
        buffer += more
        if size is None and len(buffer) >= LENGTH.size:
            (size,) = LENGTH.unpack(buffer[: LENGTH.size])
            del buffer[: LENGTH.size]
            if size > most:
                raise ParseError(f"{size} bytes are announced, at most {most} are taken")
    return bytes(buffer[:size])
