"""Kinds of values, declared once: validation, the API's schema, CLI options and UI types come from the same rows.

Texts of errors and the order of checks follow ``api/README.md`` of the shared facts (clients show and match them).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hostd.core.errors import Invalid

MISSING_TEXT = "property is missing and it is not optional"
UNKNOWN_TEXT = "property is not defined in schema and the schema does not allow additional properties"
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_LIST_SEPARATORS = re.compile(r"[,;\s]+")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of value.

    ``type`` is string, integer, number, boolean or list (text split on comma, semicolon, blanks). ``format`` is the
    name under which the API's schema knows ``check``; ``check`` gets the text and returns what is wrong, or "".
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

    def parse(self, value: object) -> Any:
        """A wire value (text, or a JSON scalar) to ``bool``, ``int``, ``float``, ``str`` or ``list[str]``.

        Raises ValueError with the text for the caller; the first failing check wins.
        """
        if self.type == "list":
            words = value if isinstance(value, list) else _split(str(value))
            for word in words:
                self._check_text(str(word))
            return [str(word) for word in words]
        if isinstance(value, list | dict):
            raise ValueError(f"type check ('{self.type}') failed - got {type(value).__name__}")
        text = ("1" if value else "0") if isinstance(value, bool) else str(value)
        parsed = self._convert(text)
        self._check_text(text)
        return parsed

    def _convert(self, text: str) -> Any:
        if self.type == "integer" and _INTEGER.match(text):
            return int(text)
        if self.type == "number" and _NUMBER.match(text):
            return float(text)
        if self.type == "boolean" and text in ("0", "1"):
            return text == "1"
        if self.type == "string":
            return text
        raise ValueError(f"type check ('{self.type}') failed - got '{text}'")

    def _check_text(self, text: str) -> None:
        if self.check is not None and (wrong := self.check(text)):
            raise ValueError(f"invalid format - {wrong}")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise ValueError("value does not match the regex pattern")
        if self.max_length is not None and len(text) > self.max_length:
            raise ValueError(f"value may only be {self.max_length} characters long")
        if self.min_length is not None and len(text) < self.min_length:
            raise ValueError(f"value must be at least {self.min_length} characters long")
        if _NUMBER.match(text):
            if self.maximum is not None and float(text) > self.maximum:
                raise ValueError(f"value must have a maximum value of {self.maximum:g}")
            if self.minimum is not None and float(text) < self.minimum:
                raise ValueError(f"value must have a minimum value of {self.minimum:g}")
        if self.enum and text not in self.enum:
            raise ValueError(f"value '{text}' does not have a value in the enumeration '{', '.join(self.enum)}'")

    def schema(self) -> dict[str, object]:
        """The kind in the terms of the API's schema dump."""
        dump: dict[str, object] = {"type": "string" if self.type == "list" else self.type}
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


def _split(text: str) -> list[str]:
    if "\0" in text:
        return [word for word in text.split("\0") if word]
    return [word for word in _LIST_SEPARATORS.split(text) if word]


def param(
    kind: Kind,
    *,
    doc: str,
    default: Any = dataclasses.MISSING,
    name: str = "",
    indices: int = 0,
    shown_default: object = None,
) -> Any:
    """A parameter as a dataclass field.

    Without ``default`` it is required. ``name`` is the wire name where it is no Python name (``delete``, ``in-use``);
    by itself underscores become dashes only if ``name`` says so. ``indices`` > 0 declares ``name[n]``: the field then
    is a dict from wire name (``net0``) to value. ``shown_default`` is the default that the schema tells.
    """
    metadata = {"kind": kind, "doc": doc, "name": name, "indices": indices, "shown_default": shown_default}
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

    def schema(self) -> dict[str, object]:
        dump = self.kind.schema()
        if self.optional:
            dump["optional"] = True
        if self.shown_default is not None:
            dump["default"] = self.shown_default
        return dump


def rows(params: type) -> list[Row]:
    """The declared parameters of a params dataclass, in order."""
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
            )
        )
    return found


def validate(params: type, values: Mapping[str, object], *, extra: bool = False) -> Any:
    """Wire values to an instance of the dataclass ``params``; raises Invalid with every error of the call at once.

    ``extra`` keeps unknown parameters out of the way instead of refusing them.
    """
    left = dict(values)
    errors: dict[str, str] = {}
    given: dict[str, Any] = {}
    for row in rows(params):
        if row.indices:
            given[row.attribute] = _indexed(row, left, errors)
        elif row.wire in left:
            _take(row, row.wire, left.pop(row.wire), given, row.attribute, errors)
        elif not row.optional:
            errors[row.wire] = MISSING_TEXT
    if not extra:
        errors |= dict.fromkeys(left, UNKNOWN_TEXT)
    if errors:
        raise Invalid(errors)
    return params(**given)


def _indexed(row: Row, left: dict[str, object], errors: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number in range(row.indices):
        wire = f"{row.wire}{number}"
        if wire in left:
            _take(row, wire, left.pop(wire), found, wire, errors)
    return found


def _take(row: Row, wire: str, value: object, into: dict[str, Any], key: str, errors: dict[str, str]) -> None:
    if isinstance(value, list) and row.kind.type != "list":
        value = ",".join(str(v) for v in value)
    try:
        into[key] = row.kind.parse(value)
    except ValueError as err:
        errors[wire] = str(err)
