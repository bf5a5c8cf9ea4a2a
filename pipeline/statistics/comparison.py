"""Two targets that took turns: compared round by round, because a round is an hour that both lived through.

The figure of a round is the median of its requests. The difference is the mean over rounds of the difference of
medians; the ratio the geometric mean of their ratios. Both have intervals: rounds are resampled first, as pairs,
then the requests inside each run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.statistics.bootstrap import RESAMPLES, RESAMPLES_OF_RUNS, SEED, Floats, widened


@dataclass(frozen=True)
class Rounds:
    """One target: medians by round, as measured [round] and resampled [round, resample]; requests behind them."""

    medians: Floats
    resampled: Floats
    n: int

    @classmethod
    def of(cls, values: Sequence[Floats], stream: int) -> "Rounds":
        """From the values of each round. Targets to be compared need different random `stream`s."""
        rng = np.random.default_rng((SEED, stream))
        medians = np.array([np.median(one) for one in values])
        return cls(medians, np.array([_medians(one, rng) for one in values]), sum(one.size for one in values))


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
    return _effect(ours.medians - theirs.medians, ours.resampled - theirs.resampled, ours.n + theirs.n)


def ratio(ours: Rounds, theirs: Rounds) -> Effect | None:
    """Ours / theirs; None where a figure is not positive."""
    if min(ours.resampled.min(), theirs.resampled.min()) <= 0:
        return None
    logs = _effect(
        np.log(ours.medians / theirs.medians), np.log(ours.resampled / theirs.resampled), ours.n + theirs.n
    )
    return Effect(*(float(np.exp(one)) for one in (logs.value, logs.low, logs.high)))


def _medians(values: Floats, rng: np.random.Generator) -> Floats:
    """Medians of resamples of one run, without drawing the resamples.

    The value of rank k among n drawn ones is the one at place floor(n·u), u the k-th smallest of n uniform
    numbers: Beta(k, n + 1 - k). The next smallest u is the least of n - k uniform numbers above it.
    """
    ordered, n = np.sort(values), values.size
    rank = (n + 1) // 2
    u = rng.beta(rank, n + 1 - rank, RESAMPLES)
    low = ordered[_places(u, n)]
    if n % 2:
        return low
    above = 1 - (1 - u) * rng.random(RESAMPLES) ** (1 / (n - rank))
    middle: Floats = (low + ordered[_places(above, n)]) / 2
    return middle


def _places(u: Floats, n: int) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    return np.minimum((u * n).astype(np.intp), n - 1)


def _effect(by_round: Floats, resampled: Floats, n: int) -> Effect:
    """The mean over rounds. A round that is drawn twice has its requests drawn twice: hence the shifts."""
    rounds, value = by_round.size, float(by_round.mean())
    if rounds < 2:
        return Effect(value, np.nan, np.nan)
    drawn = np.random.default_rng(SEED).integers(0, rounds, (rounds, RESAMPLES))
    resamples = np.arange(RESAMPLES)
    shift = RESAMPLES // rounds
    both = np.mean([resampled[one, (resamples + at * shift) % RESAMPLES] for at, one in enumerate(drawn)], axis=0)
    of_rounds = by_round[drawn[:, :RESAMPLES_OF_RUNS]].mean(axis=0)
    return Effect(value, *widened(value, both, of_rounds, rounds, n))
