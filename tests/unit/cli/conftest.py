"""Commands on a host of a test's own: its API behind them, what they print remembered."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from hostd.api.openapi import methods
from hostd.api.rootclient import Answer, decode
from hostd.cli.methods import Methods
from hostd.cli.program import Surroundings
from tests.unit.api.conftest import Site


@dataclass
class Shell:
    """Runs commands on a site; ``calls`` remembers what was asked of the API."""

    site: Site
    calls: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    scripted: dict[str, list[object]] = field(default_factory=dict)

    def call(self, method: str, path: str, parameters: Mapping[str, object]) -> Answer:
        self.calls.append((method, path, dict(parameters)))
        if self.scripted.get(f"{method} {path}"):
            return Answer(data=self.scripted[f"{method} {path}"].pop(0))
        place = "query_string" if method in ("GET", "DELETE") else "json"
        answer = self.site.call(method, path, **{place: dict(parameters)})
        return decode(answer.status_code, answer.status.partition(" ")[2], answer.data)

    def around(self) -> Surroundings:
        known = Methods(methods(self.site.api.endpoints))
        return Surroundings(call=self.call, methods=known, node="alpha", out=io.StringIO(), errors=io.StringIO())


@pytest.fixture
def shell() -> Shell:
    return Shell(Site({}))
