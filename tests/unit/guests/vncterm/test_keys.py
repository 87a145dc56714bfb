"""Keys, as a terminal is typed into."""

from __future__ import annotations

import pytest

from hostd.guests.vncterm.keys import Keyboard

SHIFT, CTRL, ALT = 0xFFE1, 0xFFE3, 0xFFE9
LEFT, UP, HOME, DELETE, F1, F5, F12 = 0xFF51, 0xFF52, 0xFF50, 0xFFFF, 0xFFBE, 0xFFC2, 0xFFC9


def typed(*keys: int, application: bool = False) -> bytes:
    """What a key types while those before it are down."""
    board = Keyboard()
    found = [board.press(key, down=True, application=application) for key in keys]
    assert not any(found[:-1])
    return found[-1]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (ord("a"), "a"), (ord("~"), "~"), (0xE9, "é"), (0x20AC, "€"), (0x6C1, "а"), (0x01000439, "й"),
        (0x0101F600, "😀"), (0xFFB7, "7"), (0xFFAB, "+"), (0xFF7F, ""), (0xFFEB, ""), (0, ""),
        (0xFFFFFFFF, ""), (0x0100D800, ""),
    ],
)  # fmt: skip
def test_characters(key: int, text: str) -> None:
    assert typed(key) == text.encode()


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ((0xFF0D,), b"\r"), ((0xFF8D,), b"\r"), ((0xFF08,), b"\x7f"), ((0xFF09,), b"\t"), ((0xFE20,), b"\x1b[Z"),
        ((UP,), b"\x1b[A"), ((0xFF97,), b"\x1b[A"), ((HOME,), b"\x1b[1~"), ((DELETE,), b"\x1b[3~"),
        ((CTRL, LEFT), b"\x1b[1;5D"), ((SHIFT, UP), b"\x1b[1;2A"), ((CTRL, DELETE), b"\x1b[3;5~"),
        ((F1,), b"\x1b[[A"), ((F5,), b"\x1b[[E"), ((F5 + 1,), b"\x1b[17~"), ((F12,), b"\x1b[24~"),
    ],
)  # fmt: skip
def test_special_keys(keys: tuple[int, ...], text: bytes) -> None:
    assert typed(*keys) == text


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ((CTRL, ord("c")), b"\x03"), ((CTRL, SHIFT, ord("C")), b"\x03"), ((CTRL, ord("[")), b"\x1b"),
        ((CTRL, ord(" ")), b"\0"),
        ((CTRL, ord("?")), b"\x7f"), ((CTRL, ord("1")), b"1"), ((ALT, ord("b")), b"\x1bb"),
        ((ALT, 0xFF08), b"\x1b\x7f"),
        ((CTRL, ALT, ord("x")), b"\x1b\x18"),
    ],
)  # fmt: skip
def test_with_modifiers(keys: tuple[int, ...], text: bytes) -> None:
    assert typed(*keys) == text


def test_cursor_keys_for_programs_that_ask_for_it() -> None:
    assert typed(UP, application=True) == b"\x1bOA"
    assert typed(CTRL, UP, application=True) == b"\x1b[1;5A"


def test_a_modifier_holds_until_it_goes_up() -> None:
    board = Keyboard()
    board.press(CTRL, down=True)
    board.press(0xFFE4, down=True)
    board.press(CTRL, down=False)
    assert board.press(ord("d"), down=True) == b"\x04"
    assert board.press(ord("d"), down=False) == b""
    board.press(0xFFE4, down=False)
    assert board.press(ord("d"), down=True) == b"d"
