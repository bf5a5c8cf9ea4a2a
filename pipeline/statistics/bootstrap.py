"""Bootstrap intervals of figures that were measured in runs: runs are resampled first, requests inside them.

Requests of one run are not independent: they share its minute, its machine, its neighbours. A resample
therefore draws as many runs as there were, with replacement, and inside each as many requests as it had. A
request's share in a resample is a count, so a percentile is a place in cumulated counts and nothing is sorted
twice. Of many requests no counts are drawn (`pooled`).

Few runs say little about how runs differ: with three, the bare percentile interval holds the true value in
three of four cases. `stretched` widens it as Student's t does, by the degrees of freedom that the spread
between and inside runs leaves (Satterthwaite). One run says nothing about it, so there is no interval.
The figure that an interval is about is the one that more such runs would give; far percentiles of runs that
differ more than their requests do rest on the slowest run alone, and no interval mends that.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.pooled import Pooled, Resamples

Floats = NDArray[np.float64]
Counts = NDArray[np.signedinteger]

RESAMPLES = 10_000
MOST_COUNTED = 1_000
"""Of more requests, no request's share in a resample is drawn (see `pooled`)."""
RESAMPLES_OF_RUNS = 2_000
SEED = 20_261_101
CONFIDENCE = 0.95
CELLS = 2**20  # of a block of counts: small enough for a processor's cache
STEP, FEW = 16, 250
"""Requests whose counts are added up at once, and one by one where a rank lies; all of FEW one by one."""

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
    resampled = (_counted if is_counted else _pooled)(values, sizes, quantiles, resamples)
    found = np.empty((*shape, 2))
    for row, (estimates, both, of_runs) in enumerate(resampled):
        for column, estimate in enumerate(estimates):
            found[row, column] = stretched(estimate, both[column], of_runs[column], len(sizes), sum(sizes))
    return found


_Resampled = tuple[Floats, Floats, Floats]
"""Figures of a quantity: [figure] as measured, [figure, resample] of runs and requests, and of runs alone."""


def _counted(values: Floats, sizes: Sequence[int], quantiles: Sequence[float], resamples: int) -> list[_Resampled]:
    """By how often each request is in each resample, which all quantities share."""
    blocks, drawn, of = _shared(tuple(sizes), resamples)
    whole, once = np.repeat(drawn, sizes, axis=0), np.ones((sum(sizes), 1), np.int32)
    return [
        (
            figures(sample, once, quantiles)[:, 0],
            np.concatenate([figures(sample, counts, quantiles) for counts in blocks], axis=1),
            figures(sample, whole, quantiles)[:, of],
        )
        for sample in values
    ]


@lru_cache(maxsize=4)
def _shared(sizes: tuple[int, ...], resamples: int) -> tuple[list[Counts], Counts, NDArray[np.intp]]:
    """Resamples of runs of these sizes, in blocks; those of runs alone, and which of them each is.

    Kept for the next quantities: targets of a night have runs of the same sizes.
    """
    rng = np.random.default_rng(SEED)
    blocks = list(_resamples(rng, sizes, resamples))
    drawn, of = np.unique(_drawn_runs(rng, len(sizes), RESAMPLES_OF_RUNS), axis=1, return_inverse=True)
    return blocks, drawn, of


def _pooled(
    values: Floats, sizes: Sequence[int], quantiles: Sequence[float], resamples: int
) -> Iterator[_Resampled]:
    """Of each quantity by itself. Resamples of runs alone are of the same runs, so that requests alone differ."""
    once, drawn = np.ones((len(sizes), 1), np.int32), _runs(len(sizes), resamples)
    for sample in values:
        pooled = Pooled(sample, sizes)
        of_requests = pooled.of_requests(np.random.default_rng((SEED, 1)), drawn, quantiles)
        of_runs = drawn.each(pooled.of_runs(drawn.times, quantiles))
        yield pooled.of_runs(once, quantiles)[:, 0], of_requests, of_runs


@lru_cache(maxsize=4)
def _runs(runs: int, resamples: int) -> Resamples:
    """Resamples of so many runs."""
    rng = np.random.default_rng(SEED)
    return Resamples.of(rng, _drawn_runs(rng, runs, resamples))


def figures(values: Floats, counts: Counts, quantiles: Sequence[float]) -> Floats:
    """Mean and linearly interpolated quantiles of resamples; `counts` has a row a request, a column a resample."""
    order = np.argsort(values, kind="stable")
    ranks = _Ranks(counts, order)
    mean = np.einsum("i,ij->j", values, counts) / ranks.total
    return np.stack([mean, *(_quantile(values[order], ranks, q) for q in quantiles)])


