"""Faults find planted mistakes, and nothing where there is none."""

from __future__ import annotations

import pytest

from tests.simulation_ha.faults import simulate
from tests.simulation_ha.planted import MISTAKES, first_caught


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_caught(name: str) -> None:
    assert first_caught(MISTAKES[name], range(1, 200)), f"no run shows: {name}"


@pytest.mark.parametrize("name", MISTAKES)
def test_the_same_runs_are_well_without_the_mistake(name: str) -> None:
    for seed in range(1, 20):
        assert not simulate(seed, faults=MISTAKES[name].faults).broken


def test_a_seed_replays_the_same_run() -> None:
    assert simulate(7) == simulate(7)
