"""TOPSIS: compare alternatives by several criteria, by their distance from the best and the worst value of each.

Source: conformance area ``ha``, section 8.3; Hwang and Yoon, "Multiple Attribute Decision Making" (1981).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

# Mean and peak of processor load, mean and peak of memory load; a node out of memory is worse than a busy one.
WEIGHTS: Final = tuple(weight / 18 for weight in (1.0, 2.0, 5.0, 10.0))


def criteria(cpus: Sequence[float], memory: Sequence[float]) -> tuple[float, float, float, float]:
    """Criteria of one situation from the load of each node (fractions of its capacity); smaller is better."""
    return (1 + _rms(cpus), 1 + max(cpus), 1 + _rms(memory), 1 + max(memory))


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(sum([value * value for value in values]) / len(values))


def scores(rows: Sequence[Sequence[float]], weights: Sequence[float] = WEIGHTS) -> list[float]:
    """A score from 0 to 1 for each row of criteria that are all to be small; the highest is the best."""
    columns = list(zip(*rows, strict=True))
    norms = [math.sqrt(sum(value * value for value in column)) or 1.0 for column in columns]
    best = [min(column) / norm for column, norm in zip(columns, norms, strict=True)]
    worst = [max(column) / norm for column, norm in zip(columns, norms, strict=True)]
    found = []
    axes = list(zip(norms, best, worst, weights, strict=True))
    for row in rows:
        near = far = 0.0
        for value, (norm, good, bad, weight) in zip(row, axes, strict=True):
            scaled = value / norm
            near += ((scaled - good) * weight) ** 2
            far += ((scaled - bad) * weight) ** 2
        to_best, to_worst = math.sqrt(near), math.sqrt(far)
        found.append(to_worst / (to_best + to_worst) if to_best + to_worst else 0.0)
    return found
