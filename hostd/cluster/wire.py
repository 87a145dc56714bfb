"""Frames on the store's socket: four bytes of length (big endian), then one msgpack value.

The server greets with ``{"hello": {...}}``; then each request (a map with ``op``) gets one answer, ``{"ok": ...}`` or
``{"error": {"cause", "message"}}``. After ``watch`` the connection carries a snapshot and the change feed instead.
An entry is ``[path, data, version, mtime_ns]`` with data nil for a directory. Source: msgpack.org specification.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, BinaryIO, Final

import msgpack

from hostd.core.errors import ParseError

PROTOCOL: Final = 1
SOCKET: Final = "/run/hostd/store.sock"
MAX_REQUEST_BYTES: Final = 4 << 20
MAX_FRAME_BYTES: Final = 64 << 20
CHUNK_BYTES: Final = 128 << 10  # of a snapshot in one frame; larger ones need new pages each time (measured)
_LENGTH: Final = struct.Struct(">I")
HEADER_BYTES: Final = _LENGTH.size
_AT_ONCE_BYTES: Final = 16 << 10

Message = dict[str, Any]  # the one untyped thing: a decoded frame, taken apart where it arrives
Entry = tuple[str, bytes | None, int, int]


def encode(message: Message) -> bytes:
    """A frame with its length."""
    body: bytes = msgpack.packb(message, use_bin_type=True)
    return _LENGTH.pack(len(body)) + body


def decode_length(head: bytes, limit: int) -> int:
    """Size of the frame that follows. Raises ParseError above ``limit``."""
    (size,) = _LENGTH.unpack(head)
    if size > limit:
        raise ParseError(f"frame of {size} bytes; {limit} are allowed")
    return int(size)


def decode(body: bytes) -> Message:
    """The message in a frame. Raises ParseError."""
    try:
        message = msgpack.unpackb(body, raw=False)
    except (ValueError, msgpack.UnpackException) as err:
        raise ParseError(f"frame is not msgpack: {err}") from err
    if not isinstance(message, dict):
        raise ParseError("frame is not a map")
    return message


def receive(connection: socket.socket) -> Message | None:
    """The next message of a blocking socket; None when the other side has closed. Raises OSError, ParseError."""
    head = _receive_exactly(connection, HEADER_BYTES)
    if head is None:
        return None
    body = _receive_exactly(connection, decode_length(head, MAX_FRAME_BYTES))
    return None if body is None else decode(body)


def receive_answer(connection: socket.socket) -> Message | None:
    """As ``receive``, where only this one message can be on its way: a small one takes one call instead of two."""
    begun = connection.recv(_AT_ONCE_BYTES)
    if len(begun) < HEADER_BYTES:
        more = _receive_exactly(connection, HEADER_BYTES - len(begun)) if begun else None
        if more is None:
            return None
        begun += more
    size = decode_length(begun[:HEADER_BYTES], MAX_FRAME_BYTES)
    missing = HEADER_BYTES + size - len(begun)
    rest = _receive_exactly(connection, missing) if missing > 0 else b""
    return None if rest is None else decode(begun[HEADER_BYTES:] + rest)


def read(stream: BinaryIO) -> Message | None:
    """As ``receive``, from a socket's buffered file: for a side that is sent many frames, a third of the time."""
    head = stream.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        return None
    size = decode_length(head, MAX_FRAME_BYTES)
    body = stream.read(size)
    return decode(body) if len(body) == size else None


def _receive_exactly(connection: socket.socket, size: int) -> bytes | None:
    first = connection.recv(size)
    if len(first) == size:
        return first
    buffer = bytearray(first)
    while len(buffer) < size:
        more = connection.recv(min(size - len(buffer), 1 << 20)) if first else b""
        if not more:
            return None
        buffer += more
    return bytes(buffer)
