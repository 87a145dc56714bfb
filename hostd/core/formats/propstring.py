"""Property strings of the catalogue: ``virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=5``.

The text is the business of ``propgrammar``, the checks are those of ``core/dialect.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hostd.core.dialect import PropertyString, property_string
from hostd.core.formats.propgrammar import Alias, boolean, format, parse
from hostd.core.schema import Kind

__all__ = ["Alias", "Format", "boolean", "format", "parse", "validate"]

_PLACE = ("optional", "default_key")


@dataclass(frozen=True, kw_only=True)
class Format:
    """A property string of the catalogue by its name, and kinds of its keys that are not there what they are here.

    The catalogue (``facts.json``) is read when the format is first asked.
    """

    name: str
    own: Mapping[str, Kind] = field(default_factory=dict)

    @cached_property
    def compiled(self) -> PropertyString:
        """For the engine: a key of its own kind stays optional, required or the default as it is in the catalogue."""
        keys = dict(property_string(self.name).keys)
        for key, kind in self.own.items():
            keys[key] = {k: v for k, v in keys[key].items() if k in _PLACE} | kind.checked_schema()
        return PropertyString(keys)

    def check(self, text: str) -> str:
        """What is wrong with the text, or "": the form that a ``Kind`` wants."""
        return self.compiled.check(text)


def validate(text: str, form: Format) -> dict[str, str]:
    """``parse`` with every value checked; booleans become ``0`` or ``1``. Raises Invalid (per key) or ParseError."""
    return form.compiled.parse(text)
