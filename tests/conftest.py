"""Shared by all suites: golden files, the shared facts, hypothesis without time limits (machines are loaded)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"

hypothesis.settings.register_profile("holdfast", deadline=None)
hypothesis.settings.load_profile("holdfast")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="rewrite golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden("domain/minimal.xml", text)``: equal to the file under tests/golden, or rewritten by --regenerate."""
    regenerate = request.config.getoption("--regenerate")

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if regenerate:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path} is missing; run pytest --regenerate and review it"
        assert text == path.read_text()

    return compare


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared facts (``HOLDFAST_SHARED``, or ``shared`` beside the checkout)."""
    path = Path(os.environ.get("HOLDFAST_SHARED") or ROOT.parent / "shared")
    if not (path / "conformance").is_dir():
        pytest.skip("shared facts are not here: set HOLDFAST_SHARED")
    return path
