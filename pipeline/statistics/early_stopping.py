"""Whether a percentile keeps its limit, shown with as few queries as that takes: MLPerf's early stopping."""

import math
from statistics import NormalDist

from scipy import special

CONFIDENCE = 0.99


def needed_under(over: int, percentile: float, confidence: float = CONFIDENCE, tolerance: float = 0.0) -> int:
    """Queries that must lie under a limit when `over` lie above it, to show the percentile at this confidence.

    The smallest h with I_(percentile - tolerance)(h, over + 1) <= 1 - confidence (regularised incomplete beta).
    """
    at, doubt = percentile - tolerance, 1 - confidence
    h: int = max(1, math.floor(special.btdtria(doubt, over + 1, at)) - 1)  # the inverse is real-valued, and rounded
    while special.betainc(h, over + 1, at) > doubt:
        h += 1
    return h


def queries_without(percentile: float, confidence: float = CONFIDENCE, batch: int = 8192) -> int:
    """Queries that MLPerf's rules ask for without early stopping: a margin of (1 - percentile) / 20, in batches."""
    margin = (1 - percentile) / 20
    z = NormalDist().inv_cdf(1 - (1 - confidence) / 2)
    needed: int = batch * math.ceil(z * z * percentile * (1 - percentile) / (margin * margin) / batch)
    return needed
