"""Where a series of nights changed its level, with a stated rate of false alarms.

The statistic is the least likely rank sum (Wilcoxon's) over all stretches of nights against the others, so that a
level that comes and goes is seen like one that stays: circular binary segmentation. Ranks make its distribution on
quiet nights the same whatever the noise looks like, so it is known by simulation, once for each length. Many series
are looked at together, and those are cut that Benjamini and Hochberg keep: where nothing changed anywhere, the
chance that anything is marked is `FALSE_ALARM_RATE`. A series is cut at the clearer edge of its stretch, where the
values fall best into two levels, and its parts are looked at again.

What is assumed: quiet nights could have come in any order. A slow drift or a weekly rhythm is a change, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.statistics.bootstrap import CONFIDENCE, SEED, Floats

FALSE_ALARM_RATE = 0.05
LEAST_NIGHTS = 3  # on each side: fewer are an odd night, not a level
SIMULATED, BLOCKS = 10_000, 20

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


class _Stretch(NamedTuple):
    """The stretch of a series that is least like the rest of it, and the chance of one so unlike by luck."""

    start: int
    end: int
    p: float


def changes(series: Sequence[Floats], rate: float = FALSE_ALARM_RATE) -> list[list[int]]:
    """For each series the indices of the first nights of new levels, in order."""
    found = [_stretch(values) for values in series]
    limit = _limit([one.p for one in found if one], rate)
    return [list(_cuts(values, one, limit)) for values, one in zip(series, found, strict=True)]


def best_cut(values: Floats) -> Cut | None:
    """The best place to cut; None where there are too few nights on both sides, or no two values differ."""
    found = _stretch(values)
    return Cut(_clearer_edge(values, found.start, found.end), found.p) if found else None


def _stretch(values: Floats) -> _Stretch | None:
    if values.size < 2 * LEAST_NIGHTS or np.ptp(values) == 0:
        return None
    starts, ends, _ = _stretches(values.size)
    scores = _scores(_ranks(values)[None, :])[0]
    best = int(scores.argmax())
    by_luck = _by_luck(values.size)
    as_good = by_luck.size - np.searchsorted(by_luck, scores[best])
    return _Stretch(int(starts[best]), int(ends[best]), float((1 + as_good) / (1 + by_luck.size)))


def _ranks(values: Floats) -> Floats:
    """1 for the smallest; equals have their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    mean: Floats = count.cumsum() - (count - 1) / 2
    return mean[place]


def _clearer_edge(values: Floats, start: int, end: int) -> int:
    """Of a stretch, the edge at which the nights beside it differ more.

    Ranks tell that levels differ and not by how much, so the edge itself is put where the values lie closest to
    the medians of both sides.
    """
    inside = values[start:end]
    edges = [(0, end, values[:start]), (start, values.size, values[end:])]
    spans = [(_distance(beside, inside), first, last) for first, last, beside in edges if beside.size]
    _, first, last = max(spans)
    places = range(first + LEAST_NIGHTS, last - LEAST_NIGHTS + 1)
    return min(places, key=lambda at: _spread(values[first:at]) + _spread(values[at:last]))


def _spread(values: Floats) -> float:
    """Summed distance from the median."""
    return float(np.abs(values - np.median(values)).sum())


def _distance(some: Floats, others: Floats) -> float:
    """Standardised rank sum of two samples."""
    n = some.size + others.size
    away = _ranks(np.concatenate([some, others]))[: some.size].sum() - some.size * (n + 1) / 2
    return float(abs(away) / np.sqrt(some.size * others.size * (n + 1) / 12))


@lru_cache(maxsize=256)
def _stretches(n: int) -> tuple[Places, Places, Places]:
    """All stretches of n nights: first night, end, and how many nights lie inside or outside, whichever is fewer.

    Neither a stretch nor what lies beside it is shorter than `LEAST_NIGHTS`.
    """
    places = np.arange(n + 1)
    starts, ends = np.meshgrid(places, places, indexing="ij")
    beside = [np.where(one == 0, LEAST_NIGHTS, one) for one in (starts, n - ends)]
    shortest = np.minimum.reduce([ends - starts, starts + n - ends, *beside])
    starts, ends = (one[shortest >= LEAST_NIGHTS] for one in (starts, ends))
    return starts, ends, np.minimum(ends - starts, n - (ends - starts))


