"""The indexes of guests name all that is served below them, and nothing else."""

from __future__ import annotations

import pytest

from hostd.api.endpoint import collect
from hostd.daemons.api_wiring import ENDPOINT_MODULES
from tests.unit.api.conftest import Site

INDEXES = [f"/nodes/{{node}}/{kind}/{{vmid}}{below}" for kind in ("qemu", "lxc") for below in ("", "/status")]


@pytest.mark.parametrize("path", INDEXES)
def test_an_index_names_what_is_below_it(site: Site, path: str) -> None:
    served = {
        e.path.removeprefix(f"{path}/").partition("/")[0] for e in collect(ENDPOINT_MODULES) if f"{path}/" in e.path
    }
    answer = site.get(path.format(node="alpha", vmid=100))
    assert {row["subdir"] for row in answer.json["data"]} == served
