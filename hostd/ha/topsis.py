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
Columns = tuple[list[float], list[float]]  # of situations: means, peaks


def criteria(cpus: Sequence[float], memory: Sequence[float]) -> Row:
    """Criteria of one situation from the load of each node (fractions of its capacity); smaller is better."""
    return (1 + _rms(cpus), 1 + max(cpus), 1 + _rms(memory), 1 + max(memory))


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(sum([value * value for value in values]) / len(values))


class Standing:
    """The load of each node as it is, to be asked what criteria it gives with a few of them changed.

    An answer takes the same time for any number of nodes. Who has the same load as another gets the same digits. One
    branch in place of max() here and there: this is asked for every guest and node.
    """

    def __init__(self, loads: Sequence[float]) -> None:
        self._loads = loads
        self._squares = sum([load * load for load in loads])
        self._peaks = [*sorted(loads, reverse=True), 0.0, 0.0][:3]  # two changes leave the highest of the others

    def each_changed(self, instead: Sequence[float]) -> Columns:
        """Criteria of as many situations as nodes: in each, one node's load is what ``instead`` has."""
        first, second, _ = self._peaks
        return self._changed(self._squares, first, second, self._loads, instead)

    def each_moved(self, one: float, left: float, others: Sequence[float], there: Sequence[float]) -> Columns:
        """Criteria of as many situations as ``others``: one node's load is ``left``, another one's what it is there."""
        first, second, third = self._peaks
        if one == first:
            first, second = second, third
        elif one == second:
            second = third
        squares = self._squares + left * left - one * one
        return self._changed(squares, max(first, left), max(second, left), others, there, highest=first)

    def _changed(
        self,
        squares: float,
        first: float,
        second: float,
        before: Sequence[float],
        after: Sequence[float],
        *,
        highest: float | None = None,
    ) -> Columns:
        """``first``: the peak of the others while none of them is the ``highest`` (None: itself), else ``second``."""
        highest, count = first if highest is None else highest, len(self._loads)
        pairs = list(zip(before, after, strict=True))
        sums = [squares + (new * new - old * old) for old, new in pairs]
        means = [1 + math.sqrt(total / count) if total > 0.0 else 1.0 for total in sums]
        peaks = [1 + (new if new > (rest := second if old == highest else first) else rest) for old, new in pairs]
        return means, peaks


def scores(columns: Sequence[Sequence[float]]) -> list[float]:
    """A score from 0 to 1 for each alternative, from the values of all for each criterion in the order of ``WEIGHTS``.

    Values are to be small; the highest score is the best.
    """
    scaled, best, worst = [], [], []
    for column, weight in zip(columns, WEIGHTS, strict=True):
        factor = weight / (math.hypot(*column) or 1.0)
        scaled.append([value * factor for value in column])
        best.append(min(column) * factor)
        worst.append(max(column) * factor)
    rows = list(zip(*scaled, strict=True))
    near, far = [math.dist(row, best) for row in rows], [math.dist(row, worst) for row in rows]
    return [there / (here + there) if here + there else 0.0 for here, there in zip(near, far, strict=True)]
