"""A running node, named by the environment: BASE_URL, HOLDFAST_USER, HOLDFAST_PASSWORD (``make dev`` prints them)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lib import tinylinux
from tests.lib.apiclient import Api
from tests.lib.inside import Inside
from tests.lib.rawhttp import Wire


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What changes the node at random comes last."""
    items.sort(key=lambda item: "test_schemathesis" in item.nodeid)


@pytest.fixture(scope="session")
def api() -> Api:
    if "BASE_URL" not in os.environ:
        pytest.skip("BASE_URL is not set: needs a running node (`make test-node` starts one)")
    return Api(os.environ["BASE_URL"], os.environ["HOLDFAST_USER"], os.environ["HOLDFAST_PASSWORD"])


@pytest.fixture(scope="session")
def inside() -> Inside:
    return Inside()


@pytest.fixture(scope="module")
def wire(api: Api) -> Iterator[Wire]:
    made = Wire(api)
    yield made
    made.close()


@pytest.fixture(scope="session")
def tiny_iso(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = Path(os.environ.get("HOLDFAST_CACHE", "/var/cache/holdfast"))
    return tinylinux.build_iso(tinylinux.kernel_package(cache), tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tinylinux.build_template(tmp_path_factory.mktemp("template"))
