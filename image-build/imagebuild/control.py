"""Reads ``debian/control``: the one list of what is needed.

The host has nothing but Python's standard library before the tools tree exists, so python-debian is not at hand here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Control:
    """``stanzas``: the fields of the source stanza, then of each binary package, continuation lines joined."""

    stanzas: tuple[dict[str, str], ...]

    @classmethod
    def load(cls, path: Path) -> Control:
        return cls(stanzas=tuple(parse_stanzas(path.read_text())))

    @property
    def own(self) -> list[str]:
        """Names of the binary packages."""
        return [s["Package"] for s in self.stanzas[1:]]

    def build_packages(self, profiles: frozenset[str]) -> list[str]:
        """Build dependencies that hold under ``profiles`` (names as in ``<!nocheck>``), without versions."""
        return sorted(_names(self.stanzas[0].get("Build-Depends", ""), profiles))

    def runtime_packages(self, binaries: Iterable[str]) -> list[str]:
        """Depends of ``binaries`` without our own packages and substitution variables."""
        found: set[str] = set()
        for stanza in self.stanzas[1:]:
            if stanza["Package"] in set(binaries):
                found |= _names(stanza.get("Depends", ""), frozenset())
        return sorted(found - set(self.own))


def parse_stanzas(text: str) -> list[dict[str, str]]:
    """deb822 text (deb-control(5)) to one dict per paragraph; comment lines are dropped."""
    stanzas: list[dict[str, str]] = []
    current: dict[str, str] = {}
    key = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if current:
                stanzas.append(current)
            current = {}
        elif line[0] in " \t":
            current[key] += "\n" + line.strip()
        else:
            key, _, value = line.partition(":")
            current[key] = value.strip()
    return stanzas


def _names(field: str, profiles: frozenset[str]) -> set[str]:
    names = set()
    for entry in field.replace("\n", " ").split(","):
        match = re.match(r"\s*([a-z0-9][a-z0-9.+-]*)(?::\w+)?\s*(\([^)]*\))?\s*((?:<[^>]*>\s*)*)", entry)
        if not match or entry.strip().startswith("${"):
            continue
        terms = [t.split() for t in re.findall(r"<([^>]*)>", match[3])]
        if not terms or any(all(_holds(word, profiles) for word in words) for words in terms):
            names.add("debhelper" if match[1] == "debhelper-compat" else match[1])
    return names


def _holds(word: str, profiles: frozenset[str]) -> bool:
    return word[1:] not in profiles if word.startswith("!") else word in profiles
