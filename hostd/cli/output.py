"""Answers as people and programs want them: tables, JSON, YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hostd.core.errors import Invalid
from hostd.core.formats import render

FORMATS = ("text", "json", "json-pretty", "yaml")
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "output-format": {"type": "string", "enum": list(FORMATS), "optional": 1, "description": "Form of the answer."},
    "human-readable": {"type": "boolean", "optional": 1, "default": 1, "description": "Sizes and times with units."},
    "noborder": {"type": "boolean", "optional": 1, "default": 0, "description": "No lines around and in tables."},
    "noheader": {"type": "boolean", "optional": 1, "default": 0, "description": "No names of columns."},
    "quiet": {"type": "boolean", "optional": 1, "default": 0, "description": "Print no answer."},
}
# How fields of this name read where the method's schema names no renderer.
_RENDERERS = {
    **dict.fromkeys(
        ("mem", "maxmem", "disk", "maxdisk", "swap", "maxswap", "size", "used", "avail", "total", "free"), "bytes"
    ),
    **dict.fromkeys(("starttime", "endtime", "ctime", "expire", "notafter", "notbefore"), "timestamp"),
    "uptime": "duration",
    "cpu": "fraction_as_percentage",
}


@dataclass(frozen=True, kw_only=True)
class Style:
    """How an answer is printed."""

    format: str = "text"
    human: bool = True
    border: bool = True
    header: bool = True
    quiet: bool = False

    @classmethod
    def take(cls, values: dict[str, object]) -> Style:
        """From the options of a command, which are taken away from its parameters."""
        chosen = str(values.pop("output-format", "text"))
        if chosen not in FORMATS:
            raise Invalid({"output-format": f"'{chosen}' is not one of {', '.join(FORMATS)}"})
        return cls(
            format=chosen,
            human=bool(values.pop("human-readable", 1)),
            border=not values.pop("noborder", 0),
            header=not values.pop("noheader", 0),
            quiet=bool(values.pop("quiet", 0)),
        )


def show(data: Any, style: Style, returns: Mapping[str, Any] | None = None) -> str:
    """The text to print, with its line end; "" where there is nothing to say."""
    if style.quiet or (data is None and style.format == "text"):
        return ""
    if style.format == "json":
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False, sort_keys=True) + "\n"
    if style.format == "json-pretty":
        return json.dumps(data, indent=3, ensure_ascii=False, sort_keys=True) + "\n"
    if style.format == "yaml":
        import yaml  # only here: it doubles the start time of a command

        text: str = yaml.safe_dump(data, allow_unicode=True, explicit_start=True, sort_keys=True)
        return text
    return _text(data, style, returns or {})


def _text(data: Any, style: Style, returns: Mapping[str, Any]) -> str:
    if isinstance(data, dict):
        known = returns.get("properties") or {}
        rows = [{"key": key, "value": cell(key, data[key], style, known)} for key in sorted(data)]
        return table(["key", "value"], [[row["key"], row["value"]] for row in rows], style)
    if isinstance(data, list):
        if not data:
            return ""
        if not all(isinstance(row, dict) for row in data):
            return "".join(f"{cell('', row, style, {})}\n" for row in data)
        known = (returns.get("items") or {}).get("properties") or {}
        names = columns(data, known)
        return table(names, [[cell(n, row.get(n), style, known) for n in names] for row in data], style)
    return f"{data}\n"


def columns(rows: list[dict[str, Any]], known: Mapping[str, Any]) -> list[str]:
    """Names of columns: required fields of the schema first, then all others that occur, each group sorted."""
    present = {key for row in rows for key in row}
    first = sorted(k for k in known if k in present and not known[k].get("optional"))
    return first + sorted(present - set(first))


def cell(name: str, value: Any, style: Style, known: Mapping[str, Any]) -> str:
    """One value as text on one line."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    if isinstance(value, bool):
        return str(int(value))
    renderer = (known.get(name) or {}).get("renderer") or _RENDERERS.get(name, "")
    if style.human and renderer in render.RENDERERS and isinstance(value, int | float):
        return render.RENDERERS[renderer](value)
    return str(value).rstrip("\n")


def table(names: list[str], rows: list[list[str]], style: Style) -> str:
    """A table; cells of several lines take several lines."""
    cells = [[text.split("\n") for text in row] for row in rows]
    head = [[name] for name in names]
    shown = [head, *cells] if style.header else cells
    widths = [max((len(line) for row in shown for line in row[n]), default=0) for n in range(len(names))]
    lines = ("│ ", " │ ", " │") if style.border else ("", " ", "")

    def ruler(left: str, fill: str, cross: str, right: str) -> str:
        return left + cross.join(fill * (width + 2) for width in widths) + right + "\n" if style.border else ""

    def block(row: list[list[str]]) -> str:
        height = max(len(texts) for texts in row)
        out = ""
        for at in range(height):
            parts = [(t[at] if at < len(t) else "").ljust(w) for t, w in zip(row, widths, strict=True)]
            out += (lines[0] + lines[1].join(parts) + lines[2]).rstrip() + "\n"
        return out

    out = ruler("┌", "─", "┬", "┐")
    if style.header:
        out += block(head) + ruler("╞", "═", "╪", "╡")
    return out + ruler("├", "─", "┼", "┤").join(block(row) for row in cells) + ruler("└", "─", "┴", "┘")
