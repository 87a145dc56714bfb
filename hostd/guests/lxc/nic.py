"""A network card of a container, without the rules for its text: programs that must start fast use it, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hostd.core.formats import propgrammar


@dataclass(frozen=True, kw_only=True)
class Nic:
    """One card. ``values``: every part as text, so that what we do not use is written back."""

    key: str
    index: int
    name: str
    values: Mapping[str, str]

    @property
    def mac(self) -> str:
        return self.values.get("hwaddr", "").upper()

    def flag(self, name: str) -> bool:
        return propgrammar.boolean(self.values.get(name, "0"))

    def with_mac(self, mac: str) -> Nic:
        return Nic(key=self.key, index=self.index, name=self.name, values={**self.values, "hwaddr": mac})

    def text(self) -> str:
        return propgrammar.format(self.values)
