"""Kinds of values, declared once: validation, the API's schema, CLI options and UI types come from the same rows.

Texts of errors and the order of checks follow ``api/README.md`` of the shared facts (clients show and match them).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, TypeVar

from hostd.core.dialect import (
    MISSING_TEXT,
    UNKNOWN_TEXT,
    convert_list,
    located,
    text_check,
    text_of,
    type_error,
)
from hostd.core.errors import Invalid
from hostd.core.formats.lists import split_list


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of value.

    ``type`` is string, integer, number, boolean, list (text split on comma, semicolon, blanks) or array (of ``items``;
    one scalar counts as an array of one). ``format`` is the name under which the API's schema knows ``check``; with
    a format of the catalogue (``core/formats/validators.py``) there need be no ``check``. ``check`` gets the text and
    returns what is wrong, or "".
    """

    type: str = "string"
    format: str = ""
    pattern: str = ""
    check: Callable[[str], str] | None = None
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    typetext: str = ""
    items: Kind | None = None

    def parse(self, value: object) -> Any:
        """A wire value (text, or a JSON scalar) to ``bool``, ``int``, ``float``, ``str`` or a list.

        Raises ValueError with the text for the caller; the first failing check wins.
        """
        if self.type == "list":
            words = value if isinstance(value, list) else split_list(text_of(value))
            return [self._checked(text_of(word)) for word in words]
        if self.type == "array":
            return [(self.items or _TEXT).parse(item) for item in self.elements(value)]
        if isinstance(value, list):
            value = convert_list(self.schema(), value)
        if wrong := type_error(self.type, value):
            raise ValueError(wrong)
        text = self._checked(text_of(value))
        return _CONVERSIONS.get(self.type, str)(text)

    def elements(self, value: object) -> list[Any]:
        """The elements of an array as callers send it."""
        found = convert_list({"type": "array"}, value)
        return found if isinstance(found, list) else [found]

    def _checked(self, text: str) -> str:
        if wrong := self._text_check(text):
            raise ValueError(wrong)
        return text

    @cached_property
    def _text_check(self) -> Callable[[str], str]:
        return text_check(self.checked_schema())

    def checked_schema(self) -> dict[str, Any]:
        """The schema as the engine wants it: of one word where this is a list, ``check`` in place of its name."""
        schema: dict[str, Any] = {**self.schema(), "format": self.check or self.format}
        if self.type == "list":
            schema["type"] = "string"
        return schema

    def line_schema(self) -> dict[str, Any]:
        """As ``checked_schema``, of the kind as a line of a file has it: a list is one text."""
        if self.type != "list":
            return self.checked_schema()
        return {
            "type": "string",
            "format": lambda text: next(filter(None, map(self._text_check, split_list(text))), ""),
        }

    def schema(self) -> dict[str, object]:
        """The kind in the terms of the API's schema dump."""
        dump: dict[str, object] = {"type": "string" if self.type == "list" else self.type}
        if self.type == "array":
            dump["items"] = (self.items or _TEXT).schema()
        rows = {
            "format": f"{self.format}-list" if self.type == "list" and self.format else self.format,
            "pattern": self.pattern,
            "enum": list(self.enum),
            "minimum": self.minimum,
            "maximum": self.maximum,
            "minLength": self.min_length,
            "maxLength": self.max_length,
            "typetext": self.typetext,
        }
        return dump | {k: v for k, v in rows.items() if v not in ("", None, [])}


_CONVERSIONS: Mapping[str, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "boolean": lambda text: text == "1",
}
_TEXT = Kind()
# Never written to a file, only hashed or compared; and a refused log-in does not tell what was wrong.
_OPAQUE = ("password",)


@dataclass(frozen=True, kw_only=True)
class Option:
    """What a line of a configuration file may say, a row of a table by name.

    ``indices`` > 0: the keys are ``name0`` … ``name<indices-1>``; where the table knows a key without number as well,
    the numbered one is called ``name[n]`` there. ``default``: what counts where the key is absent, as the schema
    tells it.
    """

    kind: Kind
    doc: str
    default: object = None
    indices: int = 0


AnyOption = TypeVar("AnyOption", bound=Option)


def spelled_out(table: Mapping[str, AnyOption]) -> dict[str, AnyOption]:
    """Every key that the table knows, numbered ones one by one, with its row."""
    found: dict[str, AnyOption] = {}
    for name, option in table.items():
        stem = name.removesuffix("[n]")
        found |= {f"{stem}{n}": option for n in range(option.indices)} if option.indices else {name: option}
    return found


