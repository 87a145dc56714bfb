"""A viewer that reads what it is sent back: the same text, whatever pixels and encoding it asked for."""

from __future__ import annotations

import asyncio
import struct

import pytest

from hostd.core.errors import HostError
from hostd.guests.vncterm import session
from hostd.guests.vncterm.pixels import HEXTILE, RAW
from hostd.guests.vncterm.viewer import Size, Viewer, size_for
from tests.lib import vncview

FONT = session.font()
SIZE = Size(columns=21, rows=5)  # an odd number: the last tile is half of one
FORMATS = {
    "usual": b"",
    "16 bits": struct.pack(">Bxxx BB??3H3B3x", 0, 16, 16, False, True, 31, 63, 31, 11, 5, 0),
    "8 bits": struct.pack(">Bxxx BB??3H3B3x", 0, 8, 8, False, True, 7, 7, 3, 0, 3, 6),
    "big": struct.pack(">Bxxx BB??3H3B3x", 0, 32, 24, True, True, 255, 255, 255, 0, 8, 16),
}


def encodings(*numbers: int) -> bytes:
    return struct.pack(f">BxH{len(numbers)}i", 2, len(numbers), *numbers)


def read_back(data: bytes, screen: vncview.Screen) -> int:
    """Puts an update on a screen; nothing of it is left over. How many rectangles it had."""
    at = 0

    async def read(size: int) -> bytes:
        nonlocal at
        at += size
        assert at <= len(data)
        return data[at - size : at]

    count = asyncio.run(screen.take(read))
    assert at == len(data)
    return count


def shown(format: bytes = b"", *encoding: int) -> tuple[Viewer, vncview.Screen]:
    viewer = Viewer(FONT, SIZE, "CT 100")
    size = (format[4] if format else 32) // 8
    screen = vncview.Screen(width=SIZE.columns * 8, height=SIZE.rows * 16, bytes=size)
    assert viewer.heard(format + encodings(*encoding) + vncview.ask(incremental=False)) == b""
    return viewer, screen


@pytest.mark.parametrize("encoding", [RAW, HEXTILE])
@pytest.mark.parametrize("format", FORMATS)
def test_text_in_colours(format: str, encoding: int) -> None:
    viewer, screen = shown(FORMATS[format], 16, encoding)
    viewer.written(b"one \x1b[1;33mtwo\x1b[0m \x1b[44mthree\x1b[0mX\r\n\x1b[7mfour\x1b[0m \x1b[31;42mfi\x1b[32;41mve")
    assert read_back(viewer.update(), screen) == SIZE.rows
    assert screen.lines(FONT)[:3] == ["one two threeX", "four five", ""]


def test_both_encodings_are_the_same_picture() -> None:
    pictures = []
    for encoding in (RAW, HEXTILE):
        viewer, screen = shown(b"", encoding)
        viewer.written("\x1b[4mÄ│█░\x1b[0;45m x\x1b[46;37my".encode())
        read_back(viewer.update(), screen)
        pictures.append(screen.pixels)
    assert pictures[0] == pictures[1]


def test_only_what_has_changed_is_sent() -> None:
    viewer, screen = shown(b"", HEXTILE)
    viewer.written(b"one\r\ntwo")
    read_back(viewer.update(), screen)
    viewer.heard(vncview.ask(incremental=True))
    assert viewer.update() == b"", "nothing is new"
    viewer.written(b"!")
    told = viewer.update()
    assert struct.unpack_from(">4H", told, 4) == (3 * 8, 16, 16, 16)
    assert read_back(told, screen) == 1
    assert screen.lines(FONT)[:2] == ["one", "two!"]
    viewer.written(b"?")
    assert viewer.update() == b"", "nobody has asked"
    assert viewer.heard(vncview.ask(incremental=False)) == b""
    assert read_back(viewer.update(), screen) == SIZE.rows


def test_the_beginning() -> None:
    told = Viewer(FONT, SIZE, "CT 100").hello()
    assert struct.unpack(">HH BB??3H3B3x I", told[:24]) == (
        *(168, 80, 32, 24, False, True), *(255, 255, 255), *(16, 8, 0), 6,
    )  # fmt: skip
    assert told[24:] == b"CT 100"


def test_sizes() -> None:
    assert size_for(FONT, 800, 592) == Size(100, 37)
    assert size_for(FONT, 16, 16) == Size(2, 1)


def test_what_is_typed_and_pasted() -> None:
    viewer, _ = shown()
    pasted = b"x\r\ny\n\xe9z"
    heard = vncview.typed("ls\n") + struct.pack(">BBHH", 5, 0, 1, 1) + struct.pack(">BxxxI", 6, len(pasted)) + pasted
    assert viewer.heard(heard) == b"ls\rx\ry\r" + "éz".encode()
    assert viewer.heard(vncview.key(0xFF52)) == b"\x1b[A"
    viewer.written(b"\x1b[?1h")
    assert viewer.heard(vncview.key(0xFF52)) == b"\x1bOA"


def test_messages_byte_by_byte() -> None:
    viewer, _ = shown()
    typed = b"".join(viewer.heard(bytes([byte])) for byte in encodings(RAW, HEXTILE) + vncview.typed("id"))
    assert typed == b"id"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x07", b"\x02\0\xff\xff", struct.pack(">BxxxI", 6, 1 << 30), struct.pack(">BxxxI", 6, 0xFFFFFFF0),
        struct.pack(">Bxxx BB??3H3B3x", 0, 8, 8, False, False, 0, 0, 0, 0, 0, 0),
        struct.pack(">Bxxx BB??3H3B3x", 0, 24, 24, False, True, 255, 255, 255, 0, 8, 16),
        struct.pack(">Bxxx BB??3H3B3x", 0, 16, 16, False, True, 255, 255, 255, 0, 8, 16),
    ],
)  # fmt: skip
def test_what_no_viewer_says(nonsense: bytes) -> None:
    with pytest.raises(HostError, match="the viewer"):
        shown()[0].heard(nonsense)
