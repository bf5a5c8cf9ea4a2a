"""Bootstrap intervals of figures that were measured in runs: runs are resampled first, requests inside them.

Requests of one run are not independent: they share its minute, its machine, its neighbours. A resample
therefore draws as many runs as there were, with replacement, and inside each as many requests as it had. A
request's share in a resample is a count, so a percentile is a place in cumulated counts and nothing is sorted
twice. Of very many requests not even all counts are drawn (`descent`).

Few runs say little about how runs differ: with three, the bare percentile interval holds the true value in
three of four cases. `stretched` widens it as Student's t does, by the degrees of freedom that the spread
between and inside runs leaves (Satterthwaite). One run says nothing about it, so there is no interval.
The figure that an interval is about is the one that more such runs would give; far percentiles of runs that
differ more than their requests do rest on the slowest run alone, and no interval mends that.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.descent import Pooled

Floats = NDArray[np.float64]
Counts = NDArray[np.int32]

RESAMPLES = 10_000
MOST_COUNTED = 2_000
"""Of more requests, not every one's share in every resample is drawn (see `descent`)."""
RESAMPLES_OF_RUNS = 2_000
SEED = 20_261_101
CONFIDENCE = 0.95
CELLS = 2**20  # of a block of counts: small enough for a processor's cache

_TAIL = (1 - CONFIDENCE) / 2
_NORMAL = NormalDist().inv_cdf(1 - _TAIL)
_STUDENT = {
    1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 6: 2.4469, 8: 2.3060, 10: 2.2281, 15: 2.1314,
    20: 2.0860, 30: 2.0423, 60: 2.0003,
}  # fmt: skip


def intervals(
    values: Floats, sizes: Sequence[int], quantiles: Sequence[float], resamples: int = RESAMPLES
) -> Floats:
    """95 % intervals of the mean and of `quantiles`, for several quantities of the same requests.

    `values` has a row a quantity and a column a request, the requests of one run side by side; `sizes` are the
    numbers of requests of the runs. Returns [quantity, (mean, *quantiles), (low, high)]; NaN with one run.
    """
    shape = (len(values), 1 + len(quantiles))
    if len(sizes) < 2:
        return np.full((*shape, 2), np.nan)
    is_counted = sum(sizes) <= MOST_COUNTED
    resampled = (_counted if is_counted else _descended)(values, sizes, quantiles, resamples)
    found = np.empty((*shape, 2))
    for row, (estimates, both, of_runs) in enumerate(resampled):
        for column, estimate in enumerate(estimates):
            found[row, column] = stretched(estimate, both[column], of_runs[column], len(sizes), sum(sizes))
    return found


_Resampled = tuple[Floats, Floats, Floats]
"""Figures of a quantity: [figure] as measured, [figure, resample] of runs and requests, and of runs alone."""


def _counted(values: Floats, sizes: Sequence[int], quantiles: Sequence[float], resamples: int) -> list[_Resampled]:
    """By how often each request is in each resample, which all quantities share."""
    rng = np.random.default_rng(SEED)
    both = np.empty((len(values), 1 + len(quantiles), resamples))
    for at, counts in _resamples(rng, sizes, resamples):
        for row, sample in enumerate(values):
            both[row, :, at] = figures(sample, counts, quantiles)
    drawn, of = np.unique(_drawn_runs(rng, len(sizes), RESAMPLES_OF_RUNS), axis=1, return_inverse=True)
    whole, once = np.repeat(drawn, sizes, axis=0), np.ones((sum(sizes), 1), np.int32)
    return [
        (figures(sample, once, quantiles)[:, 0], of_both, figures(sample, whole, quantiles)[:, of])
        for sample, of_both in zip(values, both, strict=True)
    ]


def _descended(
    values: Floats, sizes: Sequence[int], quantiles: Sequence[float], resamples: int
) -> Iterator[_Resampled]:
    """Of each quantity by itself, with what its figures rest on."""
    once = np.ones((len(sizes), 1), np.int32)
    for sample in values:
        rng, pooled = np.random.default_rng(SEED), Pooled(sample, sizes)
        both = pooled.of_requests(rng, _drawn_runs(rng, len(sizes), resamples), quantiles)
        of_runs = pooled.of_runs(_drawn_runs(rng, len(sizes), RESAMPLES_OF_RUNS), quantiles)
        yield pooled.of_runs(once, quantiles)[:, 0], both, of_runs


