"""Parameters of a call from a table of options (``core/optionfile``), and the other way round."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hostd.core.optionfile import Option
from hostd.core.schema import param, rows

T = TypeVar("T")
_PREFIX = "option_"


def with_table(table: Mapping[str, Option]) -> Callable[[type[T]], type[T]]:
    """Add every option of the table to a class of parameters, all of them optional."""

    def extend(cls: type[T]) -> type[T]:
        added: list[Any] = []
        for name, option in table.items():
            field = param(
                option.kind, doc=option.doc, default=None, name=name, indices=option.indices,
                shown_default=option.default,
            )  # fmt: skip
            added.append((_PREFIX + name.replace("-", "_"), Any, field))
        made = dataclasses.make_dataclass(cls.__name__, added, bases=(cls,), frozen=True, kw_only=True)
        made.__doc__, made.__module__ = cls.__doc__, cls.__module__
        return made

    return extend


def given(p: object) -> dict[str, str]:
    """The options that a call sets, as the file writes them."""
    found: dict[str, str] = {}
    for row in rows(type(p)):
        if row.attribute.startswith(_PREFIX):
            value = getattr(p, row.attribute)
            values = value if row.indices else {row.wire: value}
            found |= {key: _text(v) for key, v in values.items() if v is not None}
    return found


def _text(value: object) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)
