"""What a terminal shows, as cells. Pure; the terminal itself is pyte's.

What is written to it comes from guests, so nothing of it may end the console or grow without bound: handlers that do
not know what a sequence carries ignore it, sequences without an end are given up, marks that combine with the
character before are left out.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable
from typing import Any, Final

import pyte
from pyte import modes
from wcwidth import wcwidth

from hostd.guests.vncterm.pixels import Cell
from hostd.guests.vncterm.psf import Font

_CHUNK: Final = 4096
# Longer than any sequence that means something. One is given up when this much ended in the middle of one.
_LONGEST: Final = 65536
_APPLICATION_CURSOR: Final = 1 << 5  # DECCKM, as pyte keeps private modes
_FORE, _BACK = 0xAAAAAA, 0x000000
_NAMES: Final = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")
_DARK: Final = dict(
    zip(_NAMES, (0x000000, 0xAA0000, 0x00AA00, 0xAA5500, 0x0000AA, 0xAA00AA, 0x00AAAA, 0xAAAAAA), strict=True)
)
_BRIGHT: Final = dict(
    zip(_NAMES, (0x555555, 0xFF5555, 0x55FF55, 0xFFFF55, 0x5555FF, 0xFF55FF, 0x55FFFF, 0xFFFFFF), strict=True)
)
# What pyte's handlers raise for what they do not know (all seen).
_UNKNOWN: Final = (TypeError, ValueError, IndexError, NameError)
_WITH_PRIVATE: Final = ("set_mode", "reset_mode", "erase_in_line", "erase_in_display", "report_device_attributes")


class _Screen(pyte.Screen):  # type: ignore[misc]
    """pyte's, of one size for good; ``answers``: what it says to the program."""

    def __init__(self, columns: int, rows: int) -> None:
        self.answers = b""
        super().__init__(columns, rows)

    def write_process_input(self, data: str) -> None:
        self.answers += data.encode()

    def set_mode(self, *wanted: int, **more: Any) -> None:
        super().set_mode(*_without_columns(wanted, **more), **more)

    def reset_mode(self, *wanted: int, **more: Any) -> None:
        super().reset_mode(*_without_columns(wanted, **more), **more)

    def draw(self, data: str) -> None:
        if not data.isascii():
            data = "".join(each for each in unicodedata.normalize("NFC", data) if wcwidth(each) != 0)
        super().draw(data)


def _without_columns(wanted: tuple[int, ...], *, private: bool = False, **_: Any) -> list[int]:
    """Without the mode that makes a screen 132 columns wide (DECCOLM)."""
    return [mode for mode in wanted if not (private and mode << 5 == modes.DECCOLM)]


def _tolerant(name: str) -> Callable[..., None]:
    """A handler that takes what its own does not understand for nothing."""

    def call(screen: _Screen, *values: Any, **more: Any) -> None:
        if more and name not in _WITH_PRIVATE:
            return
        try:
            getattr(super(_Tolerant, screen), name)(*values, **more)
        except _UNKNOWN:
            return

    return call


class _Tolerant(_Screen):
    pass


for _name in set(pyte.Stream.csi.values()):
    setattr(_Tolerant, _name, _tolerant(_name))


class Page:
    """A terminal of ``columns`` and ``rows`` that starts empty."""

    def __init__(self, columns: int, rows: int, font: Font) -> None:
        self.columns, self.rows, self._font = columns, rows, font
        self._screen = _Tolerant(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._within = 0

    @property
    def has_application_cursor(self) -> bool:
        return _APPLICATION_CURSOR in self._screen.mode

    def write(self, data: bytes) -> bytes:
        """Output of the program; what it is answered."""
        for at in range(0, len(data), _CHUNK):
            chunk = data[at : at + _CHUNK]
            try:
                self._stream.feed(chunk)
            except ValueError:  # a number of thousands of digits
                self._begin_anew()
            self._within = 0 if self._stream._taking_plain_text else self._within + len(chunk)
            if self._within > _LONGEST:
                self._begin_anew()
        answers, self._screen.answers = self._screen.answers, b""
        return answers

    def _begin_anew(self) -> None:
        """With what follows; the picture stays."""
        self._stream.detach(self._screen)
        self._stream.attach(self._screen)
        self._within = 0

    def line(self, y: int) -> list[Cell]:
        """The cells of a line."""
        screen, shown = self._screen, self._screen.buffer[y]
        cursor = min(screen.cursor.x, self.columns - 1)
        glyph = self._font.glyph
        here = -1 if screen.cursor.hidden or screen.cursor.y != y else cursor
        return [
            _drawn(
                glyph(each.data[:1] or " "), each.fg, each.bg, each.bold, each.underscore, each.reverse != (x == here)
            )
            for x, each in ((x, shown[x]) for x in range(self.columns))
        ]  # fmt: skip


@functools.lru_cache(maxsize=8192)
def _drawn(glyph: bytes, fore: str, back: str, bold: bool, underlined: bool, reverse: bool) -> Cell:
    if underlined:
        glyph = glyph[:-2] + b"\xff" + glyph[-1:]
    inks = _colour(fore, _FORE, bright=bold), _colour(back, _BACK, bright=False)
    return Cell(glyph, *(inks[::-1] if reverse else inks))


def _colour(name: str, usual: int, *, bright: bool) -> int:
    """Of pyte's names; others are numbers of six hexadecimal digits, or more by a program's mistake."""
    if name == "default":
        return 0xFFFFFF if bright else usual
    if name in _DARK:
        return (_BRIGHT if bright else _DARK)[name]
    return int(name, 16) & 0xFFFFFF
