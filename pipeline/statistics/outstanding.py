"""Sums of many draws, which hang on the values that stand out.

Those are drawn one by one. The sum of the others has the first four cumulants of theirs, and is normal but for them
(`expansion`): no value's distance from the middle is more than `STANDS_OUT` of its spread.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.statistics import expansion
from pipeline.statistics.descent import Counts
from pipeline.statistics.expansion import Floats

STANDS_OUT = 0.25


def sums(rng: np.random.Generator, runs: Sequence[Floats], draws: Counts, z: Floats) -> Floats:
    """Sums of so many `draws` [run, resample] from the values of runs; `z` are standard normal numbers."""
    of_outstanding, cumulants = np.zeros(z.size), np.zeros((4, z.size))
    for values, drawn in zip(runs, draws, strict=True):
        near, far = _apart(values)
        if far.size:
            of_far = rng.binomial(drawn, far.size / values.size)
            picks = far[rng.integers(0, far.size, of_far.sum())]
            of_outstanding += np.bincount(np.repeat(np.arange(z.size), of_far), picks, z.size)
        else:
            of_far = np.zeros_like(drawn)
        if near.size:
            cumulants += np.outer(_of_one(near), drawn - of_far)
    return of_outstanding + expansion.number(z, cumulants)


def _apart(values: Floats) -> tuple[Floats, Floats]:
    """Values none of which stands out, and those that do."""
    squares = (values - np.median(values)) ** 2
    order = np.argsort(squares, kind="stable")
    is_near = squares[order] <= STANDS_OUT**2 * np.cumsum(squares[order])
    near = int(np.flatnonzero(is_near)[-1]) + 1 if is_near.any() else 0
    return values[order[:near]], values[order[near:]]


def _of_one(values: Floats) -> Floats:
    """The first four cumulants of one draw."""
    mean = values.mean()
    off = values - mean
    squares = off * off
    second, third, fourth = squares.mean(), squares @ off / off.size, squares @ squares / off.size
    return np.array([mean, second, third, fourth - 3 * second**2])
