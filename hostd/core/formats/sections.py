"""Section files by declaration: types, their properties and options, checked when read and written.

The text's form is that of ``sectionconfig``: ``type: id`` and indented ``key value`` lines, an empty line between.
Source: conformance area ``schema`` (section-config-*).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hostd.core.dialect import compile, is_integer
from hostd.core.errors import ParseError

Schema = Mapping[str, Any]
Values = dict[str, Any]

_HEAD = re.compile(r"(\S+):\s*(\S+)\s*")
_LINE = re.compile(r"\s+(\S+)(?:\s+(.*\S))?\s*")
# Parameters that every update call has beside the options; their descriptions are part of the schema that clients see.
UPDATE_PARAMETERS: Mapping[str, Schema] = {
    "delete": {
        "type": "string",
        "format": "pve-configid-list",
        "description": "A list of settings you want to delete.",
        "maxLength": 4096,
        "optional": 1,
    },
    "digest": {
        "type": "string",
        "description": "Prevent changes if current configuration file has a different digest. "
        "This can be used to prevent concurrent modifications.",
        "maxLength": 64,
        "optional": 1,
    },
}


@dataclass(frozen=True, kw_only=True)
class SectionType:
    """``options`` says which properties a section of this type has: ``{"optional": 1}``, ``{"fixed": 1}``, ``{}``."""

    properties: Mapping[str, Schema] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A value that was left out on reading."""

    section: str
    key: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Sections:
    """What a file held. A section whose required options are missing is there as None; ``order`` counts from 1."""

    ids: Mapping[str, Values | None]
    order: Mapping[str, int]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SectionFormat:
    """A kind of section file. ``isolated``: types may use one name for different properties."""

    common: Mapping[str, Schema]
    types: Mapping[str, SectionType]
    isolated: bool = False

    @classmethod
    def of(cls, schema: Schema) -> SectionFormat:
        """From plain data with keys ``common``, ``types`` and ``isolated``."""
        types = {
            name: SectionType(properties=t.get("properties") or {}, options=t.get("options") or {})
            for name, t in schema["types"].items()
        }
        return cls(common=schema["common"], types=types, isolated=bool(schema.get("isolated")))

    @cached_property
    def shared(self) -> dict[str, Schema]:
        """All properties by name where types share them; those that a type brings are optional by themselves."""
        found: dict[str, Schema] = dict(self.common)
        for name in sorted(self.types):
            for key, schema in self.types[name].properties.items():
                found.setdefault(key, {**schema, "optional": 1})
        return found

    def options(self, type: str) -> dict[str, Mapping[str, Any]]:
        """The options of a type; where types are isolated each of its own properties is one."""
        declared = self.types[type]
        own: dict[str, Mapping[str, Any]] = {}
        if self.isolated:
            own = {k: {"optional": 1} if s.get("optional") else {} for k, s in declared.properties.items()}
        return own | dict(declared.options)

    def property(self, type: str, key: str) -> Schema | None:
        """The schema of a property as a type sees it."""
        if self.isolated:
            return self.types[type].properties.get(key) or self.common.get(key)
        return self.shared.get(key)

    def value(self, type: str, key: str, text: str | None) -> Any:
        """One line's value in its type; ValueError says what is wrong. A boolean without a value is true."""
        if key not in self.options(type):
            raise ValueError(f"unexpected property '{key}'")
        schema = self.property(type, key)
        if schema is None:
            raise ValueError(f"property '{key}' has no schema")
        kind = schema.get("type")
        if text is None:
            if kind != "boolean":
                raise ValueError(f"property '{key}' has no value")
            text = "1"
        errors: dict[str, str] = {}
        compile(schema["items"] if kind == "array" else schema).check(text, "", errors)
        if errors:
            raise ValueError(next(iter(errors.values())))
        if kind in ("boolean", "integer", "number"):
            return int(text) if is_integer(text) else float(text)
        return text


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.split("\n") if not line.lstrip().startswith("#"))


def parse(text: str, form: SectionFormat, *, allow_unknown: bool = False) -> Sections:
    """Sections with their values checked; what is wrong is left out and told in ``problems``.

    ``allow_unknown`` keeps sections of a type that is not declared, as text. Without it they are left out; one that
    repeats a key is a ParseError, as then nobody can tell a list from a mistake.
    """
    ids: dict[str, Values | None] = {}
    order: dict[str, int] = {}
    problems: list[Problem] = []
    lines = _lines(text)
    for line in lines:
        head = _HEAD.fullmatch(line)
        if head is None:
            continue
        type, section = head.groups()
        if type in form.types:
            values, wrong = _known(lines, form, type, section)
            problems += wrong
        else:
            values = _unknown(lines)
            if not allow_unknown:
                if any(isinstance(value, list) for value in values.values()):
                    raise ParseError(f"section '{section}' is of unknown type '{type}' and repeats a key")
                continue
            values["type"] = type
        ids[section] = values
        order[section] = len(order) + 1 if section not in order else order[section]
    return Sections(ids=ids, order=order, problems=tuple(problems))


def _pairs(lines: Iterator[str]) -> Iterator[tuple[str, str | None]]:
    """Key and value of each line up to the empty one that ends the section; other lines are left out."""
    for line in lines:
        if not line:
            return
        if match := _LINE.fullmatch(line):
            yield match.group(1), match.group(2)


