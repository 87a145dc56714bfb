"""What a machine is for one start alone, without a word of it in its file. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# The widest processor that there is: nothing of it is checked, and QEMU is told of another one anyway.
_UNCHECKED: Final = "host"


@dataclass(frozen=True, kw_only=True)
class Once:
    """``machine``: as the key of that name has it. ``processor``: what QEMU is told with ``-cpu``, in its own words."""

    machine: str = ""
    processor: str = ""

    @property
    def anything(self) -> bool:
        return bool(self.machine or self.processor)

    def over(self, config: Mapping[str, str]) -> dict[str, str]:
        """A configuration as this start takes it. Of two ``-cpu`` QEMU takes the last, and ``args`` come last."""
        values = dict(config) | ({"machine": self.machine} if self.machine else {})
        if self.processor:
            words = shlex.join(["-cpu", self.processor])
            values |= {"cpu": _UNCHECKED, "args": f"{values.get('args', '')} {words}".strip()}
        return values
