"""TOPSIS: compare alternatives by several criteria, by their distance from the best and the worst value of each.

Source: conformance area ``ha``, section 8.3; Hwang and Yoon, "Multiple Attribute Decision Making" (1981).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

# Mean and peak of processor load, mean and peak of memory load; a node out of memory is worse than a busy one.
WEIGHTS: Final = tuple(weight / 18 for weight in (1.0, 2.0, 5.0, 10.0))


Row = tuple[float, float, float, float]


def criteria(cpus: Sequence[float], memory: Sequence[float]) -> Row:
    """Criteria of one situation from the load of each node (fractions of its capacity); smaller is better."""
    return (1 + _rms(cpus), 1 + max(cpus), 1 + _rms(memory), 1 + max(memory))


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(sum([value * value for value in values]) / len(values))


class Standing:
    """The load of each node as it is, to be asked what criteria it gives with a few of them changed.

    An answer takes the same time for any number of nodes. Who has the same load as another gets the same digits.
    """

    def __init__(self, loads: Sequence[float]) -> None:
        self._loads = loads
        self._squares = sum([load * load for load in loads])
        self._peaks = [*sorted(loads, reverse=True), 0.0, 0.0][:3]  # two changes leave the highest of the others

    def each_changed(self, instead: Sequence[float]) -> tuple[list[float], list[float]]:
        """Criteria (means, peaks) of as many situations as nodes: in each, one node's load is what ``instead`` has."""
        squares, count, first, second = self._squares, len(self._loads), self._peaks[0], self._peaks[1]
        pairs = list(zip(self._loads, instead, strict=True))
        means = [1 + math.sqrt(max(0.0, squares + after * after - before * before) / count) for before, after in pairs]
        others = [second if before == first else first for before in self._loads]
        return means, [1 + max(pair) for pair in zip(others, instead, strict=True)]

    def changed(self, one: float, one_after: float, other: float, other_after: float) -> tuple[float, float]:
        """Criteria (mean, peak) of one situation with two nodes' loads replaced."""
        squares = self._squares + one_after * one_after - one * one
        squares += other_after * other_after - other * other
        peak = self._highest_beside(one, other)
        # One branch each, in place of max(): this is asked for every guest and node.
        peak = one_after if one_after > peak else peak
        peak = other_after if other_after > peak else peak
        return 1 + math.sqrt(squares / len(self._loads) if squares > 0.0 else 0.0), 1 + peak

    def _highest_beside(self, one: float, other: float) -> float:
        first, second, third = self._peaks
        if one != first and other != first:
            return first
        if one == other:
            return third
        return third if (other if one == first else one) == second else second


def scores(columns: Sequence[Sequence[float]]) -> list[float]:
    """A score from 0 to 1 for each alternative, from the values of all for each criterion in the order of ``WEIGHTS``.

    Values are to be small; the highest score is the best.
    """
    near, far = [0.0] * len(columns[0]), [0.0] * len(columns[0])
    for column, weight in zip(columns, WEIGHTS, strict=True):
        norm = math.sqrt(sum([value * value for value in column])) or 1.0
        scaled = [value / norm for value in column]
        near = _added(near, scaled, min(scaled), weight)
        far = _added(far, scaled, max(scaled), weight)
    distances = [(math.sqrt(best), math.sqrt(worst)) for best, worst in zip(near, far, strict=True)]
    return [worst / (best + worst) if best + worst else 0.0 for best, worst in distances]


def _added(sums: Sequence[float], scaled: Sequence[float], end: float, weight: float) -> list[float]:
    """Squares of the weighted distances from one end, added to ``sums``."""
    return [one + (far := (value - end) * weight) * far for one, value in zip(sums, scaled, strict=True)]
