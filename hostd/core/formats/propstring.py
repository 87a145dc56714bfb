"""Property strings with declared keys: ``virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5``.

The text is the business of ``propgrammar``, the checks are those of ``core/dialect.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hostd.core.dialect import PropertyString, Schema
from hostd.core.formats.propgrammar import Alias, boolean, format, parse
from hostd.core.schema import Kind

__all__ = ["Alias", "Format", "boolean", "format", "parse", "validate"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """The keys of one kind of property string. ``required`` names keys that must be there."""

    keys: Mapping[str, Kind]
    default_key: str = ""
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    @cached_property
    def compiled(self) -> PropertyString:
        """The same as schemas, for the engine."""
        keys: dict[str, Schema] = {}
        for key, kind in self.keys.items():
            more = {"optional": key not in self.required, "default_key": key == self.default_key}
            keys[key] = kind.checked_schema() | more
        for name, alias in self.aliases.items():
            keys[name] = {"alias": alias.to} | ({"keyAlias": alias.name_to} if alias.name_to else {})
        return PropertyString(keys)

    def check(self, text: str) -> str:
        """What is wrong with the text, or "": the form that a ``Kind`` wants."""
        return self.compiled.check(text)


def validate(text: str, form: Format) -> dict[str, str]:
    """``parse`` with every value checked; booleans become ``0`` or ``1``. Raises Invalid (per key) or ParseError."""
    return form.compiled.parse(text)