@lru_cache(maxsize=256)
def _surprise(n: int) -> Scores:
    """-log of the chance that k of n ranks [row] sum up to at least so far from their mean [column: in halves]."""
    fewer, sums = n // 2, n * (n + 1) // 2
    ways = np.zeros((fewer + 1, sums + 1))  # to choose k ranks with this sum
    ways[0, 0] = 1
    for rank in range(1, n + 1):
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    found = np.zeros((fewer + 1, fewer * (n - fewer) + 1), np.float32)
    for k in range(1, fewer + 1):
        away = np.abs(2 * np.arange(sums + 1) - k * (n + 1))
        by_distance = np.bincount(away[ways[k] > 0], ways[k][ways[k] > 0], minlength=found.shape[1])
        at_least = np.cumsum(by_distance[::-1])[::-1] / by_distance.sum()
        found[k] = -np.log(np.maximum(at_least, np.finfo(float).tiny))
    return found


def _scores(ranks: Floats) -> Scores:
    """Of each row of ranks and each stretch: how surprising its rank sum is; ties make it look less so."""
    n = ranks.shape[1]
    starts, ends, fewer = _stretches(n)
    halves = _cumulated(ranks)
    known = _surprise(n)
    row = (fewer * known.shape[1]).astype(np.int32)
    away = np.abs(halves.take(ends, axis=1) - halves.take(starts, axis=1))
    scores: Scores = known.ravel().take(away + row)  # several times as fast as by two indices
    return scores


def _cumulated(ranks: Floats) -> NDArray[np.int32]:
    """In halves, how far the ranks up to each place are from their mean, summed up: [row, place from 0]."""
    n = ranks.shape[1]
    return np.pad(2 * ranks - (n + 1), ((0, 0), (1, 0))).astype(np.int32).cumsum(axis=1, dtype=np.int32)


def _best_scores(ranks: Floats) -> Scores:
    """The best of each row's `_scores`: of stretches of one length, that whose sum is farthest from the mean."""
    n = ranks.shape[1]
    sums, known = np.ascontiguousarray(_cumulated(ranks).T), _surprise(n)
    best = np.zeros(len(ranks), np.float32)
    for size in range(LEAST_NIGHTS, n - LEAST_NIGHTS + 1):
        away = np.abs(sums[size:] - sums[:-size])  # [first night, row]
        inside = away[LEAST_NIGHTS : n - size - LEAST_NIGHTS + 1]
        farthest = np.maximum.reduce([away[0], away[-1], *([inside.max(axis=0)] if len(inside) else [])])
        np.maximum(best, known[min(size, n - size)].take(farthest), out=best)
    return best


@lru_cache(maxsize=256)
def _by_luck(n: int) -> Scores:
    """Best scores of quiet series of this length, ascending."""
    rng = np.random.default_rng((SEED, n))
    block = np.tile(np.arange(1.0, n + 1), (SIMULATED // BLOCKS, 1))
    return np.sort(np.concatenate([_best_scores(rng.permuted(block, axis=1)) for _ in range(BLOCKS)]))


def _limit(p: Sequence[float], rate: float) -> float:
    """The largest p that Benjamini and Hochberg keep at this rate; below every p where they keep none."""
    ordered = np.sort(p)
    allowed = rate * np.arange(1, ordered.size + 1) / ordered.size if p else ordered
    return float(np.max(ordered, where=ordered <= allowed, initial=0.0))


def _cuts(values: Floats, found: _Stretch | None, limit: float, start: int = 0) -> Iterator[int]:
    if found and found.p <= limit:
        at = _clearer_edge(values, found.start, found.end)
        yield from _cuts(values[:at], _stretch(values[:at]), limit, start)
        yield start + at
        yield from _cuts(values[at:], _stretch(values[at:]), limit, start + at)


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
