"""Where a rank lies in resamples, drawn exactly by bisection.

Of the requests that a resample draws from a run, how many lie below the middle is binomial, and so on in the half
that holds the rank. What is never looked at is never drawn, and the place has the very distribution that it has
among resamples written out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.signedinteger]


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


def places(rng: np.random.Generator, before: Counts, draws: Counts, rank: Counts) -> Counts:
    """The places of a rank (from 0, one a resample) and of the next (rows) in resamples of so many `draws`.

    `draws` has a row a run; `before` [run, place] are the values of each run before a place in the order of all.
    """
    nothing = np.zeros_like(rank)
    whole = _Node(nothing, nothing + before.shape[1] - 1, draws, nothing)
    at, behind = _descend(rng, before, whole, rank)
    next_at, is_apart = at.copy(), behind.low >= 0
    if is_apart.any():
        next_at[is_apart], _ = _descend(rng, before, behind.where(is_apart), rank[is_apart] + 1)
    return np.stack([at, next_at])


def _descend(rng: np.random.Generator, before: Counts, node: _Node, rank: Counts) -> tuple[Counts, _Node]:
    """The place of a rank, and the node of the next rank: `low` -1 where it has the same place."""
    low, high, draws, below = (part.copy() for part in node)
    behind = _Node(np.full_like(low, -1), high.copy(), draws.copy(), below.copy())
    while (is_open := high - low > 1).any():
        middle = np.where(is_open, (low + high) >> 1, high)
        start = before[:, low]
        inside = np.maximum(before[:, high] - start, 1)  # where a run has no value here, nor has it draws
        left = rng.binomial(draws, (before[:, middle] - start) / inside)
        up_to = below + left.sum(0)
        is_left = rank < up_to
        is_apart = is_left & (rank + 1 == up_to) & ((draws - left).any(0))
        for kept, new in zip(behind, (middle, high, draws - left, up_to), strict=True):
            np.copyto(kept, new, where=is_apart)
        low, high = np.where(is_left, low, middle), np.where(is_left, middle, high)
        draws, below = np.where(is_left, left, draws - left), np.where(is_left, below, up_to)
    return low, behind
