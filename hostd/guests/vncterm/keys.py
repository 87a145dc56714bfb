"""What keys type into a terminal. Pure but for the library that knows which character a keysym is.

Sources: RFC 6143, section 7.5.4 (keys are X keysyms); keysymdef.h of X for their numbers; console_codes(4) and
terminfo's entry ``linux`` for what special keys send.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Final

_SHIFT, _ALT, _CTRL = 1, 2, 4
_MODIFIERS: Final = {
    **dict.fromkeys((0xFFE1, 0xFFE2), _SHIFT),
    **dict.fromkeys((0xFFE3, 0xFFE4), _CTRL),
    **dict.fromkeys((0xFFE7, 0xFFE8, 0xFFE9, 0xFFEA), _ALT),
}
_PLAIN: Final = {
    0xFF08: b"\x7f",  # BackSpace
    0xFF09: b"\t",
    0xFE20: b"\x1b[Z",  # Tab with Shift
    0xFF0D: b"\r",
    0xFF8D: b"\r",
    0xFF1B: b"\x1b",
}
# By letter: Up, Down, Right, Left. By number: Home, Insert, Delete, End, Page Up, Page Down.
# Those of the keypad come last.
_LETTERS: Final = {
    0xFF52: "A", 0xFF54: "B", 0xFF53: "C", 0xFF51: "D", 0xFF97: "A", 0xFF99: "B", 0xFF98: "C", 0xFF96: "D",
}  # fmt: skip
_NUMBERS: Final = {
    0xFF50: 1, 0xFF63: 2, 0xFFFF: 3, 0xFF57: 4, 0xFF55: 5, 0xFF56: 6,
    0xFF95: 1, 0xFF9E: 2, 0xFF9F: 3, 0xFF9C: 4, 0xFF9A: 5, 0xFF9B: 6,
}  # fmt: skip
_F1, _F5, _F12 = 0xFFBE, 0xFFC2, 0xFFC9
_BEYOND_F5: Final = (17, 18, 19, 20, 21, 23, 24)


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libxkbcommon.so.0")
    library.xkb_keysym_to_utf32.restype = ctypes.c_uint32
    return library


def character(keysym: int) -> str:
    """What a key shows; "" where it is no character."""
    code = _library().xkb_keysym_to_utf32(ctypes.c_uint32(keysym))
    return chr(code) if code else ""


class Keyboard:
    """Remembers which modifiers are down."""

    def __init__(self) -> None:
        self._down: set[int] = set()

    def press(self, keysym: int, *, down: bool, application: bool = False) -> bytes:
        """What a key that goes down (or up) types. ``application``: cursor keys are in application mode (DECCKM)."""
        if keysym in _MODIFIERS:
            (self._down.add if down else self._down.discard)(keysym)
            return b""
        if not down:
            return b""
        held = functools.reduce(int.__or__, (_MODIFIERS[key] for key in self._down), 0)
        if (special := _special(keysym, held, application=application)) is not None:
            return special
        return _typed(keysym, held)


def _special(keysym: int, held: int, *, application: bool) -> bytes | None:
    more = f";{1 + held}" if held else ""
    if keysym in _PLAIN:
        return (b"\x1b" if held & _ALT else b"") + _PLAIN[keysym]
    if letter := _LETTERS.get(keysym):
        start = "\x1bO" if application and not held else "\x1b["
        return f"{start}{f'1{more}' if held else ''}{letter}".encode()
    if number := _NUMBERS.get(keysym):
        return f"\x1b[{number}{more}~".encode()
    if _F1 <= keysym <= _F5:
        return b"\x1b[[" + bytes([ord("A") + keysym - _F1])
    if _F5 < keysym <= _F12:
        return f"\x1b[{_BEYOND_F5[keysym - _F5 - 1]}{more}~".encode()
    return None


def _typed(keysym: int, held: int) -> bytes:
    text = character(keysym)
    if not text:
        return b""
    if held & _CTRL:
        text = _controlled(text)
    return (b"\x1b" if held & _ALT else b"") + text.encode()


def _controlled(text: str) -> str:
    if text == "?":
        return "\x7f"
    if text == " ":
        return "\0"
    upper = text.upper()
    return chr(ord(upper) & 0x1F) if "@" <= upper <= "_" else text
