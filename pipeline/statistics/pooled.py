"""Figures of resamples of many requests, without the resamples.

`bootstrap` draws how often each request is in a resample. Of many requests a figure asks for less:

* A quantile lies up to some place if enough of the draws do. How many do is a sum of binomial counts, one a run:
  so one normal number a resample tells the place (`expansion`). Where few lie on one side, they are drawn
  (`descent`).
* A mean hangs on values that stand out, which are drawn one by one, and on the sum of the others
  (`outstanding`).

Probabilities are right within 0.0002; 10,000 resamples leave 0.002 at the ends of an interval. Each figure has its
distribution by itself: the figures of one resample are not those of the same requests.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics import descent, expansion, outstanding
from pipeline.statistics.descent import Counts
from pipeline.statistics.expansion import Floats

Flags = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

LEAST_VARIANCE = 40.0
"""Of how many draws lie up to a place, for `expansion`. It changes by at most one a draw: 3 standard deviations
off, it is 20 at least."""
WIDEST = 7.0
"""Standard deviations of that number at which no place is looked for any more."""
COMMON = 32
"""Resamples that hold the same runs, from which on it is worked out once for all of them what lies up to places."""


class Resamples(NamedTuple):
    """Resamples of runs. Those that hold the same runs are of one kind, and stand side by side.

    `times` [run, kind]: how often they hold a run; `sizes` [kind]: how many they are; `z` [resample]: standard
    normal numbers, ascending in each kind.
    """

    times: Counts
    sizes: Counts
    z: Floats

    @classmethod
    def of(cls, rng: np.random.Generator, times: Counts) -> "Resamples":
        """Of `times` [run, resample]."""
        kinds, sizes = np.unique(times, axis=1, return_counts=True)
        z = rng.standard_normal((times.shape[1],))
        return cls(kinds, sizes, z[np.lexsort((z, np.repeat(np.arange(sizes.size), sizes)))])

    def each(self, of_kinds: NDArray[Scalar]) -> NDArray[Scalar]:
        """What there is a kind [..., kind], for each resample."""
        spread: NDArray[Scalar] = np.repeat(of_kinds, self.sizes, axis=-1)
        return spread

    def where(self, chosen: Flags) -> "Resamples":
        """Those of the chosen kinds."""
        return Resamples(self.times[:, chosen], self.sizes[chosen], self.z[self.each(chosen)])


class _Sought(NamedTuple):
    """A rank (from 0) and the next, [kind], and the places between which both lie."""

    rank: Counts
    low: Counts
    high: Counts

    @property
    def wanted(self) -> Counts:
        """How many draws must lie up to a place: [which of the two, kind]."""
        return np.stack([self.rank + 1, self.rank + 2])


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

    def of_runs(self, times: Counts, quantiles: Sequence[float]) -> Floats:
        """Mean and quantiles (rows) of resamples that hold each run so many `times` [run, resample] as it is."""
        total = self._sizes @ times
        mean = np.array([run.sum() for run in self._runs]) @ times / total
        place = (total - 1) * np.array(quantiles)[:, None]
        rank = np.floor(place).astype(np.int64)
        low, high = self._ordered[self._reaching(times[:, None, None], np.stack([rank + 1, rank + 2]))]
        return np.vstack([mean, low + (place - rank) * (high - low)])

    def of_requests(self, rng: np.random.Generator, resamples: Resamples, quantiles: Sequence[float]) -> Floats:
        """The same of resamples whose runs have their requests drawn anew."""
        draws = resamples.times * self._sizes[:, None]
        sums = outstanding.sums(rng, self._runs, resamples.each(draws), resamples.z)
        mean = sums / resamples.each(draws.sum(0))
        return np.stack([mean, *(self._quantile(rng, resamples, one) for one in quantiles)])

    def _quantile(self, rng: np.random.Generator, resamples: Resamples, quantile: float) -> Floats:
        """Linearly interpolated, between the value of a rank and the next.

        One number tells both places: between them lies what does on average, and nothing as often as it should.
        """
        total = self._sizes @ resamples.times
        place = (total - 1) * quantile
        rank = np.floor(place).astype(np.int64)
        reach = np.ceil(WIDEST * np.sqrt(total * quantile * (1 - quantile))).astype(np.int64) + 1
        low, middle, high = self._reaching(resamples.times[:, None], np.stack([rank - reach, rank, rank + reach]))
        is_drawn = self._cumulants(middle, resamples.times)[1] < LEAST_VARIANCE
        is_common = ~is_drawn & (resamples.sizes >= COMMON)
        at = np.empty((2, resamples.z.size), np.int64)
        ways = (
            (partial(self._drawn, rng), is_drawn),
            (self._by_kind, is_common),
            (self._singly, ~is_drawn & ~is_common),
        )
        for way, chosen in ways:
            if chosen.any():
                sought = _Sought(rank[chosen], low[chosen], high[chosen])
                at[:, resamples.each(chosen)] = way(resamples.where(chosen), sought)
        below, above = self._ordered[at]
        inside: Floats = below + resamples.each(place - rank) * (above - below)
        return inside

    def _drawn(self, rng: np.random.Generator, resamples: Resamples, sought: _Sought) -> Counts:
        draws = resamples.each(resamples.times * self._sizes[:, None])
        return descent.places(rng, self._before, draws, resamples.each(sought.rank))

    def _by_kind(self, resamples: Resamples, sought: _Sought) -> Counts:
        start = sought.low.min()
        of_runs = self._cumulants(np.arange(start, sought.high.max() + 1))
        found = []
        by_kind = zip(
            resamples.times.T, np.split(resamples.z, np.cumsum(resamples.sizes)[:-1]), sought.wanted.T, sought.low,
            sought.high, strict=True,
        )  # fmt: skip
        for times, z, wanted, low, high in by_kind:
            reached = expansion.reaching(wanted[:, None], times @ of_runs[..., low - start : high - start])
            found.append([low + np.searchsorted(one, z) for one in np.maximum.accumulate(reached, axis=1)])
        return np.concatenate(found, axis=1)

    def _singly(self, resamples: Resamples, sought: _Sought) -> Counts:
        times, wanted = resamples.each(resamples.times), resamples.each(sought.wanted)
        low, high = (np.stack([end, end]) for end in (resamples.each(sought.low), resamples.each(sought.high)))
        return self._first(
            low, high, lambda at: expansion.reaching(wanted, self._cumulants(at, times[:, None])) < resamples.z
        )

    def _reaching(self, times: Counts, wanted: Counts) -> Counts:
        """The first places up to which so many values lie, or the last; `times` has a row a run."""
        low = np.zeros(np.broadcast_shapes(times.shape[1:], wanted.shape), np.int64)
        last = low + self._ordered.size - 1
        return self._first(low, last, lambda at: (times * self._before[:, at + 1]).sum(0) < wanted)

    def _first(self, low: Counts, high: Counts, is_short: Callable[[Counts], Flags]) -> Counts:
        """The first places that are not short of something, by bisection between two; else the second."""
        while (low < high).any():
            middle = (low + high) >> 1
            is_before = is_short(middle) & (low < high)
            low, high = np.where(is_before, middle + 1, low), np.where(is_before, high, middle)
        return low

    def _cumulants(self, at: Counts, times: Counts | None = None) -> Floats:
        """The first four of how many draws lie up to places: [cumulant, run, *place] of as many draws as values.

        Those of runs that are held so many `times` are added up.
        """
        before = self._before[:, at + 1]
        share = (before.T / self._sizes).T
        variance = before * (1 - share)
        each = (before, variance, variance * (1 - 2 * share), variance * (1 - 6 * share * (1 - share)))
        return np.stack([one if times is None else (times * one).sum(0) for one in each])
