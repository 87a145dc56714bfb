"""Names, types and limits of the compatible property strings and configuration options, as data beside this file.

``tests/bin/format-facts`` wrote ``facts.json`` from the shared facts; it is read when first asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

Keys = Mapping[str, Mapping[str, Any]]


@cache
def _facts() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(resources.files("hostd.core.formats").joinpath("facts.json").read_bytes())
    return data


def property_string(name: str) -> Keys | None:
    """The keys of a named property string, each with its schema; None where no such format is known."""
    facts = _facts()
    found: Keys | None = facts["property_strings"].get(facts["aliases"].get(name, name))
    return found


@cache
def table(name: str) -> dict[str, Mapping[str, Any]]:
    """The options of ``qemu`` or ``lxc`` configuration, numbered ones one by one."""
    found: dict[str, Mapping[str, Any]] = {}
    for key, schema in _facts()["tables"][name].items():
        if key.endswith("[n]"):
            first, last = schema["indices"]
            found |= {f"{key[:-3]}{number}": schema for number in range(first, last + 1)}
        else:
            found[key] = schema
    return found
