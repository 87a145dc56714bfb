"""What a VNC viewer says once it is let in. Pure.

Source: RFC 6143, section 7.5.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import HostError
from hostd.guests.vncterm.pixels import Format, format_of

MOST_TEXT: Final = 65536
_MOST_ENCODINGS: Final = 1024
_FORMAT, _ENCODINGS, _UPDATE, _KEY, _POINTER, _TEXT = 0, 2, 3, 4, 5, 6
# Bytes of each, or up to where it says how many follow.
_HEADS: Final = {_FORMAT: 20, _ENCODINGS: 4, _UPDATE: 10, _KEY: 8, _POINTER: 6, _TEXT: 8}


@dataclass(frozen=True)
class WantsFormat:
    """Pixels from now on."""

    format: Format


@dataclass(frozen=True)
class WantsEncodings:
    """What the viewer can read, what it likes best first."""

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class WantsUpdate:
    """``incremental``: what has changed is enough."""

    incremental: bool


@dataclass(frozen=True)
class Key:
    """``keysym``: X's number of it."""

    keysym: int
    down: bool


@dataclass(frozen=True)
class Pasted:
    """Text from the viewer's clipboard."""

    text: str


Message = WantsFormat | WantsEncodings | WantsUpdate | Key | Pasted


class Messages:
    """Cuts a stream into messages."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """What is complete by now; pointers are left out. Raises HostError for what no viewer says."""
        self._buffer += data
        while self._buffer:
            size = self._size()
            if len(self._buffer) < size:
                return
            one, self._buffer = self._buffer[:size], self._buffer[size:]
            if (message := _read(one)) is not None:
                yield message

    def _size(self) -> int:
        """Of the next message; its head's while that is not complete."""
        kind = self._buffer[0]
        head = _HEADS.get(kind)
        if head is None:
            raise HostError(f"the viewer sent a message of kind {kind}, which is not in the protocol")
        if len(self._buffer) < head or kind not in (_ENCODINGS, _TEXT):
            return head
        if kind == _ENCODINGS:
            (count,) = struct.unpack_from(">H", self._buffer, 2)
            if count > _MOST_ENCODINGS:
                raise HostError(f"the viewer names {count} encodings, at most {_MOST_ENCODINGS} are taken")
            return head + 4 * int(count)
        (length,) = struct.unpack_from(">I", self._buffer, 4)
        if length > MOST_TEXT:
            raise HostError(f"the viewer pastes {length} bytes, at most {MOST_TEXT} are taken")
        return head + int(length)


def _read(one: bytes) -> Message | None:
    match one[0]:
        case 0:
            return WantsFormat(format_of(one[4:]))
        case 2:
            return WantsEncodings(struct.unpack(f">{len(one) // 4 - 1}i", one[4:]))
        case 3:
            return WantsUpdate(bool(one[1]))
        case 4:
            return Key(int.from_bytes(one[4:8]), bool(one[1]))
        case 6:
            return Pasted(one[8:].decode("latin-1"))
    return None
