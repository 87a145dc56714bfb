"""Guest configuration files: ``key: value`` lines, a comment on top, sections for snapshots and pending changes.

Every value is kept as text and every key survives, known or not: a newer node may have written it.
Source: observed files of the reference (conformance area ``guest-config``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from hostd.core.errors import ParseError

QEMU_PENDING = "PENDING"
LXC_PENDING = "pve:pending"

_LINE = re.compile(r"([a-zA-Z][a-zA-Z0-9_-]*):\s*(.*?)\s*\Z")
_RAW_LINE = re.compile(r"(lxc\.[a-zA-Z0-9_.-]+)(?::|\s*=)\s*(.*?)\s*\Z")
_HEADER = re.compile(r"\[(.*)\]\s*\Z")
_SNAPSHOT_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]+\Z")
_SPECIAL_NAME = re.compile(r"[a-zA-Z0-9_-]+:[a-zA-Z0-9_-]+\Z")
# Said by what stays: a class that reaches to U+10FFFF takes `re` 10 ms to compile.
_ESCAPED = re.compile(r"[^ -$&-9;-~]")
# A comment line keeps colons readable; everything else is as in a one-line description.
_ESCAPED_COMMENT = re.compile(r"[^ -$&-~]")


@dataclass(frozen=True, kw_only=True)
class GuestSection:
    """One block of the file. ``raw`` holds ``lxc.*`` lines, which may repeat and whose order counts."""

    comment: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    raw: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class GuestFile:
    """A whole file.

    ``current`` is what counts now, ``pending`` what waits for a restart (its key ``delete`` lists keys to drop),
    ``snapshots`` by name, ``special`` holds sections like ``special:cloudinit`` and any ``x:y`` that we do not know.
    """

    comment: str = ""
    current: Mapping[str, str] = field(default_factory=dict)
    raw: tuple[tuple[str, str], ...] = ()
    pending: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, GuestSection] = field(default_factory=dict)
    special: Mapping[str, GuestSection] = field(default_factory=dict)


def encode_text(text: str) -> str:
    """Percent-encode what would break a line or a colon-separated field: controls, ``%``, ``:`` and non-ASCII."""
    return _ESCAPED.sub(_percent, text)


def encode_comment(line: str) -> str:
    """A line of a comment, percent-encoded as ``encode_text`` does, but for colons."""
    return _ESCAPED_COMMENT.sub(_percent, line)


def decode_text(text: str) -> str:
    """The reverse of ``encode_text``; malformed escapes stay as they are."""
    return unquote(text, errors="replace")


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode())


class _Building:
    """A section while its lines are read."""

    def __init__(self) -> None:
        self.comment: list[str] = []
        self.values: dict[str, str] = {}
        self.raw: list[tuple[str, str]] = []

    def section(self) -> GuestSection:
        comment = "\n".join(self.comment)
        return GuestSection(comment=comment, values=self.values, raw=tuple(self.raw))


def parse_guest(text: str, *, pending: str = QEMU_PENDING, strict: bool = False) -> GuestFile:
    """Read a guest's file; ``pending`` is the name of the section for pending changes.

    Lines that are no ``key: value`` and sections with an impossible name are left out; with ``strict`` they raise
    ParseError naming the line. The last of repeated keys wins. A key ``description`` is the old form of the comment.
    """
    sections: dict[str, _Building] = {"": _Building()}
    now = sections[""]
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if header := _HEADER.match(line):
            name = header.group(1)
            if not (name == pending or _SNAPSHOT_NAME.match(name) or _SPECIAL_NAME.match(name)):
                _refuse(strict, number, f"invalid section name '{name}'")
                now = _Building()
                continue
            now = sections.setdefault(name, _Building())
        elif line.startswith("#"):
            now.comment.append(decode_text(line[1:].rstrip("\r\n")))
        elif raw := _RAW_LINE.match(line):
            now.raw.append((raw.group(1), raw.group(2)))
        elif found := _LINE.match(line):
            if found.group(1) == "description":
                now.comment += decode_text(found.group(2)).split("\n")
            else:
                now.values[found.group(1)] = found.group(2)
        else:
            _refuse(strict, number, f"no setting: '{line.strip()}'")
    return _assemble(sections, pending)


def _refuse(strict: bool, number: int, why: str) -> None:
    if strict:
        raise ParseError(f"line {number}: {why}")


def _assemble(sections: Mapping[str, _Building], pending: str) -> GuestFile:
    main = sections[""].section()
    waiting = sections[pending].section().values if pending in sections else {}
    others = {name: part.section() for name, part in sections.items() if name not in ("", pending)}
    return GuestFile(
        comment=main.comment,
        current=main.values,
        raw=main.raw,
        pending=waiting,
        snapshots={name: part for name, part in others.items() if ":" not in name},
        special={name: part for name, part in others.items() if ":" in name},
    )


def format_guest(guest: GuestFile, *, pending: str = QEMU_PENDING) -> str:
    """The file's text: comment, sorted keys, raw lines; then pending, special and snapshot sections, sorted.

    Raises ParseError for what could not be read back: line breaks above all, which would become other settings.
    """
    text = _format_section(GuestSection(comment=guest.comment, values=guest.current, raw=guest.raw))
    parts = [(pending, GuestSection(values=guest.pending))] if guest.pending else []
    parts += sorted(guest.special.items()) + sorted(guest.snapshots.items())
    for name, section in parts:
        text += f"\n[{name}]\n{_format_section(section)}"
    return text


def _format_section(section: GuestSection) -> str:
    for key, value in section.values.items():
        _check_line(_LINE, key, value)
    for key, value in section.raw:
        _check_line(_RAW_LINE, key, value)
    comment = section.comment.split("\n") if section.comment else []
    lines = [f"#{encode_comment(line)}" for line in comment]
    lines += [f"{key}: {value}" for key, value in sorted(section.values.items())]
    lines += [f"{key}: {value}" for key, value in section.raw]
    return "".join(f"{line}\n" for line in lines)


def _check_line(form: re.Pattern[str], key: str, value: str) -> None:
    match = form.match(f"{key}: {value}")
    if match is None or match.groups() != (key, value) or "\n" in value or "\r" in value or key == "description":
        raise ParseError(f"cannot write '{key}: {value!r}' as a line")
