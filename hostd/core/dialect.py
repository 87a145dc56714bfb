"""The JSON-schema dialect of the API: a schema is compiled once, values are checked against what came out.

``Kind`` (declarations of parameters), configuration files, property strings and command lines all end here. Texts of
errors and the order of checks follow ``api/README.md`` of the shared facts (clients show and match them); more than
one error for a key is joined by a literal backslash-n.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from hostd.core.errors import Invalid, ParseError
from hostd.core.formats import facts, propgrammar
from hostd.core.formats.lists import split_list
from hostd.core.formats.propgrammar import Alias
from hostd.core.formats.validators import CHECKS

Schema = Mapping[str, Any]
Errors = dict[str, str]
TextCheck = Callable[[str], str]

MISSING_TEXT = "property is missing and it is not optional"
UNKNOWN_TEXT = "property is not defined in schema and the schema does not allow additional properties"
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")


def add_error(errors: Errors, path: str, text: str) -> None:
    """Note an error; ``path`` "" is the whole value."""
    key = path or "_root"
    errors[key] = f"{errors[key]}\\n{text}" if key in errors else text


def join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


_FORMAT_ERROR = "format error\n"


def located(wrong: str, path: str) -> str:
    """The text of an error with the keys of a property string under the name of the value that holds it."""
    head, mark, lines = wrong.partition(_FORMAT_ERROR)
    if not mark or not path:
        return wrong
    return head + mark + "".join(f"{path}.{line}\n" for line in lines.splitlines())


def text_of(value: object) -> str:
    """A scalar of JSON as the text that checks look at."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_integer(text: str) -> bool:
    return _INTEGER.match(text) is not None


def is_number(text: str) -> bool:
    return _NUMBER.match(text) is not None


def format_check(form: object) -> TextCheck:
    """A format as a check: a function, a name (``X-list`` and ``X-opt`` included) or the keys of a property string."""
    if callable(form):
        return form
    if isinstance(form, Mapping):
        return PropertyString(form).check
    name = str(form)
    if name in CHECKS:
        return CHECKS[name]
    if facts.property_string(name):
        return property_string(name).check
    if name.endswith(("-list", "-alist")):
        each = format_check(name.rpartition("-")[0])
        return lambda text: next((wrong for word in split_list(text) if (wrong := each(word))), "")
    if name.endswith("-opt"):
        given = format_check(name.removesuffix("-opt"))
        return lambda text: given(text) if text else ""
    return lambda _: f"undefined format '{name}'"


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def text_check(schema: Schema) -> TextCheck:
    """Format, pattern, lengths, range and enumeration of one value, in this order; the first failure wins."""
    steps: list[TextCheck] = []
    if form := schema.get("format"):
        steps.append(_once(lambda: _prefixed(format_check(form))))
    if pattern := schema.get("pattern"):
        steps.append(_once(lambda: _pattern(str(pattern))))
    if (longest := schema.get("maxLength")) is not None:
        steps.append(lambda text: f"value may only be {longest} characters long" if len(text) > longest else "")
    if (shortest := schema.get("minLength")) is not None:
        steps.append(lambda text: f"value must be at least {shortest} characters long" if len(text) < shortest else "")
    if schema.get("maximum") is not None or schema.get("minimum") is not None:
        steps.append(_range(schema.get("minimum"), schema.get("maximum")))
    if enum := schema.get("enum"):
        steps.append(_enumeration([str(word) for word in enum]))
    if len(steps) == 1:
        return steps[0]
    return lambda text: next((wrong for step in steps if (wrong := step(text))), "")


def _once(make: Callable[[], TextCheck]) -> TextCheck:
    """Made at the first use: most of a daemon's declarations are never asked before its first request."""
    made: list[TextCheck] = []

    def check(text: str) -> str:
        if not made:
            made.append(make())
        return made[0](text)

    return check


def _prefixed(check: TextCheck) -> TextCheck:
    return lambda text: f"invalid format - {wrong}" if (wrong := check(text)) else ""


