"""The declared methods as commands see them, read from the file that the package build wrote from the declarations.

A command starts in the time that reading this takes; importing every declaration would take ten times as long.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hostd.core.errors import Unavailable

FILE = "/usr/share/hostd/methods.json"
Schema = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method of the API. ``verb`` is GET, POST, PUT or DELETE; ``greedy``: its last parameter takes slashes."""

    verb: str
    path: str
    doc: str
    parameters: Mapping[str, Schema]
    returns: Schema
    greedy: bool = False

    @cached_property
    def in_path(self) -> list[str]:
        return [s[1:-1] for s in self.path.split("/") if s.startswith("{")]

    @cached_property
    def properties(self) -> dict[str, Schema]:
        """Parameters by wire name, numbered ones one by one."""
        found: dict[str, Schema] = {}
        for name, schema in self.parameters.items():
            if name.endswith("[n]"):
                first, last = schema.get("indices", (0, 0))
                found |= {f"{name[:-3]}{n}": schema for n in range(first, last + 1)}
            else:
                found[name] = schema
        return found

    def target(self, values: dict[str, object]) -> str:
        """The path with its parameters filled in, which are taken from ``values``."""
        path = self.path
        for name in self.in_path:
            path = path.replace(f"{{{name}}}", str(values.pop(name)))
        return path


class Methods:
    """All methods by verb and path."""

    def __init__(self, dump: Iterable[Mapping[str, Any]]) -> None:
        found = [
            Method(
                verb=m["method"],
                path=m["path"],
                doc=m.get("description", ""),
                parameters=m["parameters"],
                returns=m["returns"],
                greedy=bool(m.get("greedy")),
            )
            for m in dump
        ]
        self.all = sorted(found, key=lambda m: (m.path, m.verb))
        self._by_key = {(m.verb, m.path): m for m in found}

    @classmethod
    def load(cls, path: str = "") -> Methods:
        """From the file; Unavailable when it is not there."""
        place = Path(path or os.environ.get("HOSTD_METHODS", FILE))
        try:
            return cls(json.loads(place.read_bytes())["methods"])
        except OSError as err:
            raise Unavailable(f"cannot read the list of methods ({err}); reinstall the package hostd") from err

    def get(self, verb: str, template: str) -> Method | None:
        return self._by_key.get((verb, template))

    @cached_property
    def templates(self) -> list[str]:
        return sorted({m.path for m in self.all})

    def match(self, path: str) -> dict[str, tuple[Method, dict[str, str]]]:
        """The methods of a path by verb, with the values of its parameters; fixed segments win."""
        segments = [s for s in path.split("/") if s]
        fitting = [(len(values), t) for t in self.templates if (values := self._fit(t, segments)) is not None]
        if not fitting:
            return {}
        # whole segments before greedy ones, then the template with the fewest parameters
        exact = [(n, t) for n, t in fitting if t.count("/") == len(segments)]
        template = min(exact or fitting)[1]
        values = self._fit(template, segments) or {}
        return {m.verb: (m, values) for m in self.all if m.path == template}

    def _fit(self, template: str, segments: list[str]) -> dict[str, str] | None:
        return _values([s for s in template.split("/") if s], segments, greedy=template in self._greedy)

    @cached_property
    def _greedy(self) -> set[str]:
        return {m.path for m in self.all if m.greedy}

    def below(self, path: str) -> list[str]:
        """Names of the segments under a path, parameters as ``{name}``."""
        segments = [s for s in path.split("/") if s]
        found = set()
        for template in self.templates:
            parts = [s for s in template.split("/") if s]
            if len(parts) > len(segments) and _values(parts[: len(segments)], segments, greedy=False) is not None:
                found.add(parts[len(segments)])
        return sorted(found)


def _values(parts: list[str], segments: list[str], *, greedy: bool) -> dict[str, str] | None:
    """Values of the parameters if the segments fit; the last parameter may take several."""
    if len(segments) < len(parts) or (not parts and segments):
        return None
    if len(segments) > len(parts) and not (greedy and parts and parts[-1].startswith("{")):
        return None
    values: dict[str, str] = {}
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        segment = "/".join(segments[number:]) if last else segments[number]
        if part.startswith("{"):
            values[part[1:-1]] = segment
        elif part != segment:
            return None
    return values