class _Ranks:
    """Where a rank lies among the requests in `order`: their counts are added up in steps, and singly in one step.

    `total`: requests of each resample.
    """

    def __init__(self, counts: Counts, order: NDArray[np.intp]) -> None:
        self._counts, self._order = counts, order
        self._step = STEP if order.size > FEW else 1
        starts = range(0, order.size, self._step)
        self._before = np.zeros((len(starts) + 1, counts.shape[1]), counts.dtype)  # of each step
        for (above, row), start in zip(pairwise(self._before), starts, strict=True):  # faster than numpy's cumsum
            np.add.reduce(counts[order[start : start + self._step]], axis=0, out=row, dtype=counts.dtype)
            np.add(row, above, out=row)
        self.total = self._before[-1].astype(np.int64)

    def around(self, k: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The places in the order of rank `k` of each resample, and of the next rank where there is one."""
        width, columns = k.size, np.arange(k.size)
        step = _first_above(self._before[1:], k)
        before = self._before.take(step * width + columns)
        places = step * self._step + np.arange(self._step)[:, None]
        rows = self._order.take(places, mode="clip")  # behind the last there is nothing to be found
        counts = self._counts.take(rows * width + columns)
        for above, row in pairwise(counts):
            np.add(row, above, out=row)
        inside = np.add.reduce(counts <= (k - before).astype(counts.dtype), axis=0, dtype=np.int8)
        at = places[0] + inside
        up_to = before + counts.take(inside * np.intp(width) + columns)
        return at, self._next(at, np.flatnonzero((up_to == k + 1) & (up_to < self.total)))

    def _next(self, at: NDArray[np.intp], apart: NDArray[np.intp]) -> NDArray[np.intp]:
        """The same places; of resamples that are `apart`, that of the next request which is in them."""
        found, width = at.copy(), at.size
        while apart.size:
            found[apart] += 1
            apart = apart[self._counts.take(self._order[found[apart]] * width + apart) == 0]
        return found


def _quantile(ordered: Floats, ranks: _Ranks, quantile: float) -> Floats:
    place = (ranks.total - 1) * quantile
    below = np.floor(place).astype(np.int64)
    low, high = (ordered[places] for places in ranks.around(below))
    inside: Floats = low + (place - below) * (high - low)
    return inside


def _first_above(cumulated: Counts, k: NDArray[np.int64]) -> NDArray[np.intp]:
    """The first row above `k`, by bisection in each column."""
    rows, width = cumulated.shape
    flat, columns = cumulated.ravel(), np.arange(width)
    low, high = np.zeros(width, np.intp), np.full(width, rows - 1)
    for _ in range(rows.bit_length()):
        middle = (low + high) >> 1
        is_below = flat.take(middle * width + columns) <= k
        low, high = np.where(is_below, middle + 1, low), np.where(is_below, high, middle)
    return low


def _resamples(rng: np.random.Generator, sizes: Sequence[int], resamples: int) -> Iterator[Counts]:
    """Blocks of resamples: how often each request is in each."""
    block = max(1, CELLS // sum(sizes))
    for start in range(0, resamples, block):
        times = _drawn_runs(rng, len(sizes), min(block, resamples - start))
        most = int((np.array(sizes) @ times).max())
        kind = np.int16 if most <= np.iinfo(np.int16).max else np.int32  # of half the size, where sums fit in
        counts = np.empty((sum(sizes), times.shape[1]), kind)
        for size, end, of_run in zip(sizes, np.cumsum(sizes), times, strict=True):
            counts[end - size : end] = _drawn_requests(rng, size, of_run)
        yield counts


def _drawn_runs(rng: np.random.Generator, runs: int, resamples: int) -> Counts:
    """How often each run (row) is in each resample (column)."""
    return rng.multinomial(runs, np.full(runs, 1 / runs), size=resamples).T.astype(np.int32)


def _drawn_requests(rng: np.random.Generator, size: int, times: Counts) -> Counts:
    """How often each request of a run (row) is in each resample (column) that holds the run so many times."""
    copies = np.repeat(np.arange(times.size), times)
    cells = rng.integers(0, size, (copies.size, size))
    cells += (copies * size)[:, None]  # a resample's requests side by side: what is counted lies in the cache
    return np.bincount(cells.ravel(), minlength=times.size * size).reshape(-1, size).T


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
