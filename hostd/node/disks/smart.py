"""What a disk says about its health: ``smartctl`` and how it is read.

Source: smartctl(8) ``-f brief``; conformance area ``storage`` (disk-smart).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_ATTRIBUTE: Final = re.compile(r"([ \d]{2}\d)\s+(\S+)\s+(\S{6})\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(.*)")
_HEALTH: Final = re.compile(r"(?:Health Status|self-assessment test result): (.*)")
_SECTION: Final = re.compile(r"=== START OF (?:READ )?SMART DATA SECTION ===")
_WORN: Final = re.compile(r"Percentage Used(?: endurance indicator)?:\s*(\d+(?:\.\d+)?)%", re.IGNORECASE)
# Attributes that tell what is left of a disk's life in percent, the most telling first; names of smartmontools.
_LEFT: Final = (
    "Media_Wearout_Indicator",
    "SSD_Life_Left",
    "Wear_Leveling_Count",
    "Perc_Write/Erase_Ct_BC",
    "Perc_Rated_Life_Remain",
    "Remaining_Lifetime_Perc",
    "Percent_Lifetime_Remain",
    "Lifetime_Left",
    "PCT_Life_Remaining",
    "Lifetime_Remaining",
    "Percent_Life_Remaining",
    "Percent_Lifetime_Used",
    "Perc_Rated_Life_Used",
)


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """A line of the table; ``id`` with its leading blanks, as clients align it."""

    id: str
    name: str
    flags: str
    value: int
    worst: int
    threshold: int
    fail: str
    raw: str


@dataclass(frozen=True, kw_only=True)
class Smart:
    """``type``: ata (attributes), text (other disks), or empty. ``wearout``: percent left, where the text tells it."""

    health: str = "UNKNOWN"
    type: str = ""
    attributes: tuple[Attribute, ...] = ()
    text: str = ""
    wearout: float | None = None


def smartctl_argv(device: str, *, health_only: bool = False) -> list[str]:
    return ["smartctl", "-H", *([] if health_only else ["-A", "-f", "brief"]), "--", device]


def parse_smart(out: str) -> Smart:
    """Parse ``smartctl -H -A -f brief``."""
    health, kind, text, wearout = "UNKNOWN", "", "", None
    attributes: list[Attribute] = []
    for line in out.splitlines():
        if kind == "ata" and (row := _ATTRIBUTE.fullmatch(line)):
            attributes.append(_attribute(row))
        elif found := _HEALTH.search(line):
            health = found[1].strip()
        elif "Vendor Specific SMART Attributes with Thresholds:" in line:
            kind, text = "ata", ""
        elif _SECTION.match(line):
            kind = "text"
        elif kind == "text":
            text += f"{line}\n"
            if worn := _WORN.search(line):
                wearout = 100 - float(worn[1])
        elif "SMART Disabled" in line:
            health = "SMART Disabled"
    return Smart(health=health, type=kind, attributes=tuple(attributes), text=text, wearout=wearout)


def _attribute(row: re.Match[str]) -> Attribute:
    """Some disks have ``---`` for a threshold of 0."""
    return Attribute(
        id=row[1],
        name=row[2],
        flags=row[3],
        value=int(row[4]),
        worst=int(row[5]),
        threshold=int(row[6]) if row[6].isdecimal() else 0,
        fail=row[7],
        raw=row[8].rstrip(),
    )


def life_left(smart: Smart) -> float | None:
    """Percent of its life that a disk has left; None where it does not tell."""
    if smart.wearout is not None:
        return smart.wearout
    return next((float(a.value) for name in _LEFT for a in _named(smart.attributes, name)), None)


def _named(attributes: Iterable[Attribute], name: str) -> list[Attribute]:
    return [a for a in attributes if name in a.name]


def shown(smart: Smart) -> dict[str, object]:
    """As the API tells it."""
    found: dict[str, object] = {"health": smart.health, "type": smart.type or "text"}
    if smart.type == "ata":
        found["attributes"] = [
            {
                "id": a.id,
                "name": a.name,
                "flags": a.flags,
                "value": a.value,
                "normalized": a.value,
                "worst": a.worst,
                "threshold": a.threshold,
                "fail": a.fail,
                "raw": a.raw,
            }
            for a in smart.attributes
        ]
    else:
        found["text"] = smart.text
    if smart.wearout is not None:
        found["wearout"] = plain_number(smart.wearout)
    return found


def plain_number(value: float) -> float | int:
    return int(value) if value == int(value) else value
