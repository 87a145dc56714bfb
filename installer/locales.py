"""Countries, time zones and keyboard layouts an answer may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ZONEINFO = Path("/usr/share/zoneinfo")


@dataclass(frozen=True, kw_only=True)
class Keymap:
    """A keyboard layout in X keyboard terms, which console-setup understands too."""

    layout: str
    variant: str = ""


@dataclass(frozen=True, kw_only=True)
class Locales:
    """Country codes (lower case), names of time zones, names of keyboard layouts."""

    countries: frozenset[str]
    zones: frozenset[str]
    keymaps: frozenset[str]


# The layouts that answer files of this family name, as layout and variant of xkeyboard-config(7).
KEYMAPS: Final[Mapping[str, Keymap]] = {
    "de": Keymap(layout="de", variant="nodeadkeys"),
    "de-ch": Keymap(layout="ch", variant="de_nodeadkeys"),
    "dk": Keymap(layout="dk", variant="nodeadkeys"),
    "en-gb": Keymap(layout="gb"),
    "en-us": Keymap(layout="us"),
    "es": Keymap(layout="es", variant="nodeadkeys"),
    "fi": Keymap(layout="fi", variant="nodeadkeys"),
    "fr": Keymap(layout="fr", variant="nodeadkeys"),
    "fr-be": Keymap(layout="be", variant="nodeadkeys"),
    "fr-ca": Keymap(layout="ca", variant="fr-legacy"),
    "fr-ch": Keymap(layout="ch", variant="fr_nodeadkeys"),
    "hu": Keymap(layout="hu"),
    "is": Keymap(layout="is", variant="nodeadkeys"),
    "it": Keymap(layout="it", variant="nodeadkeys"),
    "jp": Keymap(layout="jp"),
    "lt": Keymap(layout="lt", variant="std"),
    "mk": Keymap(layout="mk", variant="nodeadkeys"),
    "nl": Keymap(layout="nl"),
    "no": Keymap(layout="no", variant="nodeadkeys"),
    "pl": Keymap(layout="pl"),
    "pt": Keymap(layout="pt", variant="nodeadkeys"),
    "pt-br": Keymap(layout="br", variant="nodeadkeys"),
    "se": Keymap(layout="se", variant="nodeadkeys"),
    "si": Keymap(layout="si"),
    "tr": Keymap(layout="tr"),
}


def parse_country_table(text: str) -> frozenset[str]:
    """Codes (lower case) of tzdata's ``iso3166.tab``: ``CODE<tab>name`` lines, ``#`` comments."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return frozenset(line.split("\t")[0].lower() for line in lines)


def parse_zone_table(text: str) -> frozenset[str]:
    """Zone names of tzdata's ``zone.tab`` or ``tzdata.zi`` neighbours: third tab-separated column, ``#`` comments."""
    rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return frozenset(row[2] for row in rows if len(row) > 2)


def system_locales(zoneinfo: Path = ZONEINFO) -> Locales:
    """What the running system (the one that gets installed) knows."""
    zones = parse_zone_table((zoneinfo / "zone.tab").read_text())
    return Locales(
        countries=parse_country_table((zoneinfo / "iso3166.tab").read_text()),
        zones=zones | {"UTC"},
        keymaps=frozenset(KEYMAPS),
    )
