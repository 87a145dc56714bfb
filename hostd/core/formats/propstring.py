"""Property strings: ``virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5``.

One key may be written without its name (the default key). Two kinds of alias exist: a plain one (``volume`` for
``file``), and one that stores its own name as well (``virtio=MAC`` means ``model=virtio,macaddr=MAC``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hostd.core.errors import Invalid, ParseError
from hostd.core.schema import MISSING_TEXT, UNKNOWN_TEXT, Kind

_KEY = re.compile(r"[a-zA-Z0-9_-]+\Z")


@dataclass(frozen=True, kw_only=True)
class Alias:
    """``to``: the key that gets the value. ``name_to``: the key that gets the alias's own name, or empty."""

    to: str
    name_to: str = ""


@dataclass(frozen=True, kw_only=True)
class Format:
    """The keys of one kind of property string. ``required`` names keys that must be there."""

    keys: Mapping[str, Kind]
    default_key: str = ""
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    def check(self, text: str) -> str:
        """What is wrong with the text, or "": the form that a ``Kind`` wants."""
        try:
            validate(text, self)
        except Invalid as err:
            wrong = "".join(f"{key}: {why}\n" for key, why in err.errors.items())
            return f"format error\n{wrong}"
        except ParseError as err:
            return f"format error\n{err}\n"
        return ""


def parse(text: str, *, default_key: str = "", aliases: Mapping[str, Alias] | None = None) -> dict[str, str]:
    """Keys to values, as text, in the order found; aliases are resolved, unknown keys kept.

    Raises ParseError for a part without a name where there is no default key, a name that repeats, a bad name.
    """
    found: dict[str, str] = {}
    for part in (p.strip() for p in text.split(",")):
        if not part:
            continue
        key, equals, value = part.partition("=")
        if not equals:
            key, value = default_key, part
            if not key:
                raise ParseError(f"value '{part}' has no key")
        elif not _KEY.match(key):
            # A default value may itself hold "=": only what looks like a name is one.
            raise ParseError(f"invalid key '{key}'")
        alias = (aliases or {}).get(key, Alias(to=key))
        pairs = [(alias.to, value), *([(alias.name_to, key)] if alias.name_to else [])]
        for name, content in pairs:
            if name in found:
                raise ParseError(f"duplicate key '{name}'")
            found[name] = content
    return found


def format(values: Mapping[str, str], *, default_key: str = "", aliases: Mapping[str, Alias] | None = None) -> str:
    """The text: default key first and bare, then the rest sorted; naming aliases are written in their short form.

    Raises ParseError for what could not be read back: a comma or line break in a value, a padded value.
    """
    left = dict(values)
    parts: list[str] = []
    for name, alias in (aliases or {}).items():
        if alias.name_to and left.get(alias.name_to) == name and alias.to in left:
            parts.append(f"{name}={left.pop(alias.to)}")
            del left[alias.name_to]
    if default_key in left:
        bare = left.pop(default_key)
        parts.append(f"{default_key}={bare}" if "=" in bare or not bare else bare)
    parts += [f"{key}={value}" for key, value in sorted(left.items())]
    text = ",".join(parts)
    if "\n" in text or "\r" in text or parse(text, default_key=default_key, aliases=aliases) != dict(values):
        raise ParseError(f"cannot write as one line: {dict(values)}")
    return text


_TRUE = ("1", "on", "yes", "true")
_FALSE = ("0", "off", "no", "false")


def boolean(text: str) -> bool:
    """Inside property strings booleans have more spellings than elsewhere; ValueError for another word."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"type check ('boolean') failed - got '{text}'")


def validate(text: str, form: Format) -> dict[str, str]:
    """``parse`` with every value checked; booleans become ``0`` or ``1``. Raises Invalid (per key) or ParseError."""
    found = parse(text, default_key=form.default_key, aliases=form.aliases)
    errors = {key: MISSING_TEXT for key in form.required if key not in found}
    for key, value in found.items():
        kind = form.keys.get(key)
        if kind is None:
            errors[key] = UNKNOWN_TEXT
            continue
        try:
            if kind.type == "boolean":
                found[key] = "1" if boolean(value) else "0"
            else:
                kind.parse(value)
        except ValueError as err:
            errors[key] = str(err)
    if errors:
        raise Invalid(errors)
    return found