def _pattern(pattern: str) -> TextCheck:
    form = re.compile(pattern)
    return lambda text: "" if form.fullmatch(text) else "value does not match the regex pattern"


def _range(minimum: float | None, maximum: float | None) -> TextCheck:
    def check(text: str) -> str:
        if not is_number(text):
            return ""
        if maximum is not None and float(text) > maximum:
            return f"value must have a maximum value of {_plain(maximum)}"
        if minimum is not None and float(text) < minimum:
            return f"value must have a minimum value of {_plain(minimum)}"
        return ""

    return check


def _enumeration(words: list[str]) -> TextCheck:
    known = frozenset(words)

    def check(text: str) -> str:
        allowed = ", ".join(words)
        return "" if text in known else f"value '{text}' does not have a value in the enumeration '{allowed}'"

    return check


def type_error(type: str, value: object) -> str:
    """What is wrong with the type of a value that is not None, or ""."""
    wrong = f"type check ('{type}') failed"
    if type in ("", "any"):
        return ""
    if type == "null":
        return f"{wrong} - value is not null"
    if type in ("array", "object"):
        return "" if isinstance(value, list if type == "array" else Mapping) else wrong
    if isinstance(value, list | tuple | Mapping):
        return f"{wrong} - got {'HASH' if isinstance(value, Mapping) else 'ARRAY'}"
    text = text_of(value)
    good = (
        (type == "boolean" and text in ("0", "1"))
        or (type == "integer" and is_integer(text))
        or (type == "number" and is_number(text))
        or type not in ("boolean", "integer", "number")
    )
    return "" if good else f"{wrong} - got '{text}'"


class Node(ABC):
    """A compiled schema. ``check`` notes errors and returns the value with aliases resolved."""

    def __init__(self, schema: Schema) -> None:
        self.optional = bool(schema.get("optional")) or "alias" in schema

    @abstractmethod
    def check(self, value: Any, path: str, errors: Errors, *, closed: bool = True) -> Any:
        """``closed``: names that the schema does not know are errors, where it says so."""

    def known(self, value: Any) -> set[str] | None:
        """Names that the schema knows of this value; None: all names are welcome."""
        return None


