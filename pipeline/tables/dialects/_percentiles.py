"""Percentiles as the tools compute them; on few values the rules give different figures.

A rule says which of the sorted values to look at, counting from 0; between two values it interpolates.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Percentile:
    """A rule: its name, and the position of a share among n sorted values."""

    name: str
    position: Callable[[int, float], float]


def _linear(n: int, share: float) -> float:
    return (n - 1) * share


def _inverse_cdf(n: int, share: float) -> float:
    return max(math.ceil(round(n * share, 9)) - 1, 0)


def _sorted_at(n: int, share: float) -> float:
    return min(int(round(n * share, 9)), n - 1)


def _exclusive(n: int, share: float) -> float:
    return (n + 1) * share - 1


LINEAR = Percentile("linear", _linear)
INVERSE_CDF = Percentile("inverse CDF", _inverse_cdf)
NEAREST_RANK = Percentile("nearest rank", _inverse_cdf)
SORTED_AT = Percentile("sorted[n * p]", _sorted_at)
EXCLUSIVE = Percentile("exclusive quantiles", _exclusive)
"""Those of Python's `statistics`, which lie beyond the largest value where values are few."""


def at(rule: Percentile, values: Sequence[float] | NDArray[np.float64], share: float) -> float:
    """The percentile of some values, sorted already, by a rule."""
    position = rule.position(len(values), share)
    low = max(min(math.floor(position), len(values) - 2), 0)
    high = min(low + 1, len(values) - 1)
    if position == high:  # the very value, not one that rounding makes of it
        return values[high]
    return values[low] + (values[high] - values[low]) * (position - low)
