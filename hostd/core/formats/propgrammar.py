"""The text of property strings, ``virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5``: keys to values and back.

One key may be written without its name (the default key). Two kinds of alias exist: a plain one (``volume`` for
``file``), and one that stores its own name as well (``virtio=MAC`` means ``model=virtio,macaddr=MAC``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hostd.core.errors import ParseError

_KEY = re.compile(r"[a-zA-Z0-9_-]+\Z")
_TRUE = ("1", "on", "yes", "true")
_FALSE = ("0", "off", "no", "false")


@dataclass(frozen=True, kw_only=True)
class Alias:
    """``to``: the key that gets the value. ``name_to``: the key that gets the alias's own name, or empty."""

    to: str
    name_to: str = ""


def parse(
    text: str, *, default_key: str = "", aliases: Mapping[str, Alias] | None = None, strict: bool = False
) -> dict[str, str]:
    """Keys to values, as text, in the order found; aliases are resolved, unknown keys kept.

    Raises ParseError for a part without a name where there is no default key, a name that repeats, a bad name.
    ``strict``: what a caller sends; then blanks around a part and a name without a value are wrong too.
    """
    found: dict[str, str] = {}
    for raw in text.split(","):
        part = raw.strip()
        if not part:
            continue
        key, equals, value = part.partition("=")
        if strict and equals and (part != raw or not value):
            raise ParseError(f"'{raw}' is not of the form key=value")
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


def boolean(text: str) -> bool:
    """Inside property strings booleans have more spellings than elsewhere; ValueError for another word."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"type check ('boolean') failed - got '{text}'")
