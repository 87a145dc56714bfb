"""Console fonts of both versions, made here, and the one that is used."""

from __future__ import annotations

import struct

import pytest

from hostd.core.errors import ParseError
from hostd.guests.vncterm import psf, session

A, B = bytes(range(16)), bytes(range(16, 32))
BLANK = bytes(16)


def old(table: list[int] | None, *glyphs: bytes) -> bytes:
    """A font of 256 glyphs."""
    bitmaps = b"".join(glyphs).ljust(256 * 16, b"\0")
    mode = 0 if table is None else 2
    return bytes([0x36, 0x04, mode, 16]) + bitmaps + b"".join(struct.pack("<H", word) for word in table or ())


def new(table: bytes, *glyphs: bytes, width: int = 8) -> bytes:
    head = struct.pack("<7I", 0, 32, 1 if table else 0, len(glyphs), 16, 16, width)
    return b"\x72\xb5\x4a\x86" + head + b"".join(glyphs) + table


def test_the_old_version() -> None:
    font = psf.parse(old([0x41, 0x391, 0xFFFF, 0x42, 0xFFFE, 0x41, 0x301, 0xFFFF], A, B))
    assert (font.height, font.glyph("A"), font.glyph("\u0391"), font.glyph("B")) == (16, A, A, B)
    assert "\u0301" not in font.characters, "what follows as a sequence is no character of its own"


def test_the_new_version() -> None:
    font = psf.parse(new("AΑ".encode() + b"\xffB\xfeA\xcc\x81\xff", A, B))
    assert (font.glyph("A"), font.glyph("Α"), font.glyph("B")) == (A, A, B)


def test_without_a_table_a_glyphs_number_is_its_code() -> None:
    assert psf.parse(old(None, BLANK, A)).glyph("\x01") == A


def test_what_is_not_in_it_is_a_question_mark() -> None:
    font = psf.parse(old([0x41, 0xFFFF, ord("?"), 0xFFFF], A, B))
    assert font.glyph("\u4e2d") == B


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x36\x04", b"GIF89a", b"\x72\xb5\x4a\x86", old(None)[:-1], new(b"", A)[:-1], new(b"", A, width=12),
        new(b"\x80\xff", A),
    ],
)  # fmt: skip
def test_what_is_no_font_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ParseError):
        psf.parse(data)


def test_the_one_that_is_used() -> None:
    font = session.font()
    assert font.height == 16
    assert len({font.glyph(each) for each in "Aa0é€Ωя│█"}) == 9
