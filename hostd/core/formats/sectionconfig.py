"""Section files (storage.cfg, jobs.cfg, ...): ``type: id`` and indented ``key value`` lines, an empty line between.

Types and keys that we do not know survive; the caller's rows say what a value means.
Source: conformance area ``schema`` (section-config-*), ``storage`` (storage-cfg-*).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hostd.core.errors import ParseError

_HEAD = re.compile(r"([a-z][a-zA-Z0-9_-]*):\s*(\S+)\s*\Z")
_VALUE = re.compile(r"\s+(\S+)(?:\s+(.*?))?\s*\Z")


@dataclass(frozen=True, kw_only=True)
class Section:
    """One object. A key without a value has the text ``1`` (a flag). ``values`` keep the order of the file.

    ``repeated`` holds second and further lines of a key: lists where the reader knows them as such.
    """

    type: str
    id: str
    values: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[tuple[str, str], ...] = ()


def parse(text: str, *, strict: bool = False) -> list[Section]:
    """Sections in the order of the file; of a repeated id the last counts.

    Comment lines and lines out of place are left out; ``strict`` makes the latter a ParseError naming the line.
    """
    found: dict[str, tuple[str, dict[str, str], list[tuple[str, str]]]] = {}
    now: tuple[str, dict[str, str], list[tuple[str, str]]] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            now = None
        elif line.lstrip().startswith("#"):
            continue
        elif now is None:
            head = _HEAD.match(line)
            if head is None:
                _refuse(strict, number, line)
                continue
            now = (head.group(1), {}, [])
            found.pop(head.group(2), None)
            found[head.group(2)] = now
        elif pair := _VALUE.match(line):
            key, value = pair.group(1), pair.group(2) or "1"
            if key in now[1]:
                now[2].append((key, value))
            else:
                now[1][key] = value
        else:
            _refuse(strict, number, line)
    return [Section(type=kind, id=id, values=v, repeated=tuple(r)) for id, (kind, v, r) in found.items()]


def _refuse(strict: bool, number: int, line: str) -> None:
    if strict:
        raise ParseError(f"line {number}: not understood: '{line.strip()}'")


def format(sections: Iterable[Section], *, first: Iterable[str] = (), flags: Iterable[str] = ()) -> str:
    """The text. Keys named in ``first`` lead in that order, the rest is sorted; ``flags`` with ``1`` are written bare.

    Raises ParseError for what could not be read back: line breaks, empty or padded values, blanks in an id.
    """
    lead, bare = list(first), set(flags)
    blocks = []
    for section in sections:
        head = f"{section.type}: {section.id}"
        if not (match := _HEAD.match(head)) or match.group(2) != section.id:
            raise ParseError(f"cannot write section '{head}'")
        keys = [key for key in lead if key in section.values]
        keys += sorted(key for key in section.values if key not in keys)
        pairs = [(key, section.values[key]) for key in keys]
        lines = []
        for key, value in pairs:
            again = [v for k, v in section.repeated if k == key]
            lines += [_line(section.id, key, v, bare) for v in (value, *again)]
        blocks.append(f"{head}\n{''.join(lines)}\n")
    return "".join(blocks)


def _line(id: str, key: str, value: str, bare: set[str]) -> str:
    match = _VALUE.match(f"\t{key} {value}")
    readable = match is not None and match.groups() == (key, value) and value != "" and not key.startswith("#")
    if not readable or "\n" in value or "\r" in value:
        raise ParseError(f"cannot write '{key}' of '{id}': '{value}'")
    return f"\t{key}\n" if key in bare and value == "1" else f"\t{key} {value}\n"