class Value(Node):
    """Everything but objects: scalars, arrays, null."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        wanted = schema.get("type", "")
        self._types = [str(t) for t in wanted] if isinstance(wanted, list) else [str(wanted)]
        self._items = compile(schema["items"]) if "items" in schema else None
        self._text = text_check(schema)

    def check(self, value: Any, path: str, errors: Errors, *, closed: bool = True) -> Any:
        if value is None:
            if "null" not in self._types and not self.optional:
                add_error(errors, path, MISSING_TEXT)
            return None
        wrong = [type_error(t, value) for t in self._types]
        if all(wrong):
            add_error(errors, path, wrong[0] if len(wrong) == 1 else f"type check ('{'|'.join(self._types)}') failed")
        elif isinstance(value, list):
            if self._items is not None:
                return [self._items.check(v, f"{path}[{n}]", errors) for n, v in enumerate(value)]
        elif not isinstance(value, Mapping) and (text := self._text(text_of(value))):
            add_error(errors, path, located(text, path))
        return value


class Object(Node):
    """``properties`` and ``additionalProperties``; a property may be an ``alias`` of another."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        properties: Mapping[str, Schema] = schema.get("properties") or {}
        self._nodes = {key: compile(sub) for key, sub in properties.items() if "alias" not in sub}
        self._aliases = {key: str(sub["alias"]) for key, sub in properties.items() if "alias" in sub}
        self._requires = {key: sub["requires"] for key, sub in properties.items() if sub.get("requires")}
        more = schema.get("additionalProperties", True)
        self._open = bool(more)
        self._more = compile(more) if isinstance(more, Mapping) else None
        self._type = str(schema.get("type", "object"))

    def known(self, value: Any) -> set[str] | None:
        return None if self._open else set(self._nodes) | set(self._aliases)

    def check(self, value: Any, path: str, errors: Errors, *, closed: bool = True) -> Any:
        if value is None:
            if not self.optional:
                add_error(errors, path, MISSING_TEXT)
            return None
        if not isinstance(value, Mapping):
            add_error(errors, path, type_error(self._type, value) or "an object is required")
            return value
        values = self._resolved(value, path, errors)
        found: dict[str, Any] = {}
        for key, node in self._nodes.items():
            if (got := values.get(key)) is not None or not node.optional:
                checked = node.check(got, join(path, key), errors)
                if key in values:
                    found[key] = checked
        for key, got in values.items():
            if key not in self._nodes and got is not None:
                found[key] = self._additional(key, got, path, errors, closed)
        self._check_requirements(values, path, errors)
        return found

    def _resolved(self, value: Mapping[str, Any], path: str, errors: Errors) -> dict[str, Any]:
        values = dict(value)
        for alias, target in self._aliases.items():
            if values.get(alias) is None:
                continue
            if values.get(target) is not None:
                add_error(errors, join(path, alias), f"this is another name of '{target}', which is given as well")
                del values[alias]
            else:
                values[target] = values.pop(alias)
        return values

    def _additional(self, key: str, got: Any, path: str, errors: Errors, closed: bool) -> Any:
        if self._more is not None:
            return self._more.check(got, join(path, key), errors)
        if closed and not self._open:
            add_error(errors, join(path, key), UNKNOWN_TEXT)
        return got

    def _check_requirements(self, values: Mapping[str, Any], path: str, errors: Errors) -> None:
        for key, needed in self._requires.items():
            if values.get(key) is None:
                continue
            if isinstance(needed, Mapping):
                compile(needed).check(dict(values), path, errors)
            elif values.get(str(needed)) is None:
                text = f"missing property required by '{join(path, key)}'"
                add_error(errors, join(path, str(needed)), text)


def _refuse_unknown(value: Mapping[str, Any], known: set[str] | None, path: str, errors: Errors) -> None:
    if known is not None:
        for key in value:
            if key not in known:
                add_error(errors, join(path, key), UNKNOWN_TEXT)


