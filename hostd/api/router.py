"""Paths to endpoints: a tree of segments; a fixed segment wins over a parameter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hostd.api.endpoint import Endpoint


@dataclass
class _Branch:
    fixed: dict[str, _Branch] = field(default_factory=dict)
    parameter: _Branch | None = None
    name: str = ""
    greedy: bool = False
    methods: dict[str, Endpoint] = field(default_factory=dict)


class Router:
    """``match`` looks a path up; empty segments do not count."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Branch()
        for endpoint in endpoints:
            self._insert(endpoint)

    def _insert(self, endpoint: Endpoint) -> None:
        branch = self._root
        segments = [s for s in endpoint.path.split("/") if s]
        for number, segment in enumerate(segments):
            if not segment.startswith("{"):
                branch = branch.fixed.setdefault(segment, _Branch())
                continue
            if branch.parameter is None:
                branch.parameter = _Branch(name=segment[1:-1])
            branch = branch.parameter
            if branch.name != segment[1:-1]:
                raise TypeError(f"{endpoint.path}: the parameter is called {{{branch.name}}} in other paths")
            branch.greedy = branch.greedy or (endpoint.greedy and number == len(segments) - 1)
        branch.methods[endpoint.method] = endpoint

    def match(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """The endpoint with the values of its path parameters, or None."""
        found = _walk(self._root, [s for s in path.split("/") if s], {})
        if found is None or method not in found[0].methods:
            return None
        return found[0].methods[method], found[1]


def _walk(branch: _Branch, segments: list[str], values: dict[str, str]) -> tuple[_Branch, dict[str, str]] | None:
    if not segments:
        return (branch, values) if branch.methods else None
    head, rest = segments[0], segments[1:]
    if head in branch.fixed and (found := _walk(branch.fixed[head], rest, values)):
        return found
    if branch.parameter is None:
        return None
    below = branch.parameter
    if found := _walk(below, rest, {**values, below.name: head}):
        return found
    return (below, {**values, below.name: "/".join(segments)}) if below.greedy and rest else None
