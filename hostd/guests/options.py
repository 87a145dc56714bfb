"""One line of a guest's configuration, as it is declared: kind, help, whether it is numbered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from hostd.core import schema
from hostd.core.dialect import located
from hostd.core.schema import Kind

STARTUP: Final = Kind(
    format="pve-startup-order", pattern=r"(?:order=)?\d+(?:,(?:up|down)=\d+)*|(?:(?:order|up|down)=\d+,?)+"
)


def check_dns_name(value: str) -> str:
    """Labels of letters, digits and inner dashes, separated by dots."""
    label = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    ok = len(value) <= 253 and re.fullmatch(rf"{label}(?:\.{label})*", value)
    return "" if ok else "value does not look like a valid DNS name"


@dataclass(frozen=True, kw_only=True)
class Option(schema.Option):
    """``privilege``: what a caller needs to set it. ``live``: a change counts at once also while the guest runs (it
    does not touch the machine)."""

    privilege: str
    live: bool = False


class Table:
    """The declared options of one kind of guest, by name without number."""

    def __init__(self, options: Mapping[str, Option]) -> None:
        self.options = dict(options)

    @cached_property
    def keys(self) -> dict[str, Option]:
        """Every key that can be written, numbered ones one by one."""
        return schema.spelled_out(self.options)

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


def sort_key(key: str) -> tuple[str, int]:
    """``scsi10`` after ``scsi2``."""
    match = re.fullmatch(r"(.*?)(\d*)", key)
    name, number = match.groups() if match else (key, "")
    return name, int(number or 0)


def is_card(key: str) -> bool:
    """``net<n>``: a network card."""
    return key.startswith("net") and key.removeprefix("net").isdecimal()


def is_unused(key: str) -> bool:
    """``unused<n>``: a disk that is attached to nothing."""
    return key.startswith("unused") and key.removeprefix("unused").isdecimal()
