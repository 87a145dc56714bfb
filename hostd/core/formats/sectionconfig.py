"""Section files (storage.cfg, jobs.cfg, ...): ``type: id`` and indented ``key value`` lines, an empty line between.

The text alone: types and keys that we do not know survive, and the caller says what a value means. Which types there
are and what belongs into them is declared with ``sections``.
Source: conformance areas ``schema`` (section-config-*) and ``storage`` (storage-cfg-*).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hostd.core.errors import ParseError

_HEAD = re.compile(r"(\S+):\s*(\S+)\s*")
_LINE = re.compile(r"\s+(\S+)(?:\s+(.*\S))?\s*")
# What is written before everything else, and the key that is written without its value.
_FIRST = ("comment", "disable")
_FLAG = "disable"


@dataclass(frozen=True, kw_only=True)
class Block:
    """A section as it stands: key and text of every line, in order; None for a key without a text."""

    type: str
    id: str
    lines: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One object. A key without a value has the text ``1`` (a flag). ``values`` keep the order of the file.

    ``repeated`` holds second and further lines of a key: lists where the reader knows them as such.
    """

    type: str
    id: str
    values: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[tuple[str, str], ...] = ()


def blocks(text: str, *, strict: bool = False) -> list[Block]:
    """All sections in the order of the file, also those whose id repeats.

    Comment lines and lines out of place are left out; ``strict`` makes the latter a ParseError naming the line.
    """
    found: list[tuple[str, str, list[tuple[str, str | None]]]] = []
    inside = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r")
        if not line:
            inside = False
        elif not line.strip() or line.lstrip().startswith("#"):
            continue
        elif not inside and (head := _HEAD.fullmatch(line)):
            found.append((head[1], head[2], []))
            inside = True
        elif inside and (pair := _LINE.fullmatch(line)):
            found[-1][2].append((pair[1], pair[2]))
        elif strict:
            raise ParseError(f"line {number}: not understood: '{line.strip()}'")
    return [Block(type=type, id=id, lines=tuple(lines)) for type, id, lines in found]


def parse(text: str, *, strict: bool = False) -> list[Section]:
    """Sections by the order in which their ids come up; of a repeated id the last counts. ``strict``: as above."""
    return list({block.id: _section(block) for block in blocks(text, strict=strict)}.values())


def _section(block: Block) -> Section:
    values: dict[str, str] = {}
    repeated = []
    for key, text in block.lines:
        if key in values:
            repeated.append((key, text or "1"))
        else:
            values[key] = text or "1"
    return Section(type=block.type, id=block.id, values=values, repeated=tuple(repeated))


def format(sections: Iterable[Section], *, required: Callable[[str], Sequence[str]] = lambda type: ()) -> str:
    """The text. ``comment`` and ``disable`` lead, then keys that the type requires, the rest is sorted.

    Raises ParseError for what could not be read back: line breaks, empty or padded values, blanks in an id.
    """
    texts = []
    for section in sections:
        head = f"{section.type}: {section.id}"
        match = _HEAD.fullmatch(head)
        if match is None or match.groups() != (section.type, section.id) or head.startswith("#"):
            raise ParseError(f"cannot write section '{head}'")
        lead = [key for key in dict.fromkeys((*_FIRST, *required(section.type))) if key in section.values]
        lines = []
        for key in (*lead, *sorted(section.values.keys() - set(lead))):
            again = [value for name, value in section.repeated if name == key]
            lines += [_line(section.id, key, value) for value in (section.values[key], *again)]
        texts.append(f"{head}\n{''.join(lines)}\n")
    return "".join(texts)


def _line(id: str, key: str, value: str) -> str:
    match = _LINE.fullmatch(f"\t{key} {value}")
    readable = match is not None and match.groups() == (key, value) and not key.startswith("#")
    if not readable or "\r" in value:
        raise ParseError(f"cannot write '{key}' of '{id}': '{value}'")
    return f"\t{key}\n" if key == _FLAG and value == "1" else f"\t{key} {value}\n"
