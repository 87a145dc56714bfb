"""Parameters of a call from a table of declared options (``core/schema.Option``), and the other way round."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hostd.core.schema import Option, param, rows

T = TypeVar("T")
_PREFIX = "option_"
_IN_NAMES = re.compile(r"[^a-z0-9]+")


def with_options(table: Mapping[str, Option]) -> Callable[[type[T]], type[T]]:
    """Add every option of the table to a class of parameters that it does not have yet, all of them optional."""

    def extend(cls: type[T]) -> type[T]:
        own = {row.wire for row in rows(cls)}
        added: list[Any] = []
        for name, option in table.items():
            if name in own:
                continue
            field = param(
                option.kind, doc=option.doc, default=None, name=name.removesuffix("[n]"), indices=option.indices,
                shown_default=option.default,
            )  # fmt: skip
            added.append((_PREFIX + _IN_NAMES.sub("_", name), Any, field))
        made = dataclasses.make_dataclass(cls.__name__, added, bases=(cls,), frozen=True, kw_only=True)
        made.__doc__, made.__module__ = cls.__doc__, cls.__module__
        return made

    return extend


def given(p: object, *, separator: str = ",") -> dict[str, str]:
    """The options that a call sets, as the file writes them; ``separator`` between the words of a list."""
    found: dict[str, str] = {}
    for row in rows(type(p)):
        if row.attribute.startswith(_PREFIX):
            value = getattr(p, row.attribute)
            values = value if row.indices else {row.wire: value}
            found |= {key: _text(v, separator) for key, v in values.items() if v is not None}
    return found


def _text(value: object, separator: str) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return separator.join(str(v) for v in value) if isinstance(value, list | tuple) else str(value)
