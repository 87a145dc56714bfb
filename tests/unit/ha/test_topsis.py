from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.ha import topsis

LOADS = st.lists(st.floats(0, 4), min_size=1, max_size=6)


def test_the_best_of_all_criteria_scores_one_and_the_worst_none() -> None:
    assert topsis.scores([(1, 2, 3)] * 4) == pytest.approx([1.0, 0.5, 0.0])


def test_equal_alternatives_score_nothing() -> None:
    assert topsis.scores([(1,) * 3, (2,) * 3, (3,) * 3, (4,) * 3]) == [0.0, 0.0, 0.0]


def test_memory_counts_for_more_than_processors() -> None:
    busy, full = topsis.criteria([0.9, 0.1], [0.1, 0.1]), topsis.criteria([0.1, 0.1], [0.9, 0.1])
    better, worse = topsis.scores(list(zip(busy, full, strict=True)))
    assert better > worse


def test_criteria_of_two_nodes() -> None:
    assert topsis.criteria([3, 4], [0, 0]) == (1 + math.sqrt(12.5), 5, 1, 1)


@given(LOADS, LOADS)
def test_scores_are_parts_of_one(cpus: list[float], memory: list[float]) -> None:
    both = topsis.criteria(cpus, memory), topsis.criteria(memory, cpus)
    assert all(0 <= score <= 1 for score in topsis.scores(list(zip(*both, strict=True))))


@given(LOADS, st.data())
def test_a_standing_tells_the_criteria_with_each_load_changed(loads: list[float], data: st.DataObject) -> None:
    instead = data.draw(st.lists(st.floats(0, 4), min_size=len(loads), max_size=len(loads)))
    found = list(zip(*topsis.Standing(loads).each_changed(instead), strict=True))
    for place, load in enumerate(instead):
        changed = [*loads[:place], load, *loads[place + 1 :]]
        assert found[place] == pytest.approx(topsis.criteria(changed, [0])[:2], abs=1e-7)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.5, 2.0]), min_size=2, max_size=6), st.data())
def test_a_standing_tells_the_criteria_with_two_loads_changed(loads: list[float], data: st.DataObject) -> None:
    source, left = data.draw(st.integers(0, len(loads) - 1)), data.draw(st.floats(0, 4))
    others = [place for place in range(len(loads)) if place != source]
    there = data.draw(st.lists(st.floats(0, 4), min_size=len(others), max_size=len(others)))
    found = topsis.Standing(loads).each_moved(loads[source], left, [loads[place] for place in others], there)
    for number, (place, after) in enumerate(zip(others, there, strict=True)):
        instead = {source: left, place: after}
        changed = [instead.get(at, load) for at, load in enumerate(loads)]
        assert (found[0][number], found[1][number]) == pytest.approx(topsis.criteria(changed, [0])[:2], abs=1e-7)


def test_nodes_with_the_same_load_get_the_same_digits() -> None:
    means, peaks = topsis.Standing([0.1, 0.7, 0.3, 0.1]).each_changed([0.4, 0.7, 0.3, 0.4])
    assert (means[0], peaks[0]) == (means[3], peaks[3])
