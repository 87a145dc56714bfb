"""Cells of a terminal as pixels for a VNC viewer. Pure.

Source: RFC 6143, sections 7.4 (pixel formats), 7.7.1 (raw), 7.7.4 (hextile).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from hostd.core.errors import HostError

RAW: Final = 0
HEXTILE: Final = 5
WIDTH: Final = 8
_BACK, _FORE, _PARTS, _COLOURED = 2, 4, 8, 16


class Cell(NamedTuple):
    """``glyph``: a byte a line, as a font has it; colours as 0xRRGGBB."""

    glyph: bytes
    fore: int
    back: int


class Format(NamedTuple):
    """What a viewer wants of a pixel. ``maxima``, ``shifts``: of red, green, blue."""

    bits: int
    big_endian: bool
    maxima: tuple[int, int, int]
    shifts: tuple[int, int, int]

    def to_wire(self) -> bytes:
        depth = sum(maximum.bit_length() for maximum in self.maxima)
        return struct.pack(">BB??3H3B3x", self.bits, depth, self.big_endian, True, *self.maxima, *self.shifts)


USUAL: Final = Format(bits=32, big_endian=False, maxima=(255, 255, 255), shifts=(16, 8, 0))


def format_of(wire: bytes) -> Format:
    """Of the 16 bytes that say it. Raises HostError for what cannot be sent."""
    bits, _, big_endian, true_colour, *rest = struct.unpack(">BB??3H3B3x", wire)
    if not true_colour:
        raise HostError("the viewer wants a table of colours; set it to true colour")
    maxima, shifts = (rest[0], rest[1], rest[2]), (rest[3], rest[4], rest[5])
    fits = all((maximum << shift).bit_length() <= bits for maximum, shift in zip(maxima, shifts, strict=True))
    if bits not in (8, 16, 32) or not fits:
        raise HostError(f"the viewer wants pixels of {bits} bits with colours up to {maxima} at {shifts}")
    return Format(bits=bits, big_endian=big_endian, maxima=maxima, shifts=shifts)


@functools.lru_cache(maxsize=4096)
def pixel(colour: int, wanted: Format) -> bytes:
    """A colour as the viewer wants it."""
    parts = ((colour >> 16) & 0xFF, (colour >> 8) & 0xFF, colour & 0xFF)
    value = sum(
        (part * maximum + 127) // 255 << shift
        for part, maximum, shift in zip(parts, wanted.maxima, wanted.shifts, strict=True)
    )
    return value.to_bytes(wanted.bits // 8, "big" if wanted.big_endian else "little")


def raw(cells: Sequence[Cell], wanted: Format) -> bytes:
    """Cells side by side, pixel by pixel."""
    drawn = [_lines(cell, wanted) for cell in cells]
    return b"".join(lines[y] for y in range(len(cells[0].glyph)) for lines in drawn)


@functools.lru_cache(maxsize=4096)
def _lines(cell: Cell, wanted: Format) -> tuple[bytes, ...]:
    fore, back = pixel(cell.fore, wanted), pixel(cell.back, wanted)
    return tuple(b"".join(fore if line & 0x80 >> x else back for x in range(WIDTH)) for line in cell.glyph)


def hextile(cells: Sequence[Cell], wanted: Format) -> bytes:
    """The same by what is written on which ground: tiles of two cells, whose height must be at most 16."""
    return b"".join(_tile(cells[at], cells[at + 1 : at + 2], wanted) for at in range(0, len(cells), 2))


def _tile(left: Cell, more: Sequence[Cell], wanted: Format) -> bytes:
    back = pixel(left.back, wanted)
    parts = [(left.fore, part) for part in _parts(left.glyph, 0)]
    for right in more:
        if right.back != left.back:
            parts.append((right.back, _part(WIDTH, 0, WIDTH, len(right.glyph))))
        parts += [(right.fore, part) for part in _parts(right.glyph, WIDTH)]
    if not parts:
        return bytes([_BACK]) + back
    if len({colour for colour, _ in parts}) == 1:
        fore = pixel(parts[0][0], wanted)
        return bytes([_BACK | _FORE | _PARTS]) + back + fore + bytes([len(parts)]) + b"".join(part for _, part in parts)
    coloured = b"".join(pixel(colour, wanted) + part for colour, part in parts)
    return bytes([_BACK | _PARTS | _COLOURED]) + back + bytes([len(parts)]) + coloured


@functools.lru_cache(maxsize=2048)
def _parts(glyph: bytes, left: int) -> tuple[bytes, ...]:
    """Rectangles that a glyph consists of: runs of each line, those alike in lines that follow each other as one."""
    found: list[bytes] = []
    open_since: dict[tuple[int, int], int] = {}
    for y, line in enumerate((*glyph, 0)):
        runs = set(_runs(line))
        for run in sorted(run for run in open_since if run not in runs):
            top = open_since.pop(run)
            found.append(_part(left + run[0], top, run[1], y - top))
        for run in runs:
            open_since.setdefault(run, y)
    return tuple(found)


def _runs(line: int) -> list[tuple[int, int]]:
    """(where, how wide) of what is set in a line."""
    found, start = [], None
    for x in range(WIDTH + 1):
        is_set = x < WIDTH and line & 0x80 >> x
        if is_set and start is None:
            start = x
        elif not is_set and start is not None:
            found.append((start, x - start))
            start = None
    return found


def _part(x: int, y: int, width: int, height: int) -> bytes:
    return bytes([x << 4 | y, (width - 1) << 4 | (height - 1)])
