"""Where a series of nights changed its level, with a stated rate of false alarms.

The statistic is the largest standardised rank sum (Wilcoxon's) over all stretches of nights against the others,
so that a level that comes and goes is seen like one that stays: circular binary segmentation. Ranks make its
distribution on quiet nights the same whatever the noise looks like, so it is known by simulation, once for each
length. Many series are looked at together, and those are cut that Benjamini and Hochberg keep: where nothing
changed anywhere, the chance that anything is marked is `FALSE_ALARM_RATE`. A series is cut at the clearer edge of
its stretch, and its parts are looked at again.

What is assumed: quiet nights could have come in any order. A slow drift or a weekly rhythm is a change, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.statistics.bootstrap import CONFIDENCE, SEED, Floats

FALSE_ALARM_RATE = 0.05
LEAST_NIGHTS = 3  # on each side: fewer are an odd night, not a level
SIMULATED, BLOCKS = 10_000, 100

Places = NDArray[np.intp]
Scores = NDArray[np.float32]

_NORMAL = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Cut:
    """Where a series is cut best: index of the first night after it, and the chance of so good a cut by luck."""

    at: int
    p: float


@dataclass(frozen=True)
class Step:
    """Ratio of the level after a change to the level before it, with its 95 % interval."""

    ratio: float
    low: float
    high: float


def changes(series: Sequence[Floats], rate: float = FALSE_ALARM_RATE) -> list[list[int]]:
    """For each series the indices of the first nights of new levels, in order."""
    cuts = {index: cut for index, values in enumerate(series) if (cut := best_cut(values))}
    limit = _limit([cut.p for cut in cuts.values()], rate)
    return [list(_cuts(values, limit)) for values in series]


def best_cut(values: Floats) -> Cut | None:
    """The best place to cut; None where there are too few nights on both sides, or no two values differ."""
    if values.size < 2 * LEAST_NIGHTS or np.ptp(values) == 0:
        return None
    starts, ends, _ = _stretches(values.size)
    scores = _scores(stats.rankdata(values)[None, :])[0]
    best = int(scores.argmax())
    by_luck = _by_luck(values.size)
    as_good = by_luck.size - np.searchsorted(by_luck, scores[best] - 1e-4)
    return Cut(_clearer_edge(values, int(starts[best]), int(ends[best])), float((1 + as_good) / (1 + by_luck.size)))


def _clearer_edge(values: Floats, start: int, end: int) -> int:
    """Of a stretch, the edge at which the nights beside it differ more."""
    inside = values[start:end]
    edges = [(start, values[:start]), (end, values[end:])]
    return max((_distance(beside, inside), edge) for edge, beside in edges if beside.size)[1]


def _distance(some: Floats, others: Floats) -> float:
    """Standardised rank sum of two samples."""
    n = some.size + others.size
    away = stats.rankdata(np.concatenate([some, others]))[: some.size].sum() - some.size * (n + 1) / 2
    return float(abs(away) / np.sqrt(some.size * others.size * (n + 1) / 12))


@lru_cache(maxsize=1024)
def _stretches(n: int) -> tuple[Places, Places, Scores]:
    """All stretches of n nights: first night, end, and what standardises a rank sum over it.

    Neither a stretch nor what lies beside it is shorter than `LEAST_NIGHTS`.
    """
    places = np.arange(n + 1)
    starts, ends = np.meshgrid(places, places, indexing="ij")
    beside = [np.where(one == 0, LEAST_NIGHTS, one) for one in (starts, n - ends)]
    shortest = np.minimum.reduce([ends - starts, starts + n - ends, *beside])
    starts, ends = (one[shortest >= LEAST_NIGHTS] for one in (starts, ends))
    length = ends - starts
    return starts, ends, np.sqrt(12 / (length * (n - length) * (n + 1.0))).astype(np.float32)


def _scores(ranks: Floats) -> Scores:
    """Of each row of ranks and each stretch: the standardised distance of its rank sum from the mean."""
    n = ranks.shape[1]
    starts, ends, scale = _stretches(n)
    away = np.cumsum(np.pad(ranks - (n + 1) / 2, ((0, 0), (1, 0))), axis=1, dtype=np.float32)
    scores: Scores = np.abs(away[:, ends] - away[:, starts]) * scale
    return scores


@lru_cache(maxsize=1024)
def _by_luck(n: int) -> Scores:
    """Best scores of quiet series of this length, ascending."""
    rng = np.random.default_rng((SEED, n))
    block = np.tile(np.arange(1.0, n + 1), (SIMULATED // BLOCKS, 1))
    return np.sort(np.concatenate([_scores(rng.permuted(block, axis=1)).max(axis=1) for _ in range(BLOCKS)]))


def _limit(p: Sequence[float], rate: float) -> float:
    """The largest p that Benjamini and Hochberg keep at this rate; below every p where they keep none."""
    if not p:
        return 0.0
    kept = [one for one, adjusted in zip(p, stats.false_discovery_control(p), strict=True) if adjusted <= rate]
    return max(kept, default=0.0)


def _cuts(values: Floats, limit: float, start: int = 0) -> Iterator[int]:
    cut = best_cut(values)
    if cut and cut.p <= limit:
        yield from _cuts(values[: cut.at], limit, start)
        yield start + cut.at
        yield from _cuts(values[cut.at :], limit, start + cut.at)


def step(before: Floats, after: Floats) -> Step | None:
    """Hodges and Lehmann's ratio of two levels: the median of all ratios. None where a value is not positive.

    The interval holds the ratios that the rank test does not refuse; where the nights are too few for 95 %, it
    is the range of them all.
    """
    if min(before.min(), after.min()) <= 0:
        return None
    ratios = np.sort(np.divide.outer(after, before).ravel())
    cells, nights = ratios.size, before.size + after.size
    left_out = max(int(cells / 2 - _NORMAL * np.sqrt(cells * (nights + 1) / 12)), 0)
    return Step(float(np.median(ratios)), float(ratios[left_out]), float(ratios[-1 - left_out]))
