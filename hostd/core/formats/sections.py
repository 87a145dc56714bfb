"""Section files by declaration: types, their properties and options; what a new or changed section may say.

The text is the business of ``sectionconfig``.
Source: conformance area ``schema`` (section-config-*).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hostd.core.dialect import MISSING_TEXT, compile, typed
from hostd.core.errors import ParseError
from hostd.core.formats import sectionconfig
from hostd.core.formats.sectionconfig import Block, Section, blocks
from hostd.core.schema import Option

Schema = Mapping[str, Any]
Values = dict[str, Any]

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
class SectionOption(Option):
    """An option of sections: whether it must be there, whether it can change later."""

    required: bool = False
    fixed: bool = False


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
    def of_options(cls, types: Mapping[str, Mapping[str, SectionOption]]) -> SectionFormat:
        """From declared options by type; what types share means the same in each."""
        declared = {
            type: SectionType(
                properties={key: option.kind.line_schema() for key, option in options.items()},
                options={key: {"optional": not o.required, "fixed": o.fixed} for key, o in options.items()},
            )
            for type, options in types.items()
        }
        return cls(common={"type": {"type": "string", "enum": sorted(types)}}, types=declared)

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

    def required(self, type: str) -> list[str]:
        """The options that a section of the type must have, sorted; none for a type that is not declared."""
        if type not in self.types:
            return []
        return sorted(key for key, option in self.options(type).items() if not option.get("optional"))

    def check(self, type: str, key: str, text: str | None) -> str:
        """A line's text, ``1`` for a boolean without one; ValueError says what is wrong with it."""
        if key not in self.options(type):
            raise ValueError(f"unexpected property '{key}'")
        schema = self.property(type, key)
        if schema is None:
            raise ValueError(f"property '{key}' has no schema")
        if text is None:
            if schema.get("type") != "boolean":
                raise ValueError(f"property '{key}' has no value")
            text = "1"
        errors: dict[str, str] = {}
        compile(_one(schema)).check(text, "", errors)
        if errors:
            raise ValueError(next(iter(errors.values())))
        return text

    def read(self, type: str, lines: Iterable[tuple[str, str | None]]) -> tuple[dict[str, list[str]], dict[int, str]]:
        """The good texts by key, one but for arrays; and what is wrong with a line, by its place among ``lines``."""
        found: dict[str, list[str]] = {}
        wrong = {}
        for place, (key, text) in enumerate(lines):
            try:
                if key in found and (self.property(type, key) or {}).get("type") != "array":
                    raise ValueError("duplicate attribute")
                good = self.check(type, key, text)
                found.setdefault(key, []).append(good)
            except ValueError as err:
                wrong[place] = str(err)
        return found, wrong

    def typed(self, type: str, key: str, text: str) -> str | int | float:
        """A good text as its property's type says: booleans and numbers as numbers."""
        return typed(_one(self.property(type, key) or {}), text)

    def shown(self, type: str, key: str, text: str) -> str | int | float:
        """A line of a file that anybody may have edited, typed where that can be, else as it stands."""
        try:
            return self.typed(type, key, self.check(type, key, text)) if type in self.types else text
        except ValueError:
            return text

    def wrong_for_new(self, type: str, given: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with the options of a new section, by option: unknown, wrong, missing."""
        missing = dict.fromkeys(set(self.required(type)) - given.keys(), MISSING_TEXT)
        return missing | self._wrong(type, given)

    def wrong_for_change(self, section: Section, given: Mapping[str, str], drop: Collection[str]) -> dict[str, str]:
        """What keeps a section from a change of its options, by option: unknown, wrong, fixed, required."""
        options = self.options(section.type)
        fixed = {key for key, option in options.items() if option.get("fixed")}
        wrong = self._wrong(section.type, given)
        for key in fixed & given.keys():
            if given[key] != section.values.get(key):
                wrong[key] = f"can't change value of fixed parameter '{key}'"
        for key in drop:
            if key not in options:
                wrong[key] = f"no such option '{key}'"
            elif key in given:
                wrong[key] = "is set and deleted in the same call"
            elif key in fixed or not options[key].get("optional"):
                wrong[key] = f"unable to delete {'fixed' if key in fixed else 'required'} option '{key}'"
        return wrong

    def _wrong(self, type: str, given: Mapping[str, str]) -> dict[str, str]:
        wrong = {}
        for key, text in given.items():
            try:
                self.check(type, key, text)
            except ValueError as err:
                wrong[key] = str(err)
        return wrong


def _one(schema: Schema) -> Schema:
    """The schema of one line: of an array each line is an item."""
    items: Schema = schema["items"] if schema.get("type") == "array" else schema
    return items


def parse(text: str, form: SectionFormat, *, allow_unknown: bool = False) -> Sections:
    """Sections with their values checked; what is wrong is left out and told in ``problems``.

    ``allow_unknown`` keeps sections of a type that is not declared, as text. Without it they are left out; one that
    repeats a key is a ParseError, as then nobody can tell a list from a mistake.
    """
    ids: dict[str, Values | None] = {}
    problems: list[Problem] = []
    for block in blocks(text):
        if block.type in form.types:
            found, wrong = form.read(block.type, block.lines)
            problems += [Problem(section=block.id, key=block.lines[n][0], why=why) for n, why in wrong.items()]
            complete = found.keys() >= set(form.required(block.type))
            ids[block.id] = {**_typed(form, block.type, found), "type": block.type} if complete else None
        elif allow_unknown:
            ids[block.id] = {**_unknown(block), "type": block.type}
        elif any(isinstance(value, list) for value in _unknown(block).values()):
            raise ParseError(f"section '{block.id}' is of unknown type '{block.type}' and repeats a key")
    return Sections(ids=ids, order={id: place for place, id in enumerate(ids, 1)}, problems=tuple(problems))


def _typed(form: SectionFormat, type: str, found: Mapping[str, list[str]]) -> Values:
    values: Values = {}
    for key, texts in found.items():
        several = (form.property(type, key) or {}).get("type") == "array"
        each = [form.typed(type, key, text) for text in texts]
        values[key] = each if several else each[0]
    return values


def _unknown(block: Block) -> Values:
    """Text by key, a list where a key repeats, None where it has none."""
    found: dict[str, list[str]] = {}
    for key, text in block.lines:
        found.setdefault(key, []).extend([] if text is None else [text])
    return {key: texts if len(texts) > 1 else "".join(texts) or None for key, texts in found.items()}


def format(sections: Sections, form: SectionFormat, *, allow_unknown: bool = False) -> str:
    """The text, sections by ``order``, keys in the order of ``sectionconfig``.

    Raises ParseError for a section of unknown type (without ``allow_unknown``), a missing required option and what
    could not be read back.
    """
    last = max(sections.order.values(), default=0)
    written = []
    for id in sorted(sections.ids, key=lambda id: sections.order.get(id, last + 1)):
        values = sections.ids[id]
        if values is None:
            continue
        type = str(values["type"])
        if type not in form.types and not allow_unknown:
            raise ParseError(f"section '{id}' is of unknown type '{type}'; known: {', '.join(sorted(form.types))}")
        if missing := [key for key in form.required(type) if values.get(key) is None]:
            raise ParseError(f"section '{id}': missing value for required option '{missing[0]}'")
        written.append(_section(form, type, id, values))
    return sectionconfig.format(written, required=form.required)


def _section(form: SectionFormat, type: str, id: str, values: Values) -> Section:
    """The values as text; empty ones and those that the type does not have are left out."""
    known = {*form.options(type), "comment", "disable"} if type in form.types else values.keys() - {"type"}
    texts = {key: _texts(form, type, key, values[key]) for key in values if key in known and values[key] is not None}
    return Section(
        type=type,
        id=id,
        values={key: each[0] for key, each in texts.items() if each},
        repeated=tuple((key, text) for key, each in texts.items() for text in each[1:]),
    )


def _texts(form: SectionFormat, type: str, key: str, value: Any) -> list[str]:
    schema = (form.property(type, key) or {}) if type in form.types else {}
    if key == "disable" or schema.get("type") == "boolean":
        truth = str(value) in ("1", "True")
        return ["1"] if truth else [] if key == "disable" else ["0"]
    return [text for one in (value if isinstance(value, list) else [value]) if (text := str(one))]


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


def create_options(form: SectionFormat) -> list[str]:
    """Names of the options that the call has which makes a section (types that share them)."""
    return sorted(create_schema(form)["properties"].keys() - form.common.keys())


def update_options(form: SectionFormat) -> list[str]:
    """Names of the options that the call has which changes a section (types that share them)."""
    return sorted(update_schema(form)["properties"].keys() - form.common.keys() - UPDATE_PARAMETERS.keys())


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
