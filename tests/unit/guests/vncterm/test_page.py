"""What programs write, hostile ones too, as cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.guests.vncterm import session
from hostd.guests.vncterm.page import Page
from hostd.guests.vncterm.pixels import Cell

FONT = session.font()
WHITE, BLACK, GREY = 0xFFFFFF, 0, 0xAAAAAA


def page(*written: bytes) -> Page:
    made = Page(20, 4, FONT)
    for each in written:
        made.write(each)
    return made


def text(of: Page, y: int = 0) -> str:
    """A line as it is read."""
    letters = {FONT.glyph(each): each for each in map(chr, range(126, 31, -1))}
    return "".join(letters.get(cell.glyph, "#") for cell in of.line(y)).rstrip()


def test_letters_and_the_cursor() -> None:
    line = page(b"ab").line(0)
    assert line[:4] == [
        Cell(FONT.glyph("a"), GREY, BLACK), Cell(FONT.glyph("b"), GREY, BLACK), Cell(FONT.glyph(" "), BLACK, GREY),
        Cell(FONT.glyph(" "), GREY, BLACK),
    ]  # fmt: skip
    assert page(b"ab\x1b[?25l").line(0)[2] == Cell(FONT.glyph(" "), GREY, BLACK)


@pytest.mark.parametrize(
    ("codes", "fore", "back"),
    [
        ("31", 0xAA0000, BLACK), ("1;31", 0xFF5555, BLACK), ("1", WHITE, BLACK), ("42", GREY, 0x00AA00),
        ("7", BLACK, GREY),
        ("38;2;1;2;3", 0x010203, BLACK), ("48;5;196", GREY, 0xFF0000), ("38;2;9999;2;3", 0x0F0203, BLACK),
    ],
)  # fmt: skip
def test_colours(codes: str, fore: int, back: int) -> None:
    cell = page(f"\x1b[{codes}mx".encode()).line(0)[0]
    assert (cell.fore, cell.back) == (fore, back)


def test_underlined() -> None:
    assert page(b"\x1b[4m ").line(0)[0].glyph == bytes(14) + b"\xff\0"


def test_wide_and_combining_characters_keep_their_places() -> None:
    of = page("中xe\u0301z".encode())
    assert text(of)[2:] == "x#z"
    assert of.line(0)[3].glyph == FONT.glyph("é")


def test_characters_cut_in_two() -> None:
    assert page(b"\xc3", b"\xa9").line(0)[0].glyph == FONT.glyph("é")


def test_what_a_program_asks_is_answered() -> None:
    assert Page(20, 4, FONT).write(b"ab\x1b[6n") == b"\x1b[1;3R"


def test_application_mode_of_cursor_keys() -> None:
    of = page(b"\x1b[?1h")
    assert of.has_application_cursor
    of.write(b"\x1b[?1l")
    assert not of.has_application_cursor


@pytest.mark.parametrize(
    "sequence",
    [
        b"\x1b[?6n", b"\x1b[?1;2m", b"\x1b[>4;2m", b"\x1b[1;2;3;4H", b"\x1b[?3h", b"\x1b[?3l",
        pytest.param(b"\x1b[" + b"9" * 5000 + b"m", id="digits"), b"\x1b[3K", b"\x1b[9J",
        b"\x1b[99999999L", b"\x1b[5;1r", b"\x1b]0;title\x07", b"\x1bP+q\x1b\\", b"\x1b[38;5m",
        b"\x1b[38;2;1m", b"\x1b[38;5;999m",
    ],
)  # fmt: skip
def test_nothing_that_is_written_ends_it_or_changes_its_size(sequence: bytes) -> None:
    of = page(sequence, b"\x1bc", b"still here")
    assert text(of) == "still here"
    assert (len(of.line(0)), len(of.line(3))) == (20, 20)


@pytest.mark.parametrize("start", [b"\x1b]0;", b"\x1b["])
def test_a_sequence_without_an_end_is_given_up(start: bytes) -> None:
    of = page(start)
    for _ in range(100):
        of.write(b"1" * 1000)
    of.write(b"\x1bc")
    of.write(b"again")
    assert text(of) == "again"


def test_marks_do_not_pile_up() -> None:
    of = page(b"a")
    of.write("\u0301".encode() * 10000)
    assert text(of) == "a"


@given(st.lists(st.binary(max_size=300) | st.from_regex(rb"\x1b\[[?>]?[0-9;]{0,9}[@-~]", fullmatch=True)))
def test_any_bytes(written: list[bytes]) -> None:
    of = page(*written)
    assert [len(of.line(y)) for y in range(4)] == [20] * 4
