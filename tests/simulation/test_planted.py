"""The simulation notices what it is there for: every planted mistake is caught, and the real code is not blamed."""

from __future__ import annotations

import pytest

from tests.simulation.planted import MISTAKES
from tests.simulation.world import simulate

RUNS = 400


@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistake_is_caught(mistake: str) -> None:
    planted, patched = MISTAKES[mistake]
    with patched():
        assert any(simulate(seed, planted).broken for seed in range(RUNS)), f"{RUNS} runs did not notice: {mistake}"


def test_a_seed_says_everything() -> None:
    assert simulate(5) == simulate(5)
