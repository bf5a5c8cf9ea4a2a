"""Resamples of many requests, of which only that is drawn on which a figure rests.

`bootstrap` draws how often each request is in a resample. Here a quantile is found by bisection: of the requests
that a resample draws from a run, how many lie below the middle is binomial, and so on in the half that holds
the rank. What is never looked at is never drawn, and the quantile has the very distribution that it has among
resamples written out. A mean is drawn run by run: its farthest values one by one, the sum of the others from
its first three moments, which leaves out terms of the order of 1/n.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Counts: TypeAlias = NDArray[np.signedinteger]

Split: TypeAlias = Callable[[Counts, Counts, Counts], Counts]
"""Of draws from so many values, how many are of the first of these: (draws, values, first ones)."""

FARTHEST = 64  # Values of a run that its mean may hang on.


class _Node(NamedTuple):
    """Where a rank lies, resample by resample: from place `low` on and before `high`.

    `draws` [run, resample] lie there, and `below` [resample] before it.
    """

    low: Counts
    high: Counts
    draws: Counts
    below: Counts

    def where(self, chosen: NDArray[np.bool_]) -> "_Node":
        return _Node(self.low[chosen], self.high[chosen], self.draws[:, chosen], self.below[chosen])


class Pooled:
    """Values of all runs in order; `sizes` are the numbers of values of the runs, which lie side by side."""

    def __init__(self, values: Floats, sizes: Sequence[int]) -> None:
        self._runs = np.split(values, np.cumsum(sizes)[:-1])
        self._sizes = np.array(sizes, np.int64)
        order = np.argsort(values, kind="stable")
        self._ordered = values[order]
        of = np.repeat(np.arange(len(sizes)), sizes)[order]
        self._before = np.zeros((len(sizes), values.size + 1), np.int64)  # values of each run before a place
        for run, before in enumerate(self._before):
            np.cumsum(of == run, out=before[1:])

    def of_requests(self, rng: np.random.Generator, times: Counts, quantiles: Sequence[float]) -> Floats:
        """Mean and quantiles of resamples that hold each run (row) so many `times`, its requests drawn anew."""
        draws = times * self._sizes[:, None]
        sums = np.sum([_sum(rng, run, drawn) for run, drawn in zip(self._runs, draws, strict=True)], axis=0)
        return self._figures(
            sums, draws, quantiles, lambda drawn, values, first: _binomial(rng, drawn, first, values)
        )

    def of_runs(self, times: Counts, quantiles: Sequence[float]) -> Floats:
        """The same of resamples that hold each run so many times as it is."""
        sums: Floats = np.array([run.sum() for run in self._runs]) @ times
        draws = times * self._sizes[:, None]
        return self._figures(sums, draws, quantiles, lambda drawn, values, first: drawn // values * first)

    def _figures(self, sums: Floats, draws: Counts, quantiles: Sequence[float], split: Split) -> Floats:
        return np.stack([sums / draws.sum(0), *(self._quantile(draws, one, split) for one in quantiles)])

    def _quantile(self, draws: Counts, quantile: float, split: Split) -> Floats:
        """Linearly interpolated, between the value of a rank and the next."""
        place = (draws.sum(0) - 1) * quantile
        rank = np.floor(place).astype(np.int64)
        nothing = np.zeros_like(rank)
        whole = _Node(nothing, nothing + self._ordered.size, draws, nothing)
        at, behind = self._descend(whole, rank, split)
        low = high = self._ordered[at]
        is_apart = behind.low >= 0
        if is_apart.any():
            next_at, _ = self._descend(behind.where(is_apart), rank[is_apart] + 1, split)
            high = low.copy()
            high[is_apart] = self._ordered[next_at]
        inside: Floats = low + (place - rank) * (high - low)
        return inside

    def _descend(self, node: _Node, rank: Counts, split: Split) -> tuple[Counts, _Node]:
        """The place of the value of a rank, and the node of the next rank: `low` -1 where it has the same place."""
        low, high, draws, below = (part.copy() for part in node)
        behind = _Node(np.full_like(low, -1), high.copy(), draws.copy(), below.copy())
        while (is_open := high - low > 1).any():
            middle = np.where(is_open, (low + high) >> 1, high)
            start = self._before[:, low]
            inside = np.maximum(self._before[:, high] - start, 1)  # where a run has no value here, nor has it draws
            left = split(draws, inside, self._before[:, middle] - start)
            up_to = below + left.sum(0)
            is_left = rank < up_to
            is_apart = is_left & (rank + 1 == up_to) & ((draws - left).any(0))
            for kept, new in zip(behind, (middle, high, draws - left, up_to), strict=True):
                np.copyto(kept, new, where=is_apart)
            low, high = np.where(is_left, low, middle), np.where(is_left, middle, high)
            draws, below = np.where(is_left, left, draws - left), np.where(is_left, below, up_to)
        return low, behind


def _binomial(rng: np.random.Generator, draws: Counts, first: Counts, values: Counts) -> Counts:
    return rng.binomial(draws, first / values)


def _sum(rng: np.random.Generator, values: Floats, draws: Counts) -> Floats:
    """Sums of so many draws from the values of a run."""
    middle = values.mean()
    off = values - middle
    off = off[np.argsort(np.abs(off), kind="stable")]
    near, far = off[:-FARTHEST], off[-FARTHEST:]
    of_far = rng.binomial(draws, far.size / off.size)
    picks = far[rng.integers(0, far.size, of_far.sum())]
    sums: Floats = draws * middle + np.bincount(np.repeat(np.arange(draws.size), of_far), picks, draws.size)
    if near.size:
        sums += _sum_by_moments(rng, near, draws - of_far)
    return sums


def _sum_by_moments(rng: np.random.Generator, values: Floats, draws: Counts) -> Floats:
    """The same of values none of which stands out: normal, but for the third moment (Cornish and Fisher)."""
    middle, spread = values.mean(), values.std()
    z = rng.standard_normal(draws.size)
    third = ((values - middle) ** 3).mean() / spread**2 if spread > 0 else 0.0
    sums: Floats = draws * middle + np.sqrt(draws) * spread * z + np.where(draws > 0, third * (z**2 - 1) / 6, 0)
    return sums
