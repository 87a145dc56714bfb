from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from hostd.ha import topsis

LOADS = st.lists(st.floats(0, 4), min_size=1, max_size=6)


def test_the_best_row_of_all_columns_scores_one_and_the_worst_none() -> None:
    assert topsis.scores([(1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3)]) == [1.0, 0.5, 0.0]


def test_equal_rows_score_nothing() -> None:
    assert topsis.scores([(1, 2, 3, 4)] * 3) == [0.0, 0.0, 0.0]


def test_memory_counts_for_more_than_processors() -> None:
    busy, full = topsis.criteria([0.9, 0.1], [0.1, 0.1]), topsis.criteria([0.1, 0.1], [0.9, 0.1])
    better, worse = topsis.scores([busy, full])
    assert better > worse


def test_criteria_of_two_nodes() -> None:
    assert topsis.criteria([3, 4], [0, 0]) == (1 + math.sqrt(12.5), 5, 1, 1)


@given(LOADS, LOADS)
def test_scores_are_parts_of_one(cpus: list[float], memory: list[float]) -> None:
    found = topsis.scores([topsis.criteria(cpus, memory), topsis.criteria(memory, cpus)])
    assert all(0 <= score <= 1 for score in found)
