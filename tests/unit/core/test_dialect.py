"""The schema dialect: objects, choices, property strings, lists."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hostd.core import dialect
from hostd.core.dialect import PropertyString
from hostd.core.errors import Invalid, ParseError
from hostd.core.formats.validators import CHECKS

MISSING = "property is missing and it is not optional"


def errors(schema: dict[str, Any], value: object) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        dialect.check(schema, value)
    return caught.value.errors


def obj(*, more: Any = False, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": more, "properties": properties}


def test_nested_errors_have_dotted_names() -> None:
    schema = obj(
        disks={"type": "array", "items": obj(size={"type": "integer"})},
        cpu=obj(cores={"type": "integer", "minimum": 1}),
    )
    assert errors(schema, {"disks": [{"size": 1}, {"size": "x"}, 5], "cpu": {"cores": 0}}) == {
        "disks[1].size": "type check ('integer') failed - got 'x'",
        "disks[2]": "type check ('object') failed",
        "cpu.cores": "value must have a minimum value of 1",
    }


def test_an_alias_moves_to_its_target() -> None:
    schema = obj(size={"type": "integer"}, length={"alias": "size"})
    assert dialect.check(schema, {"length": 5}) == {"size": 5}
    assert list(errors(schema, {"length": 5, "size": 6})) == ["length"]


def test_what_a_parameter_requires_is_named() -> None:
    schema = obj(user={"type": "string", "optional": 1, "requires": "key"}, key={"type": "string", "optional": 1})
    assert errors(schema, {"user": "x"}) == {"key": "missing property required by 'user'"}
    assert dialect.check(schema, {"key": "x"}) == {"key": "x"}


CHOICE = {
    "type-property": "kind",
    "type-property-schema": {"type": "string", "enum": ["file", "net"]},
    "oneOf": [
        {"instance-type": "file", **obj(path={"type": "string"})},
        {"instance-type": "net", **obj(host={"type": "string"}, port={"type": "integer", "optional": 1})},
    ],
}


def test_the_type_selects_the_instance() -> None:
    assert dialect.check(CHOICE, {"kind": "net", "host": "a"}) == {"kind": "net", "host": "a"}
    assert set(errors(CHOICE, {"kind": "net", "path": "/"})) == {"oneOf[net].host", "oneOf[net].path"}
    assert errors(CHOICE, {"path": "/"}) == {"kind": MISSING}
    assert "enumeration 'file, net'" in errors(CHOICE, {"kind": "x"})["kind"]


def test_parts_share_their_names() -> None:
    schema = {"allOf": [obj(name={"type": "string"}), CHOICE]}
    assert dialect.check(schema, {"name": "n", "kind": "file", "path": "/"})["path"] == "/"
    assert set(errors(schema, {"kind": "file", "path": "/", "extra": 1})) == {"name", "extra"}


def test_numbers_in_texts_are_written_out() -> None:
    assert errors({"type": "integer", "maximum": 999999999}, 1000000000)["_root"].endswith("of 999999999")


CARD = PropertyString(
    {
        "model": {"type": "string", "enum": ["fast", "slow"], "default_key": 1},
        "mac": {"type": "string", "format": "mac-addr", "optional": 1},
        "up": {"type": "boolean", "optional": 1},
        "fast": {"alias": "mac", "keyAlias": "model"},
        "slow": {"alias": "mac", "keyAlias": "model"},
    }
)


def test_property_strings_are_checked_by_key() -> None:
    assert CARD.parse("fast=02:00:00:00:00:01,up=yes") == {"mac": "02:00:00:00:00:01", "model": "fast", "up": "1"}
    schema = obj(net0={"type": "string", "format": CARD.keys})
    wrong = errors(schema, {"net0": "quick,up=maybe"})["net0"]
    assert wrong.startswith("invalid format - format error\n")
    assert "\nnet0.model: value 'quick' does not" in wrong
    assert "\nnet0.up: type check ('boolean') failed - got 'maybe'\n" in wrong


@pytest.mark.parametrize(
    "text", ["fast,slow", "model=", "mac=02:00:00:00:00:01", "fast,fast=02:00:00:00:00:01", "fast, up=1"]
)
def test_malformed_property_strings(text: str) -> None:
    with pytest.raises((Invalid, ParseError)):
        CARD.parse(text)


def test_lists_are_converted_as_callers_send_them() -> None:
    assert dialect.convert_list({"type": "array"}, "a") == ["a"]
    assert dialect.convert_list({"type": "array"}, "a\0b") == ["a", "b"]
    assert dialect.convert_list({"type": "string", "format": "pve-vmid-list"}, [100, 101]) == "100,101"
    assert dialect.convert_list({"type": "string"}, ["a"]) == ["a"]


def test_every_named_format_of_the_facts_is_known() -> None:
    shared = Path(os.environ.get("HOLDFAST_SHARED", Path(__file__).resolve().parents[4] / "shared"))
    facts = shared / "api/schema.json"
    if not facts.exists():
        pytest.skip("the shared facts are not here (HOLDFAST_SHARED)")
    named = json.loads(facts.read_text())["formats"]
    unknown = [n for n in named if dialect.format_check(n)("\0").startswith("undefined format")]
    assert not unknown


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_no_format_trips_over_strange_text(name: str) -> None:
    for text in ("", "\0", "é\n", "-" * 300, "1" * 5000, "%", ":", "a:b:c", "[", "//", "99999999999999999999-1"):
        assert isinstance(CHECKS[name](text), str)