def param(
    kind: Kind,
    *,
    doc: str,
    default: Any = dataclasses.MISSING,
    name: str = "",
    indices: int = 0,
    shown_default: object = None,
    requires: str = "",
) -> Any:
    """A parameter as a dataclass field.

    Without ``default`` it is required. ``name`` is the wire name where it is no Python name (``delete``, ``in-use``);
    by itself underscores become dashes only if ``name`` says so. ``indices`` > 0 declares ``name[n]``: the field then
    is a dict from wire name (``net0``) to value. ``shown_default`` is the default that the schema tells.
    ``requires``: the wire name of a parameter that must come along.
    """
    metadata = {
        "kind": kind,
        "doc": doc,
        "name": name,
        "indices": indices,
        "shown_default": shown_default,
        "requires": requires,
    }
    if indices:
        return field(default_factory=dict, metadata=metadata)
    if default is dataclasses.MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A parameter as it was declared."""

    attribute: str
    wire: str
    kind: Kind
    doc: str
    optional: bool
    indices: int
    shown_default: object
    requires: str = ""

    def schema(self) -> dict[str, object]:
        dump = self.kind.schema()
        if self.optional:
            dump["optional"] = True
        if self.shown_default is not None:
            dump["default"] = self.shown_default
        if self.requires:
            dump["requires"] = self.requires
        if self.indices:
            dump["indices"] = [0, self.indices - 1]
        return dump


def rows(params: type) -> tuple[Row, ...]:
    """The declared parameters of a params dataclass, in order."""
    return _rows(params)


@cache
def _rows(params: Any) -> tuple[Row, ...]:
    found = []
    for f in dataclasses.fields(params):
        optional = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
        found.append(
            Row(
                attribute=f.name,
                wire=f.metadata["name"] or f.name,
                kind=f.metadata["kind"],
                doc=f.metadata["doc"],
                optional=optional,
                indices=f.metadata["indices"],
                shown_default=f.metadata["shown_default"],
                requires=f.metadata.get("requires", ""),
            )
        )
    return tuple(found)


@cache
def _by_wire(params: Any) -> dict[str, tuple[Row, bool]]:
    """Every wire name that a call may use, numbered ones one by one, to its row and whether it is a numbered one."""
    found: dict[str, tuple[Row, bool]] = {}
    for row in rows(params):
        if row.indices:
            found |= {f"{row.wire}{number}": (row, True) for number in range(row.indices)}
        else:
            found[row.wire] = (row, False)
    return found


def validate(params: type, values: Mapping[str, object], *, extra: bool = False) -> Any:
    """Wire values to an instance of the dataclass ``params``; raises Invalid with every error of the call at once.

    ``extra`` keeps unknown parameters out of the way instead of refusing them.
    """
    known = _by_wire(params)
    errors: dict[str, str] = {}
    given: dict[str, Any] = {}
    for wire, value in values.items():
        found = known.get(wire)
        if found is None:
            if not extra:
                errors[wire] = UNKNOWN_TEXT
            continue
        row, numbered = found
        into = given.setdefault(row.attribute, {}) if numbered else given
        _take(row, wire, value, into, wire if numbered else row.attribute, errors)
        if row.requires and row.requires not in values:
            errors[row.requires] = f"missing property required by '{wire}'"
    for row in rows(params):
        if not row.optional and row.wire not in values:
            errors[row.wire] = MISSING_TEXT
    if errors:
        raise Invalid(errors)
    return params(**given)


def _take(row: Row, wire: str, value: object, into: dict[str, Any], key: str, errors: dict[str, str]) -> None:
    """One value into ``into``, or its errors under its name; elements of arrays have names of their own."""
    kind = row.kind
    if kind.type == "array":
        items, parsed = kind.items or _TEXT, []
        for number, item in enumerate(kind.elements(value)):
            try:
                parsed.append(items.parse(item))
            except ValueError as err:
                errors[f"{wire}[{number}]"] = located(str(err), f"{wire}[{number}]")
        into[key] = parsed
        return
    if isinstance(value, str) and "\0" in value and kind.type == "string" and not kind.pattern and wire not in _OPAQUE:
        errors[wire] = "value contains a NUL character"
        return
    try:
        into[key] = kind.parse(value)
    except ValueError as err:
        errors[wire] = located(str(err), wire)
