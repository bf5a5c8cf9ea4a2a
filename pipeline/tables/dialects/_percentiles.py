"""Percentiles as the tools compute them; on few values the rules give different figures.

A rule says which of the sorted values to look at, counting from 0; between two values it interpolates.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Percentile:
    """A rule: its name, and the position of a share among n sorted values (None: not given for so few)."""

    name: str
    position: Callable[[int, float], float | None]


def _linear(n: int, share: float) -> float:
    return (n - 1) * share


def _inverse_cdf(n: int, share: float) -> float:
    return max(math.ceil(n * share - 1e-9) - 1, 0)


def _truncated(n: int, share: float) -> float:
    return min(int(n * share + 1e-9), n - 1)


def _exclusive(n: int, share: float) -> float | None:
    return min(max((n + 1) * share - 1, 0), n - 1) if n > 1 else None


LINEAR = Percentile("linear interpolation", _linear)
INVERSE_CDF = Percentile("inverse CDF", _inverse_cdf)
NEAREST_RANK = Percentile("nearest rank", _inverse_cdf)
SORTED_AT = Percentile("sorted[n * p]", _truncated)
EXCLUSIVE = Percentile("exclusive quantiles", _exclusive)


def at(rule: Percentile, values: pl.Series, share: float) -> float | None:
    """The percentile of some values by a rule; None where it gives none."""
    if values.is_empty() or (position := rule.position(len(values), share)) is None:
        return None
    ordered = values.sort()
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (position - low))