def _unknown(lines: Iterator[str]) -> Values:
    found: Values = {}
    for key, value in _pairs(lines):
        before = found.get(key)
        if before is None:
            found[key] = value
        else:
            found[key] = [*before, value] if isinstance(before, list) else [before, value]
    return found


def _known(lines: Iterator[str], form: SectionFormat, type: str, section: str) -> tuple[Values | None, list[Problem]]:
    found: Values = {}
    problems = []
    for key, text in _pairs(lines):
        several = (form.property(type, key) or {}).get("type") == "array"
        try:
            if key in found and not several:
                raise ValueError("duplicate attribute")
            value = form.value(type, key, text)
            found[key] = [*found.get(key, []), value] if several else value
        except ValueError as err:
            problems.append(Problem(section=section, key=key, why=str(err)))
    missing = [k for k, option in form.options(type).items() if not option.get("optional") and k not in found]
    return (None if missing else {**found, "type": type}), problems


def format(sections: Sections, form: SectionFormat, *, allow_unknown: bool = False) -> str:
    """The text: ``comment`` and ``disable`` first, then required options, then the others, each group sorted.

    Raises ParseError for a section of unknown type (without ``allow_unknown``), a missing required option and a
    line break in a value.
    """
    last = max(sections.order.values(), default=0)
    ranks = {section: sections.order.get(section, last + 1) for section in sections.ids}
    blocks = []
    for section in sorted(ranks, key=lambda s: ranks[s]):
        values = sections.ids[section]
        if values is None:
            continue
        type = str(values["type"])
        if type in form.types:
            body = _known_lines(values, form, type, section)
        elif allow_unknown:
            body = [line for key in sorted(values) if key != "type" for line in _written({}, key, values[key])]
        else:
            raise ParseError(f"section '{section}' is of unknown type '{type}'; known: {', '.join(sorted(form.types))}")
        blocks.append(f"{type}: {section}\n{''.join(body)}\n")
    return "".join(blocks)


def _known_lines(values: Values, form: SectionFormat, type: str, section: str) -> list[str]:
    options = form.options(type)
    first = [key for key in ("comment", "disable") if values.get(key)]
    required = sorted(k for k, o in options.items() if not o.get("optional") and k not in first)
    missing = [key for key in required if values.get(key) is None]
    if missing:
        raise ParseError(f"section '{section}': missing value for required option '{missing[0]}'")
    others = sorted(k for k in options if k not in first and k not in required and k not in ("comment", "disable"))
    lines: list[str] = []
    for key in (*first, *required, *others):
        if values.get(key) is not None:
            lines += ["\tdisable\n"] if key == "disable" else _written(form.property(type, key) or {}, key, values[key])
    return lines


def _written(schema: Schema, key: str, value: Any) -> list[str]:
    if schema.get("type") == "boolean":
        value = 1 if str(value) in ("1", "True") else 0
    texts = [str(v) for v in (value if isinstance(value, list) else [value])]
    if any("\n" in text or "\r" in text for text in (key, *texts)):
        raise ParseError(f"property '{key}' contains a line break")
    return [f"\t{key} {text}\n" for text in texts if text]


def create_schema(form: SectionFormat) -> dict[str, Any]:
    """The schema of the call that makes a section: what every type requires is required."""
    if form.isolated:
        return _isolated(form, update=False)
    properties: dict[str, Schema] = {}
    for key, schema in form.shared.items():
        everywhere = all(key in t.options and not t.options[key].get("optional") for t in form.types.values())
        properties[key] = {**schema, "optional": 0} if schema.get("optional") and everywhere else schema
    return _object(properties)


def update_schema(form: SectionFormat) -> dict[str, Any]:
    """The schema of the call that changes a section: ``fixed`` options and the type are left out."""
    if form.isolated:
        return _isolated(form, update=True)
    properties: dict[str, Schema] = {}
    for key, schema in form.shared.items():
        uses = [t.options[key] for t in form.types.values() if key in t.options]
        changeable = not schema.get("optional") or any(not use.get("fixed") for use in uses)
        if key != "type" and changeable:
            properties[key] = schema
    return _object({**properties, **UPDATE_PARAMETERS})


def _object(properties: Mapping[str, Schema]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": 0, "properties": dict(properties)}


def _isolated(form: SectionFormat, *, update: bool) -> dict[str, Any]:
    used = {key for t in form.types.values() for key in t.options}
    instances = []
    for name in sorted(form.types):
        properties = {}
        for key, option in form.options(name).items():
            schema = form.property(name, key)
            if schema is None or (update and option.get("fixed")):
                continue
            properties[key] = {**schema, "optional": 1} if update or option.get("optional") else dict(schema)
        instances.append({"instance-type": name, "additionalProperties": 0, "properties": properties})
    rest = {key: schema for key, schema in form.common.items() if key != "type" and key not in used}
    choice = {"oneOf": instances, "type-property": "type", "type-property-schema": form.common["type"]}
    parts: list[dict[str, Any]] = [{"additionalProperties": 0, "properties": rest}, choice]
    if update:
        parts.insert(0, {"additionalProperties": 0, "properties": dict(UPDATE_PARAMETERS)})
    return {"allOf": parts}
