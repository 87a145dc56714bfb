"""One viewer and one terminal: what each says, for the other. Pure.

Source: RFC 6143, sections 7.3.2 (ServerInit) and 7.6.1 (updates): one is sent for each that was asked for, when
there is something to tell.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from hostd.guests.vncterm import pixels
from hostd.guests.vncterm.keys import Keyboard
from hostd.guests.vncterm.messages import Key, Messages, Pasted, WantsEncodings, WantsFormat, WantsUpdate
from hostd.guests.vncterm.page import Page
from hostd.guests.vncterm.pixels import Cell
from hostd.guests.vncterm.psf import Font

_TALLEST_TILE: Final = 16


class Size(NamedTuple):
    """Of a terminal, in characters."""

    columns: int
    rows: int


def size_for(font: Font, width: int, height: int) -> Size:
    """What fits into so many pixels."""
    return Size(columns=max(width // pixels.WIDTH, 1), rows=max(height // font.height, 1))


class Viewer:
    """Remembers what the viewer has been shown and what it has asked for."""

    def __init__(self, font: Font, size: Size, title: str) -> None:
        self._page, self._size = Page(size.columns, size.rows, font), size
        self._height, self._title = font.height, title.encode()
        self._messages, self._keyboard = Messages(), Keyboard()
        self._format, self._encoding = pixels.USUAL, pixels.RAW
        self._shown: dict[int, Sequence[Cell]] = {}
        self._asked = False

    def hello(self) -> bytes:
        """What the viewer is told once it is let in."""
        size = struct.pack(">HH", self._size.columns * pixels.WIDTH, self._size.rows * self._height)
        return size + pixels.USUAL.to_wire() + struct.pack(">I", len(self._title)) + self._title

    def heard(self, data: bytes) -> bytes:
        """The viewer's words; what they type. Raises HostError for nonsense."""
        typed = b""
        for message in self._messages.feed(data):
            match message:
                case WantsFormat(format):
                    self._format = format
                case WantsEncodings(numbers):
                    is_known = pixels.HEXTILE in numbers and self._height <= _TALLEST_TILE
                    self._encoding = pixels.HEXTILE if is_known else pixels.RAW
                case WantsUpdate(incremental):
                    self._asked = True
                    if not incremental:
                        self._shown.clear()
                case Key(keysym, down):
                    typed += self._keyboard.press(keysym, down=down, application=self._page.has_application_cursor)
                case Pasted(text):
                    typed += text.replace("\r\n", "\n").replace("\n", "\r").encode()
        return typed

    def written(self, output: bytes) -> bytes:
        """The program's output; what the terminal answers it."""
        return self._page.write(output)

    @property
    def waits(self) -> bool:
        """Whether the viewer has asked for what is new."""
        return self._asked

    def update(self) -> bytes:
        """What is new, if the viewer waits for it; nothing if nothing is."""
        if not self._asked:
            return b""
        parts = [part for y in range(self._size.rows) if (part := self._change(y))]
        if not parts:
            return b""
        self._asked = False
        return struct.pack(">BxH", 0, len(parts)) + b"".join(parts)

    def _change(self, y: int) -> bytes:
        """The rectangle around what differs in a line."""
        now, before = self._page.line(y), self._shown.get(y)
        if before == now:
            return b""
        self._shown[y] = now
        first, end = 0, self._size.columns
        if before is not None:
            differs = [x for x in range(self._size.columns) if before[x] != now[x]]
            first, end = differs[0], differs[-1] + 1
        cells = now[first:end]
        where = (first * pixels.WIDTH, y * self._height, len(cells) * pixels.WIDTH, self._height)
        drawn = (pixels.hextile if self._encoding == pixels.HEXTILE else pixels.raw)(cells, self._format)
        return struct.pack(">4Hi", *where, self._encoding) + drawn
