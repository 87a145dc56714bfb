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
    """``match`` looks a path up in steps of its depth; empty segments do not count."""

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
        values: dict[str, str] = {}
        found = _walk(self._root, [s for s in path.split("/") if s], 0, values)
        endpoint = found.methods.get(method) if found else None
        return (endpoint, values) if endpoint else None


def _walk(branch: _Branch, segments: list[str], at: int, values: dict[str, str]) -> _Branch | None:
    """The branch that the segments from ``at`` on lead to; fills ``values`` on the way back."""
    if at == len(segments):
        return branch if branch.methods else None
    head = segments[at]
    if (fixed := branch.fixed.get(head)) and (found := _walk(fixed, segments, at + 1, values)):
        return found
    below = branch.parameter
    if below is None:
        return None
    if found := _walk(below, segments, at + 1, values):
        values[below.name] = head
        return found
    if below.greedy and at + 1 < len(segments):
        values[below.name] = "/".join(segments[at:])
        return below
    return None
