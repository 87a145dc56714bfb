"""Section files: laws, comments, what is out of place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.core.errors import ParseError
from hostd.core.formats import sectionconfig
from hostd.core.formats.sectionconfig import Section

WORD = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_.-]{0,8}", fullmatch=True)
TYPE = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
VALUE = (
    st.text(st.characters(exclude_characters="\n\r", exclude_categories=("Cs",)), max_size=20)
    .map(str.strip)
    .filter(bool)
)
SECTIONS = st.lists(
    st.builds(Section, type=TYPE, id=WORD, values=st.dictionaries(WORD, VALUE, max_size=4)),
    max_size=4,
    unique_by=lambda s: s.id,
)


@given(SECTIONS)
def test_what_is_written_is_read_back(sections: list[Section]) -> None:
    assert sectionconfig.parse(sectionconfig.format(sections), strict=True) == sections


@given(SECTIONS)
def test_own_text_is_a_fixed_point(sections: list[Section]) -> None:
    text = sectionconfig.format(sections, required=lambda type: ("path",))
    assert sectionconfig.format(sectionconfig.parse(text), required=lambda type: ("path",)) == text


def test_storage_file() -> None:
    text = "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl\n\ndir: old\n\tdisable\n\tpath /a\n\n"
    sections = sectionconfig.parse("# comment\n" + text)
    assert [s.id for s in sections] == ["local", "old"]
    assert sections[1].values == {"disable": "1", "path": "/a"}
    assert sectionconfig.format(sections, required=lambda type: ("path",)) == text


def test_repeated_keys_are_kept_apart() -> None:
    text = "bad: invalid\n\tarr one\n\tarr two\n\n"
    (section,) = sectionconfig.parse(text)
    assert section.values == {"arr": "one"}
    assert section.repeated == (("arr", "two"),)
    assert sectionconfig.format([section]) == text


@pytest.mark.parametrize("text", ["gamma\n", "a: b c\n", "\tkey value\n"])
def test_lines_out_of_place(text: str) -> None:
    assert sectionconfig.parse(text) == []
    with pytest.raises(ParseError, match="line 1"):
        sectionconfig.parse(text, strict=True)


@pytest.mark.parametrize("values", [{"a": "x\n\tb 1"}, {"a": ""}, {"#a": "1"}, {"a b": "1"}])
def test_what_cannot_be_read_back_is_not_written(values: dict[str, str]) -> None:
    with pytest.raises(ParseError):
        sectionconfig.format([Section(type="dir", id="x1", values=values)])


def test_of_a_repeated_id_the_last_counts_where_the_first_stood() -> None:
    text = "dir: a\n\tpath /1\n\ndir: b\n\tpath /2\n\nnfs: a\n\tpath /3\n"
    assert [(s.type, s.id, s.values["path"]) for s in sectionconfig.parse(text)] == [
        ("nfs", "a", "/3"),
        ("dir", "b", "/2"),
    ]


def test_only_an_empty_line_ends_a_section() -> None:
    (section,) = sectionconfig.parse("dir: a\r\n\tpath /1\r\n   \n\tcontent iso\n\r\n\tlost 1\n")
    assert section.values == {"path": "/1", "content": "iso"}
