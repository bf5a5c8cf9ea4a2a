"""Distributions that are normal but for skewness and kurtosis: the expansion of Cornish and Fisher, both ways.

`cumulants` are the first four, along the first axis. What is left out is of the order of n ** -1.5 in a sum of n
terms none of which stands out.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FARTHEST = 5.0
"""Standard deviations up to which the expansion holds; none of 10,000 normal numbers lies beyond."""


def number(z: Floats, cumulants: Floats) -> Floats:
    """The number of such a distribution that is passed as seldom as `z` by a standard normal one."""
    mean, variance, third, fourth = cumulants
    spread = np.sqrt(variance)
    unit = np.where(spread > 0, spread, 1)
    skewness, kurtosis = third / unit**3, fourth / unit**4
    square = z * z
    bend = skewness / 6 * (square - 1)
    tails = kurtosis / 24 * (square - 3) - skewness * skewness / 36 * (2 * square - 5)
    found: Floats = mean + spread * (z + bend + z * tails)
    return found


def reaching(wanted: Floats | NDArray[np.signedinteger], cumulants: Floats) -> Floats:
    """The standard normal number that is passed as seldom as a count falls short of `wanted`.

    A count is whole: a half is added, and the cumulants are Sheppard's. For a sum of binomial counts the
    probability is right within 0.0002 from a variance of 25 on.
    """
    mean, variance, third, fourth = cumulants
    variance = np.maximum(variance - 1 / 12, 1e-6)  # where nothing varies, all or nothing reaches it
    spread = np.sqrt(variance)
    skewness, kurtosis = third / (variance * spread), (fourth + 1 / 120) / (variance * variance)
    w = (mean - wanted + 0.5) / spread
    square = w * w
    bend = skewness / 6 * (square - 1)
    tails = skewness * skewness / 36 * (4 * square - 7) - kurtosis / 24 * (square - 3)
    found: Floats = w + np.where(square < FARTHEST**2, bend + w * tails, 0)
    return found
