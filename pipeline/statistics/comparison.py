"""Two targets that took turns: compared round by round, because a round is an hour that both lived through.

The figure of a round is the median of its requests. The difference is the mean over rounds of the difference of
medians; the ratio the geometric mean of their ratios. Both have intervals: rounds are resampled first, as pairs,
then the requests inside each run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.bootstrap import RESAMPLES, RESAMPLES_OF_RUNS, SEED, Floats, widened

Places: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True)
class Rounds:
    """One target: medians by round, as measured [round] and resampled [round, resample]; requests behind them."""

    medians: Floats
    resampled: Floats
    n: int

    @classmethod
    def of(cls, values: Sequence[Floats], stream: int) -> "Rounds":
        """From the values of each round. Targets to be compared need different random `stream`s."""
        ordered = [np.sort(one) for one in values]
        drawn = _places_of_medians(tuple(one.size for one in values), stream)
        resampled = np.array([one[places].mean(axis=0) for one, places in zip(ordered, drawn, strict=True)])
        return cls(np.array([np.median(one) for one in ordered]), resampled, sum(one.size for one in values))

    @cached_property
    def mean(self) -> "_Mean":
        """Of the medians."""
        return _Mean.of(self.medians, self.resampled)

    @cached_property
    def mean_log(self) -> "_Mean | None":
        """Of their logarithms; None where one is not positive."""
        return _Mean.of(np.log(self.medians), np.log(self.resampled)) if self.resampled.min() > 0 else None


@dataclass(frozen=True)
class _Mean:
    """A mean over rounds, and what it is in resamples of rounds and requests, and of rounds alone [resample]."""

    value: float
    both: Floats
    of_rounds: Floats

    @classmethod
    def of(cls, by_round: Floats, resampled: Floats) -> "_Mean":
        drawn, resamples = _drawn_rounds(by_round.size)
        of_rounds = by_round[drawn[:, :RESAMPLES_OF_RUNS]].mean(axis=0)
        return cls(float(by_round.mean()), resampled[drawn, resamples].mean(axis=0), of_rounds)


@dataclass(frozen=True)
class Effect:
    """A difference or ratio with its 95 % interval; the interval is NaN with one round."""

    value: float
    low: float
    high: float

    def spans(self, nothing: float) -> bool:
        """Whether the interval holds the value that means no effect."""
        return self.low <= nothing <= self.high


def difference(ours: Rounds, theirs: Rounds) -> Effect:
    """Ours - theirs; the rounds of both in the same order."""
    return _effect(ours, theirs, ours.mean, theirs.mean)


def ratio(ours: Rounds, theirs: Rounds) -> Effect | None:
    """Ours / theirs; None where a figure is not positive."""
    if ours.mean_log is None or theirs.mean_log is None:
        return None
    logs = _effect(ours, theirs, ours.mean_log, theirs.mean_log)
    return Effect(*(float(np.exp(one)) for one in (logs.value, logs.low, logs.high)))


def _effect(ours: Rounds, theirs: Rounds, our: _Mean, their: _Mean) -> Effect:
    """The mean of differences, which is the difference of means: in a resample both have the same rounds."""
    rounds, value = ours.medians.size, our.value - their.value
    if rounds < 2:
        return Effect(value, np.nan, np.nan)
    both, of_rounds = our.both - their.both, our.of_rounds - their.of_rounds
    return Effect(value, *widened(value, both, of_rounds, rounds, ours.n + theirs.n))


@lru_cache(maxsize=8)
def _drawn_rounds(rounds: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rounds of each resample [draw, resample], and which resample of their requests is taken.

    A round that is drawn twice has its requests drawn twice, and so two of them.
    """
    drawn = np.random.default_rng(SEED).integers(0, rounds, (rounds, RESAMPLES))
    shifts = np.arange(rounds)[:, None] * (RESAMPLES // rounds)
    return drawn, (np.arange(RESAMPLES) + shifts) % RESAMPLES


@lru_cache(maxsize=32)
def _places_of_medians(sizes: tuple[int, ...], stream: int) -> list[Places]:
    """For each round, which of its ordered values the medians of resamples lie between. All metrics share them."""
    rng = np.random.default_rng((SEED, stream))
    return [_places(n, rng) for n in sizes]


def _places(n: int, rng: np.random.Generator) -> Places:
    """[1 or 2, resample]: without drawing the resamples.

    The value of rank k among n drawn ones is the one at place floor(n·u), u the k-th smallest of n uniform
    numbers: Beta(k, n + 1 - k). The next smallest u is the least of n - k uniform numbers above it.
    """
    rank = (n + 1) // 2
    u = [rng.beta(rank, n + 1 - rank, RESAMPLES)]
    if n % 2 == 0:
        u.append(1 - (1 - u[0]) * rng.random(RESAMPLES) ** (1 / (n - rank)))
    return np.minimum(np.array(u) * n, n - 1).astype(np.int32)
