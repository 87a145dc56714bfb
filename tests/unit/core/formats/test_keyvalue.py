"""Guest files: the laws of reading and writing, and the shapes the reference leaves behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.core.errors import ParseError
from hostd.core.formats.keyvalue import (
    LXC_PENDING,
    GuestFile,
    GuestSection,
    decode_text,
    encode_text,
    format_guest,
    parse_guest,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
KEY = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True).filter(lambda k: k != "description")
VALUE = TEXT.map(str.strip).filter(lambda v: "\n" not in v and "\r" not in v)
VALUES = st.dictionaries(KEY, VALUE, max_size=5)
RAW = st.lists(st.tuples(st.from_regex(r"lxc\.[a-z0-9._-]{1,9}", fullmatch=True), VALUE), max_size=3).map(tuple)
SECTION = st.builds(GuestSection, comment=TEXT, values=VALUES, raw=RAW)
SNAPSHOT = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{1,8}", fullmatch=True).filter(lambda n: n != "PENDING")
GUEST = st.builds(
    GuestFile,
    comment=TEXT,
    current=VALUES,
    raw=RAW,
    pending=VALUES,
    snapshots=st.dictionaries(SNAPSHOT, SECTION, max_size=2),
    special=st.dictionaries(st.just("special:cloudinit"), SECTION, max_size=1),
)


@given(GUEST)
def test_what_is_written_is_read_back(guest: GuestFile) -> None:
    assert parse_guest(format_guest(guest), strict=True) == guest


@given(GUEST)
def test_own_text_is_a_fixed_point(guest: GuestFile) -> None:
    text = format_guest(guest)
    assert format_guest(parse_guest(text)) == text


@given(st.text(max_size=200))
def test_any_text_is_read_and_settles(text: str) -> None:
    once = parse_guest(text)
    assert parse_guest(format_guest(once)) == once


@given(TEXT)
def test_texts_survive_their_encoding(text: str) -> None:
    assert decode_text(encode_text(text)) == text


def test_unknown_keys_and_sections_survive() -> None:
    text = "cores: 2\nfrom_the_future: x=1\n\n[new:thing]\na: b\n"
    assert format_guest(parse_guest(text)) == text


def test_canonical_file() -> None:
    text = "#first\n# 100%25\ncores: 1\nmemory: 512\n\n[PENDING]\ncores: 2\ndelete: memory\n\n[snap1]\n#why\ncores: 1\n"
    guest = parse_guest(text, strict=True)
    assert guest.comment == "first\n 100%"
    assert guest.pending == {"cores": "2", "delete": "memory"}
    assert guest.snapshots["snap1"] == GuestSection(comment="why", values={"cores": "1"})
    assert format_guest(guest) == text


def test_containers_keep_raw_lines_in_order() -> None:
    text = "arch: amd64\nmemory: 512\nlxc.b: 2\nlxc.a: 1\nlxc.b: 3\n\n[pve:pending]\nmemory: 600\n"
    guest = parse_guest(text, pending=LXC_PENDING)
    assert guest.raw == (("lxc.b", "2"), ("lxc.a", "1"), ("lxc.b", "3"))
    assert guest.pending == {"memory": "600"}
    assert format_guest(guest, pending=LXC_PENDING) == text


def test_pending_of_the_other_kind_is_a_snapshot() -> None:
    assert parse_guest("[PENDING]\ncores: 2\n", pending=LXC_PENDING).snapshots["PENDING"].values == {"cores": "2"}


def test_old_description_key_becomes_the_comment() -> None:
    assert format_guest(parse_guest("description: old%0Astyle\ncores: 1\n")) == "#old\n#style\ncores: 1\n"


@pytest.mark.parametrize("text", ["this is no setting\n", "cores : 2\n", "[a b]\nx: 1\n", "[a]\nx: 1\n"])
def test_bad_lines_are_left_out_or_refused(text: str) -> None:
    assert parse_guest("cores: 2\n" + text) == GuestFile(current={"cores": "2"})
    with pytest.raises(ParseError, match="line 2"):
        parse_guest("cores: 2\n" + text, strict=True)


def test_a_value_cannot_smuggle_in_a_line() -> None:
    with pytest.raises(ParseError):
        format_guest(GuestFile(current={"name": "x\nargs: -evil"}))


def test_crlf_is_read() -> None:
    assert parse_guest("cores: 1\r\nmemory: 512\r\n").current == {"cores": "1", "memory": "512"}
