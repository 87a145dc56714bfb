"""``datacenter.cfg``: options of the whole cluster, ``key: value`` lines with a comment on top.

Source: conformance area ``schema`` (datacenter-cfg-parse); names and limits in ``facts.json``.
"""

from __future__ import annotations

import re
from typing import Any

from hostd.core import dialect
from hostd.core.errors import Invalid, ParseError
from hostd.core.formats import facts, propgrammar
from hostd.core.formats.keyvalue import decode_text
from hostd.core.formats.lists import split_list

DEFAULT_MAC_PREFIX = "BC:24:11"
_LINE = re.compile(r"(\S+?):\s*(.*)")
_LISTS = ("registered-tags",)


def parse(text: str) -> dict[str, Any]:
    """Options by name; property strings as objects. What is unknown or wrong is left out.

    ``description`` (the comment) and ``mac_prefix`` are always there.
    """
    table = facts.table("datacenter")
    comment = "".join(f"{decode_text(line[1:])}\n" for line in text.split("\n") if line.startswith("#"))
    found: dict[str, Any] = {"description": comment}
    for line in (raw.strip() for raw in text.split("\n")):
        match = _LINE.fullmatch(line)
        if line.startswith("#") or not match or match.group(1) not in table:
            continue
        key, value = match.groups()
        if (good := _value(table[key], key, value)) is not None:
            found[key] = good
    return _compatible(found)


def _value(schema: dialect.Schema, key: str, text: str) -> Any:
    if schema.get("type") == "boolean":
        try:
            return int(propgrammar.boolean(text))
        except ValueError:
            return None
    keys = facts.property_string(str(schema.get("format", "")))
    try:
        if keys is None:
            return dialect.check({**schema, "optional": 1}, text)
        values: dict[str, Any] = dialect.PropertyString(keys).parse(text)
    except (Invalid, ParseError):
        return None
    if "user-allow-list" in values:
        values["user-allow-list"] = split_list(values["user-allow-list"])
    return values


def _compatible(found: dict[str, Any]) -> dict[str, Any]:
    """Older spellings in the terms of today's options."""
    if "migration_unsecure" in found and "migration" not in found:
        found["migration"] = {"type": "insecure" if found["migration_unsecure"] else "secure"}
    if found.get("console") == "applet":
        found["console"] = "html5"
    for key in _LISTS:
        if key in found:
            found[key] = split_list(found[key])
    found.setdefault("mac_prefix", DEFAULT_MAC_PREFIX)
    return found
