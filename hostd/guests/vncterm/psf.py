"""Fonts of the Linux console. Pure.

Sources: psfxtable(1) and setfont(8) of kbd for what a font has; the layout of both versions is that of the kernel's own
reader of such files (psf.h of kbd): magic, sizes, a bitmap for each glyph, then for each glyph the characters it shows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hostd.core.errors import ParseError

WIDTH: Final = 8
_OLD, _NEW = b"\x36\x04", b"\x72\xb5\x4a\x86"
_OLD_512, _OLD_TABLE = 1, 2 | 4
_NEW_TABLE: Final = 1
_SEQUENCE, _END = 0xFFFE, 0xFFFF
_UNKNOWN: Final = "\ufffd?"


@dataclass(frozen=True, kw_only=True)
class Font:
    """``glyphs``: a byte for each line of pixels, the highest bit at the left; ``characters``: the glyph of each."""

    height: int
    glyphs: Sequence[bytes]
    characters: Mapping[str, int]

    def glyph(self, character: str) -> bytes:
        """Of a character, or of what stands for those that the font lacks."""
        number = self.characters.get(character)
        if number is None:
            number = next((self.characters[each] for each in _UNKNOWN if each in self.characters), 0)
        return self.glyphs[number]


def parse(data: bytes) -> Font:
    """A font (unpacked) whose glyphs are eight pixels wide. Raises ParseError."""
    try:
        if data.startswith(_NEW):
            return _new(data)
        if data.startswith(_OLD):
            return _old(data)
    except (struct.error, ValueError, IndexError) as err:
        raise ParseError(f"the console font ends early or is damaged: {err}") from err
    raise ParseError("this is no console font: it begins like neither version of PSF")


def _old(data: bytes) -> Font:
    mode, height = data[2], data[3]
    start, count = 4, 512 if mode & _OLD_512 else 256
    glyphs = _bitmaps(data, start, count, height)
    table = data[start + count * height :]
    words = [word for (word,) in struct.iter_unpack("<H", table[: len(table) // 2 * 2])] if mode & _OLD_TABLE else []
    return Font(height=height, glyphs=glyphs, characters=_numbered(_of_words(words), count))


def _new(data: bytes) -> Font:
    _, start, flags, count, size, height, width = struct.unpack_from("<7I", data, len(_NEW))
    if width != WIDTH or size != height:
        raise ParseError(f"the console font's glyphs are {width} pixels wide, {WIDTH} are wanted")
    glyphs = _bitmaps(data, start, count, height)
    table = data[start + count * height :] if flags & _NEW_TABLE else b""
    return Font(height=height, glyphs=glyphs, characters=_numbered(_of_utf8(table), count))


def _bitmaps(data: bytes, start: int, count: int, height: int) -> list[bytes]:
    if not count or not height or len(data) < start + count * height:
        raise ValueError(f"{count} glyphs of {height} lines are not all there")
    return [data[at : at + height] for at in range(start, start + count * height, height)]


def _of_words(words: Sequence[int]) -> Iterator[str]:
    """The characters of each glyph; sequences of several, which follow them, are left out."""
    found, in_sequence = "", False
    for word in words:
        if word == _END:
            yield found
            found, in_sequence = "", False
        elif word == _SEQUENCE:
            in_sequence = True
        elif not in_sequence:
            found += chr(word)


def _of_utf8(table: bytes) -> Iterator[str]:
    for entry in table.split(b"\xff")[:-1]:
        yield entry.split(b"\xfe")[0].decode()


def _numbered(entries: Iterator[str], count: int) -> dict[str, int]:
    """The first glyph that shows a character; where there is no table a glyph's number is its code."""
    found: dict[str, int] = {}
    for number, characters in enumerate(entries):
        if number >= count:
            break
        for character in characters:
            found.setdefault(character, number)
    return found or {chr(code): code for code in range(min(count, 256))}
