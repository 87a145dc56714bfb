"""The grammar of corosync.conf: nothing is lost, what is wrong is named with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.cluster.corosync import conffile
from hostd.cluster.corosync.conffile import Comment, Section, Value
from hostd.core.errors import ParseError

WORD = st.text("abcdefgh0123_.", min_size=1, max_size=8)
TEXT = st.text("abc 019.:-/", min_size=1, max_size=12).map(str.strip).filter(bool)
VALUES = st.builds(Value, WORD, TEXT)
COMMENTS = st.builds(Comment, TEXT.map(lambda text: f"# {text}"))
SECTIONS = st.recursive(
    st.builds(Section, WORD, st.lists(VALUES | COMMENTS, max_size=4).map(tuple)),
    lambda inner: st.builds(Section, WORD, st.lists(VALUES | COMMENTS | inner, max_size=4).map(tuple)),
    max_leaves=6,
)
FILES = st.builds(lambda items: Section("", tuple(items)), st.lists(VALUES | COMMENTS | SECTIONS, max_size=5))


@given(FILES)
def test_what_was_written_is_read(file: Section) -> None:
    text = conffile.format(file)
    assert conffile.parse(text) == file
    assert conffile.format(conffile.parse(text)) == text


def test_a_file_by_hand_is_understood() -> None:
    file = conffile.parse("# ours\ntotem{\n\tversion :2\n  interface {\n linknumber:  0 \n}\n}\n\n\nquorum { \n}\n")
    assert file.items[0] == Comment("# ours")
    assert file.section("totem").get("version") == "2"
    assert file.section("totem").section("interface").values() == {"linknumber": "0"}
    assert file.section("quorum") == Section("quorum")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("totem {\n", "'totem' is not ended"),
        ("totem {\n}\n}\n", "line 3: '}' without a section"),
        ("totem { version: 2 }\n", "is not understood"),
        ("version\n", "line 1: 'version' is not understood"),
        ("version:\n", "line 1: 'version:' lacks a key or a value"),
        ("a: b {\n}\n", "line 1: a section starts with one word"),
    ],
)
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(ParseError, match=says):
        conffile.parse(text)


def test_values_change_in_their_place() -> None:
    section = Section("s", (Value("a", "1"), Value("b", "2"), Section("in"), Value("a", "3")))
    assert section.get("a") == "3", "Corosync takes the last"
    assert section.with_value("a", "4").items == (Value("a", "4"), Value("b", "2"), Section("in"))
    assert section.with_value("c", "5").items[-1] == Value("c", "5")
    assert section.with_value("a", None).items == (Value("b", "2"), Section("in"))


def test_sections_change_in_their_place_and_repeated_ones_are_one() -> None:
    file = Section("", (Section("a", (Value("x", "1"),)), Section("b"), Section("a", (Value("y", "2"),))))
    assert file.section("a").values() == {"x": "1", "y": "2"}
    assert [i.name for i in file.with_section(file.section("a")).items if isinstance(i, Section)] == ["a", "b"]
