"""One line of a guest's configuration, as it is declared: kind, help, whether it is numbered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hostd.core.dialect import located
from hostd.core.schema import Kind


@dataclass(frozen=True, kw_only=True)
class Option:
    """``indices`` > 0: the keys are ``name0`` … ``name<indices-1>``. ``privilege``: what a caller needs to set it.

    ``live``: a change counts at once also while the guest runs (it does not touch the machine). ``default``: what
    counts where the key is absent, as the schema tells it.
    """

    kind: Kind
    doc: str
    privilege: str
    indices: int = 0
    live: bool = False
    default: object = None


class Table:
    """The declared options of one kind of guest, by name without number."""

    def __init__(self, options: Mapping[str, Option]) -> None:
        self.options = dict(options)

    @cached_property
    def keys(self) -> dict[str, Option]:
        """Every key that can be written, numbered ones one by one."""
        found: dict[str, Option] = {}
        for name, option in self.options.items():
            found |= {f"{name}{n}": option for n in range(option.indices)} if option.indices else {name: option}
        return found

    def get(self, key: str) -> Option | None:
        return self.keys.get(key)

    def errors(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with each value; keys that are not declared are left alone."""
        found: dict[str, str] = {}
        for key, value in values.items():
            option = self.keys.get(key)
            try:
                if option is not None:
                    option.kind.parse(value)
            except ValueError as err:
                found[key] = located(str(err), key)
        return found


def to_text(value: object) -> str:
    """A parsed value as the file writes it: booleans as 0 or 1, lists separated by semicolons."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | tuple):
        return ";".join(str(v) for v in value)
    return str(value)


def sort_key(key: str) -> tuple[str, int]:
    """``scsi10`` after ``scsi2``."""
    match = re.fullmatch(r"(.*?)(\d*)", key)
    name, number = match.groups() if match else (key, "")
    return name, int(number or 0)