def figures(values: Floats, counts: Counts, quantiles: Sequence[float]) -> Floats:
    """Mean and linearly interpolated quantiles of resamples; `counts` has a row a request, a column a resample."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    cumulated = counts[order]
    for above, row in pairwise(cumulated):  # four times as fast as numpy's cumsum along this axis
        np.add(row, above, out=row)
    total = cumulated[-1]
    mean = np.einsum("i,ij->j", values, counts) / total
    return np.stack([mean, *(_quantile(ordered, cumulated, total, q) for q in quantiles)])


def _quantile(ordered: Floats, cumulated: Counts, total: Counts, quantile: float) -> Floats:
    place = (total - 1) * quantile
    below = np.floor(place).astype(np.int32)
    low = ordered[_first_above(cumulated, below)]
    high = ordered[_first_above(cumulated, np.minimum(below + 1, total - 1))]
    inside: Floats = low + (place - below) * (high - low)
    return inside


def _first_above(cumulated: Counts, k: Counts) -> NDArray[np.intp]:
    """Row of the value of rank `k`, by bisection in each column."""
    rows, width = cumulated.shape
    flat, columns = cumulated.ravel(), np.arange(width)
    low, high = np.zeros(width, np.intp), np.full(width, rows - 1)
    for _ in range(rows.bit_length()):
        middle = (low + high) >> 1
        is_below = flat.take(middle * width + columns) <= k
        low, high = np.where(is_below, middle + 1, low), np.where(is_below, high, middle)
    return low


def _resamples(rng: np.random.Generator, sizes: Sequence[int], resamples: int) -> Iterator[tuple[slice, Counts]]:
    """Blocks of resamples: their place, and how often each request is in each."""
    block = max(1, CELLS // sum(sizes))
    for start in range(0, resamples, block):
        width = min(block, resamples - start)
        times = _drawn_runs(rng, len(sizes), width)
        parts = [_drawn_requests(rng, size, times[run]) for run, size in enumerate(sizes)]
        yield slice(start, start + width), np.concatenate(parts)


def _drawn_runs(rng: np.random.Generator, runs: int, resamples: int) -> Counts:
    """How often each run (row) is in each resample (column)."""
    return rng.multinomial(runs, np.full(runs, 1 / runs), size=resamples).T.astype(np.int32)


def _drawn_requests(rng: np.random.Generator, size: int, times: Counts) -> Counts:
    """How often each request of a run (row) is in each resample (column) that holds the run so many times."""
    copies = np.repeat(np.arange(times.size), times)
    picks = rng.integers(0, size, (copies.size, size))
    cells = picks * times.size + copies[:, None]
    return np.bincount(cells.ravel(), minlength=size * times.size).reshape(size, -1).astype(np.int32)


def stretched(estimate: float, both: Floats, of_runs: Floats, runs: int, n: int) -> tuple[float, float]:
    """The percentile interval of resamples `both`, widened for few runs.

    `of_runs` are resamples of runs alone, n the requests. Positive quantities are widened by a factor and stay
    positive.
    """
    if estimate > 0 and both.min() > 0 and of_runs.min() > 0:
        low, high = widened(np.log(estimate), np.log(both), np.log(of_runs), runs, n)
        return float(np.exp(low)), float(np.exp(high))
    return widened(estimate, both, of_runs, runs, n)


def widened(estimate: float, both: Floats, of_runs: Floats, runs: int, n: int) -> tuple[float, float]:
    """The same for quantities of either sign."""
    factor = _factor(float(both.var()), float(of_runs.var()), runs, n)
    low, high = np.quantile(both, (_TAIL, 1 - _TAIL))
    return float(estimate - factor * max(estimate - low, 0)), float(estimate + factor * max(high - estimate, 0))


def _factor(total: float, between: float, runs: int, n: int) -> float:
    """How much wider than its resamples say an interval must be."""
    inside = max(total - between, 0) if n > runs else 0
    unbiased = between * runs / (runs - 1)
    whole = unbiased + inside
    likely = unbiased * (runs + 1) / (runs - 1)  # most draws of few runs show less than the true spread
    per_freedom = likely**2 / (runs - 1) + (inside**2 / (n - runs) if n > runs else 0)
    if per_freedom == 0 or total == 0:  # values that do not vary, whatever rounding makes of the spread of rounds
        return 1.0
    freedom = max((likely + inside) ** 2 / per_freedom, runs - 1)
    return float(student(freedom) / _NORMAL * np.sqrt(whole / total))


def student(freedom: float) -> float:
    """97.5 % point of Student's t, interpolated in a table (scipy would be the only need for it here)."""
    inverse = [0, *sorted(1 / known for known in _STUDENT)]
    logs = [np.log(_NORMAL), *(np.log(_STUDENT[known]) for known in sorted(_STUDENT, reverse=True))]
    return float(np.exp(np.interp(1 / freedom, inverse, logs)))
