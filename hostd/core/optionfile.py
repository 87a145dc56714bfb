"""Files of options, ``key: value`` with a comment on top (``datacenter.cfg``, a node's ``config``).

A table of rows says which options there are; keys that it does not know survive a change. Values that are property
strings name their format of the catalogue (``formats/facts.json``, read at the first question).
Source: conformance area ``schema`` (datacenter-cfg-parse).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Mapping

from hostd.core import dialect, schema
from hostd.core.errors import HostError, Invalid, ParseError
from hostd.core.formats import facts, propgrammar
from hostd.core.formats.keyvalue import decode_text, encode_comment

DESCRIPTION = "description"
_LINE = re.compile(r"(\S+?):\s*(.*)")


class Option(schema.Option):
    """A row of the table."""

    def keys(self, text: str) -> dict[str, str]:
        """A property string's keys and texts, checked; booleans are ``0`` or ``1``. Raises Invalid, ParseError."""
        return dialect.property_string(self.kind.format).parse(text)

    def value(self, text: str, *, objects: bool) -> object:
        """The line's value as answers carry it: numbers as such, property strings as an object with ``objects``.

        Raises ValueError, Invalid or ParseError for a wrong one.
        """
        if objects and (declared := facts.property_string(self.kind.format)):
            return {key: dialect.typed(declared[key], found) for key, found in self.keys(text).items()}
        if self.kind.type == "boolean":  # in files it has more spellings than in calls
            return int(propgrammar.boolean(text))
        self.kind.parse(text)
        return dialect.typed({"type": self.kind.type}, text)


def parse(data: bytes) -> dict[str, str]:
    """Values as text by key, the last of a repeated one; lines of comment, joined, are the key ``description``."""
    comment: list[str] = []
    values: dict[str, str] = {}
    for raw in data.decode(errors="replace").split("\n"):
        line = raw.strip()
        if line.startswith("#"):
            comment += [decode_text(raw[1:].rstrip("\r"))] if raw.startswith("#") else []
        elif match := _LINE.fullmatch(line):
            if match[1] == DESCRIPTION:  # the old form of the comment
                comment += decode_text(match[2]).split("\n")
            else:
                values[match[1]] = match[2]
    return {**values, **({DESCRIPTION: "\n".join(comment)} if comment else {})}


def format(values: Mapping[str, str]) -> bytes:
    """The file's bytes, keys sorted, the description as comment.

    Raises ParseError for what could not be read back: line breaks above all, which would become other options.
    """
    comment = values.get(DESCRIPTION, "").rstrip("\n")
    lines = [f"#{encode_comment(line)}" for line in comment.split("\n")] if comment else []
    for key, value in sorted(values.items()):
        if key != DESCRIPTION:
            match = _LINE.fullmatch(f"{key}: {value}".strip())
            if match is None or match.groups() != (key, value) or "\r" in value or key.startswith("#"):
                raise ParseError(f"cannot write '{key}: {value!r}' as a line")
            lines.append(f"{key}: {value}")
    return "".join(f"{line}\n" for line in lines).encode()


def changed(
    values: Mapping[str, str], *, set: Mapping[str, str], delete: Collection[str], known: Collection[str]
) -> dict[str, str]:
    """The values after a change. Raises Invalid for a key that is unknown or both set and deleted."""
    for name in delete:
        if name in set:
            raise Invalid({"delete": f"you can't use '-{name}' and '-delete {name}' at the same time"})
        if name not in known:
            raise Invalid({"delete": f"unknown option '{name}'; known are {', '.join(sorted(known))}"})
    return {key: value for key, value in {**values, **set}.items() if key not in delete}


def typed(table: Mapping[str, Option], values: Mapping[str, str], *, objects: bool) -> dict[str, object]:
    """Values as answers carry them (``Option.value``). What is unknown or wrong is not in force and left out."""
    known, found = schema.spelled_out(table), dict[str, object]()
    for key in values.keys() & known.keys():
        with contextlib.suppress(ValueError, HostError):
            found[key] = known[key].value(values[key], objects=objects)
    return found