class AllOf(Node):
    """All parts must hold; a name is fine when one of the parts knows it."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self._parts = [compile(part) for part in schema["allOf"]]

    def known(self, value: Any) -> set[str] | None:
        found: set[str] = set()
        for part in self._parts:
            names = part.known(value)
            if names is None:
                return None
            found |= names
        return found

    def check(self, value: Any, path: str, errors: Errors, *, closed: bool = True) -> Any:
        if not isinstance(value, Mapping):
            if value is not None or not self.optional:
                add_error(errors, path, MISSING_TEXT if value is None else type_error("object", value))
            return value
        known = self.known(value) if closed else None
        checked: Any = value
        for part in self._parts:
            checked = part.check(checked, path, errors, closed=False)
        _refuse_unknown(value, known, path, errors)
        return checked


class OneOf(Node):
    """The value of ``type-property`` selects the instance that must hold."""

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema)
        self._name = str(schema["type-property"])
        self._type = compile(dict(schema.get("type-property-schema") or {}) | {"optional": self.optional})
        self._instances = {str(sub["instance-type"]): compile(sub) for sub in schema["oneOf"]}

    def _selected(self, value: Any) -> Node | None:
        chosen = value.get(self._name) if isinstance(value, Mapping) else None
        return self._instances.get(text_of(chosen)) if chosen is not None else None

    def known(self, value: Any) -> set[str] | None:
        node = self._selected(value)
        if node is None:
            undecided = value.get(self._name) is None and self.optional
            return {self._name} if undecided else None
        names = node.known(value)
        return None if names is None else names | {self._name}

    def check(self, value: Any, path: str, errors: Errors, *, closed: bool = True) -> Any:
        if not isinstance(value, Mapping):
            if value is not None or not self.optional:
                add_error(errors, path, MISSING_TEXT if value is None else type_error("object", value))
            return value
        before = len(errors)
        chosen = value.get(self._name)
        self._type.check(chosen, join(path, self._name), errors)
        node = self._selected(value)
        if node is None:
            if chosen is not None and len(errors) == before:
                add_error(errors, join(path, self._name), f"no schema for '{chosen}'")
            return value
        below = join(path, f"oneOf[{chosen}]")
        known = self.known(value)
        checked = node.check(value, below, errors, closed=False)
        if closed:
            _refuse_unknown(value, known, below, errors)
        return checked


def compile(schema: Schema) -> Node:
    """A schema in compiled form; make it once, use it for every value."""
    if "oneOf" in schema:
        return OneOf(schema)
    if "allOf" in schema:
        return AllOf(schema)
    wanted = schema.get("type")
    if "properties" in schema or (wanted == "object" and "additionalProperties" in schema):
        return Object(schema)
    return Value(schema)


def check(schema: Schema, value: Any) -> Any:
    """The value with aliases resolved; Invalid with every error at once (keys dotted, ``_root`` for the whole)."""
    errors: Errors = {}
    checked = compile(schema).check(value, "", errors)
    if errors:
        raise Invalid(errors)
    return checked


@dataclass(frozen=True)
class PropertyString:
    """A property string whose ``keys`` are declared as schemas."""

    keys: Mapping[str, Schema]

    @cached_property
    def default_key(self) -> str:
        return next((key for key, sub in self.keys.items() if sub.get("default_key")), "")

    @cached_property
    def aliases(self) -> dict[str, Alias]:
        return {
            key: Alias(to=str(sub["alias"]), name_to=str(sub.get("keyAlias", "")))
            for key, sub in self.keys.items()
            if "alias" in sub
        }

    @cached_property
    def _object(self) -> Object:
        properties = {key: sub for key, sub in self.keys.items() if "alias" not in sub}
        return Object({"properties": properties, "additionalProperties": False})

    def parse(self, text: str) -> dict[str, str]:
        """Keys to texts; booleans become ``0`` or ``1``. Raises Invalid (per key) or ParseError."""
        found = propgrammar.parse(text, default_key=self.default_key, aliases=self.aliases, strict=True)
        for key, value in found.items():
            if self.keys.get(key, {}).get("type") == "boolean":
                try:
                    found[key] = "1" if propgrammar.boolean(value) else "0"
                except ValueError:
                    continue  # the type check below says it
        errors: Errors = {}
        self._object.check(found, "", errors)
        if errors:
            raise Invalid(errors)
        return found

    def check(self, text: str) -> str:
        """What is wrong with the text, or "": the form that a format has."""
        try:
            self.parse(text)
        except Invalid as err:
            return _FORMAT_ERROR + "".join(f"{key}: {why}\n" for key, why in err.errors.items())
        except ParseError as err:
            return str(err)
        return ""


@cache
def property_string(name: str) -> PropertyString:
    """The property string that the catalogue has under this name; KeyError where it has none."""
    keys = facts.property_string(name)
    if keys is None:
        raise KeyError(f"no property string '{name}' in facts.json")
    return PropertyString(keys)


def typed(schema: Schema, text: str) -> str | int | float:
    """A checked text as its type says: booleans and numbers as numbers."""
    if schema.get("type") in ("boolean", "integer", "number"):
        return int(text) if is_integer(text) else float(text)
    return text


def convert_list(schema: Schema, value: object) -> object:
    """Lists as callers send them: one scalar for an array becomes a list, an array for ``X-list`` one text."""
    if schema.get("type") == "array" and not isinstance(value, list):
        text = value if isinstance(value, str) else ""
        if "\0" in text:
            return split_list(text)
        return [value]
    is_list = str(schema.get("format", "")).endswith(("-list", "-alist"))
    if isinstance(value, list) and schema.get("type", "string") == "string" and is_list:
        return ",".join(text_of(word) for word in value)
    return value
