"""The grammar of corosync.conf: sections, ``key: value`` lines, comments. Nothing of it is lost by parse and format.

Source: corosync.conf(5). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hostd.core.errors import ParseError

INDENT = "  "


@dataclass(frozen=True, slots=True)
class Value:
    """A line ``key: text``."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that starts with ``#``; ``text`` with it."""

    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """``name { … }``; the whole file is a section without a name. ``items`` in the order of the file."""

    name: str
    items: tuple[Value | Comment | Section, ...] = ()

    def get(self, key: str) -> str | None:
        """The text of ``key``; of several the last, which is the one that Corosync takes."""
        return next((i.text for i in reversed(self.items) if isinstance(i, Value) and i.key == key), None)

    def values(self) -> dict[str, str]:
        """All keys with their texts, in the order of the file."""
        return {i.key: i.text for i in self.items if isinstance(i, Value)}

    def sections(self, name: str) -> Iterator[Section]:
        """The sections of that name directly in this one."""
        return (i for i in self.items if isinstance(i, Section) and i.name == name)

    def section(self, name: str) -> Section:
        """The section of that name, empty where there is none. Corosync merges repeated ones, and so does this."""
        return Section(name, tuple(item for found in self.sections(name) for item in found.items))

    def with_value(self, key: str, text: str | None) -> Section:
        """``key`` set in its place, or at the end of the values; None removes it."""
        kept: list[Value | Comment | Section] = []
        new = None if text is None else Value(key, text)
        for item in self.items:
            if not (isinstance(item, Value) and item.key == key):
                kept.append(item)
            elif new is not None:
                kept.append(new)
                new = None
        if new is not None:
            ends = [n for n, item in enumerate(kept, 1) if isinstance(item, Value)]
            kept.insert(ends[-1] if ends else 0, new)
        return replace(self, items=tuple(kept))

    def with_sections(self, name: str, sections: Iterable[Section]) -> Section:
        """All sections of that name replaced by ``sections``, where the first of them stood (else at the end)."""
        before = [n for n, item in enumerate(self.items) if isinstance(item, Section) and item.name == name]
        kept = [i for i in self.items if not (isinstance(i, Section) and i.name == name)]
        place = before[0] if before else len(kept)
        return replace(self, items=(*kept[:place], *sections, *kept[place:]))

    def with_section(self, section: Section) -> Section:
        """The sections of that name replaced by this one."""
        return self.with_sections(section.name, [section])


def parse(text: str) -> Section:
    """The file as a section without a name. ``{`` ends its line, ``}`` stands alone. Raises ParseError(line)."""
    path: list[tuple[str, list[Value | Comment | Section]]] = [("", [])]
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        items = path[-1][1]
        if not line:
            continue
        if line.startswith("#"):
            items.append(Comment(line))
        elif line.endswith("{"):
            name = line[:-1].strip()
            if not name or set(name) & set(":{} \t"):
                raise ParseError(f"corosync.conf line {number}: a section starts with one word and '{{', not {line!r}")
            path.append((name, []))
        elif line == "}":
            if len(path) == 1:
                raise ParseError(f"corosync.conf line {number}: '}}' without a section that it could end")
            name, inner = path.pop()
            path[-1][1].append(Section(name, tuple(inner)))
        elif ":" in line and not set(line) & set("{}"):
            key, _, value = line.partition(":")
            if not key.strip() or not value.strip():
                raise ParseError(f"corosync.conf line {number}: {line!r} lacks a key or a value; allowed: 'key: value'")
            items.append(Value(key.strip(), value.strip()))
        else:
            raise ParseError(
                f"corosync.conf line {number}: {line!r} is not understood; allowed: 'key: value', 'section {{', '}}' "
                "alone on its line, '# comment'"
            )
    if len(path) > 1:
        raise ParseError(f"corosync.conf: section {path[-1][0]!r} is not ended; add a line '}}'")
    return Section("", tuple(path[0][1]))


def format(section: Section) -> str:
    """The file's text: two spaces a level, an empty line around each section of the first level."""
    lines: list[str] = []
    for item in section.items:
        if isinstance(item, Section) and lines:
            lines.append("")
        lines += _lines(item, "")
    return "\n".join([*lines, ""])


def _lines(item: Value | Comment | Section, indent: str) -> Iterator[str]:
    match item:
        case Value():
            yield f"{indent}{item.key}: {item.text}"
        case Comment():
            yield f"{indent}{item.text}"
        case Section():
            yield f"{indent}{item.name} {{"
            for inner in item.items:
                yield from _lines(inner, indent + INDENT)
            yield f"{indent}}}"
