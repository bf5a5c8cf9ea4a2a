"""Whether enough was measured: asked between rounds by the load loop, so it needs numpy alone."""

from collections.abc import Sequence

import numpy as np

from pipeline.statistics import bootstrap

RELATIVE_WIDTH = 0.05
RESAMPLES = 2_000  # a decision needs fewer than a figure that is published


def is_enough(
    values_by_round: Sequence[Sequence[float]], relative_width: float = RELATIVE_WIDTH, least_rounds: int = 2
) -> bool:
    """Whether both ends of the 95 % interval of the median lie within `relative_width` of it.

    Rounds without values do not count. Whoever stops at the first narrow interval stops a little early: the
    interval that is published then holds the truth slightly less often than it says.
    """
    rounds = [np.asarray(one, dtype=np.float64) for one in values_by_round if len(one)]
    if len(rounds) < max(least_rounds, 2):
        return False
    values = np.concatenate(rounds)
    low, high = bootstrap.intervals(values[None, :], [one.size for one in rounds], [0.5], RESAMPLES)[0, 1]
    median = float(np.median(values))
    return bool(max(high - median, median - low) <= relative_width * abs(median))
