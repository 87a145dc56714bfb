"""Section files by declaration."""

from __future__ import annotations

import pytest

from hostd.core.errors import ParseError
from hostd.core.formats import sections
from hostd.core.formats.sectionconfig import Section
from hostd.core.formats.sections import SectionFormat, SectionOption, Sections, SectionType
from hostd.core.schema import Kind

NODES = SectionOption(kind=Kind(type="list", format="pve-node"), doc="n")

COMMON = {
    "id": {"type": "string", "format": "pve-configid"},
    "type": {"type": "string", "enum": ["disk", "net"]},
    "comment": {"type": "string", "optional": 1},
}
FORM = SectionFormat(
    common=COMMON,
    types={
        "disk": SectionType(
            properties={"path": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
            options={"path": {"fixed": 1}, "tags": {"optional": 1}, "comment": {"optional": 1}},
        ),
        "net": SectionType(
            properties={"port": {"type": "integer", "minimum": 1}, "tls": {"type": "boolean"}},
            options={"port": {}, "tls": {"optional": 1}, "comment": {"optional": 1}},
        ),
    },
)
TEXT = "disk: a1\n\tcomment first\n\tpath /x\n\ttags t1\n\ttags t2\n\nnet: b1\n\tport 80\n\ttls 1\n\n"


def test_what_is_read_is_written_back() -> None:
    found = sections.parse(TEXT, FORM)
    assert found.ids == {
        "a1": {"type": "disk", "comment": "first", "path": "/x", "tags": ["t1", "t2"]},
        "b1": {"type": "net", "port": 80, "tls": 1},
    }
    assert sections.format(found, FORM) == TEXT


def test_wrong_values_are_left_out_and_told() -> None:
    found = sections.parse("net: b1\n\tport 80\n\ttls\n\tport 81\n\tpath /\n\nnet: b2\n\tport 0\n", FORM)
    assert found.ids == {"b1": {"type": "net", "port": 80, "tls": 1}, "b2": None}
    assert [(p.section, p.key) for p in found.problems] == [("b1", "port"), ("b1", "path"), ("b2", "port")]


def test_unknown_types_survive_where_that_is_wanted() -> None:
    text = "new: n1\n\tkey a\n\tkey b\n\n"
    found = sections.parse(text, FORM, allow_unknown=True)
    assert found.ids == {"n1": {"type": "new", "key": ["a", "b"]}}
    assert sections.format(found, FORM, allow_unknown=True) == text
    with pytest.raises(ParseError, match="unknown type"):
        sections.format(found, FORM)
    with pytest.raises(ParseError, match="repeats a key"):
        sections.parse(text, FORM)


def test_line_breaks_and_missing_options_are_refused() -> None:
    for values in ({"type": "net", "port": "1\n\ttls 1"}, {"type": "net"}):
        with pytest.raises(ParseError):
            sections.format(Sections(ids={"x": values}, order={}), FORM)


def test_schemas_of_the_calls() -> None:
    create = sections.create_schema(FORM)["properties"]
    assert create["id"] == COMMON["id"]
    assert create["path"]["optional"] == 1
    update = sections.update_schema(FORM)["properties"]
    assert set(update) == {"id", "comment", "tags", "port", "tls", "delete", "digest"}


def test_isolated_types_have_schemas_of_their_own() -> None:
    form = SectionFormat(common=COMMON, types=FORM.types, isolated=True)
    parts = sections.update_schema(form)["allOf"]
    assert set(parts[0]["properties"]) == {"delete", "digest"}
    assert [i["instance-type"] for i in parts[2]["oneOf"]] == ["disk", "net"]
    assert "path" not in parts[2]["oneOf"][0]["properties"]
    assert sections.create_schema(form)["allOf"][1]["oneOf"][1]["properties"]["port"] == {
        "type": "integer",
        "minimum": 1,
    }


OPTIONS = {
    "dir": {"path": SectionOption(kind=Kind(), doc="p", required=True, fixed=True), "nodes": NODES},
    "pool": {"pool": SectionOption(kind=Kind(pattern="[a-z]+"), doc="p", required=True), "nodes": NODES},
}
DECLARED = SectionFormat.of_options(OPTIONS)


def test_a_new_section_is_checked_as_a_whole() -> None:
    wrong = DECLARED.wrong_for_new("pool", {"pool": "A1", "path": "/", "nodes": "a,b_"})
    assert set(wrong) == {"pool", "path", "nodes"}
    assert set(DECLARED.wrong_for_new("pool", {})) == {"pool"}
    assert DECLARED.wrong_for_new("pool", {"pool": "x", "nodes": "a b"}) == {}


@pytest.mark.parametrize(
    ("given", "drop", "wrong"),
    [({"path": "/a", "nodes": "b"}, (), set()), ({"path": "/b"}, (), {"path"}), ({"future": "2"}, (), {"future"}),
     ({}, ("nodes",), set()), ({}, ("path",), {"path"}), ({}, ("future",), {"future"}),
     ({"nodes": "a"}, ("nodes",), {"nodes"})],
)  # fmt: skip
def test_a_change_is_checked(given: dict[str, str], drop: tuple[str, ...], wrong: set[str]) -> None:
    section = Section(type="dir", id="d", values={"path": "/a", "future": "1"})
    assert set(DECLARED.wrong_for_change(section, given, drop)) == wrong


def test_options_of_the_calls() -> None:
    assert sections.create_options(DECLARED) == ["nodes", "path", "pool"]
    assert sections.update_options(DECLARED) == ["nodes", "pool"]


def test_a_file_is_shown_typed_where_that_can_be() -> None:
    assert DECLARED.required("dir") == ["path"]
    assert (FORM.shown("net", "port", "80"), FORM.shown("net", "port", "x"), FORM.shown("new", "port", "80")) == (
        80,
        "x",
        "80",
    )
