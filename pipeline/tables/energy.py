"""Energy of one device inside a span of time, from what was sampled of it: by its counter, else by its power.

Not a table itself: `hardware` is. Arrays are samples in the order of their stamps; stamps are in ns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Span = tuple[float, float]

LONGEST_GAP_S = 1.0
"""Between two readings of power, at most: in a longer gap nobody knows what was drawn. See `longest_gap_s`."""


@dataclass(frozen=True)
class Energy:
    """Joules and where they are from (counter, integrated), or why there are none."""

    joules: float | None
    source: str | None
    reason: str | None


def unknown(reason: str) -> Energy:
    """No energy, and why."""
    return Energy(None, None, reason)


def longest_gap_s(rate_hz: float | None) -> float:
    """The longest gap between two readings that can be bridged; a slow sampler may miss two of its ticks."""
    return max(LONGEST_GAP_S, 3 / rate_hz if rate_hz else 0.0)


def by_counter(at_ns: Array, counted_uj: Array, span: Span, wraps_at_uj: int | None = None) -> Energy:
    """What the counter rose by, between readings by the straight line.

    A counter that wraps where it is known to wrap goes on; one that falls otherwise was started anew, and what
    was drawn in between nobody knows.
    """
    if gap := _uncovered("the energy counter", at_ns, span):
        return unknown(gap)
    near = slice(
        max(int(np.searchsorted(at_ns, span[0], "right")) - 1, 0), int(np.searchsorted(at_ns, span[1])) + 1
    )
    steps = np.diff(counted_uj[near])
    fell = np.flatnonzero(steps < 0)
    if fell.size and not wraps_at_uj:
        before, after = counted_uj[near][fell[0] : fell[0] + 2] / 1e6
        return unknown(
            f"the energy counter fell from {before:.0f} to {after:.0f} J "
            f"at {at_ns[near][fell[0] + 1] / 1e9:.1f} s: the device was reset, "
            "its driver loaded anew, or the counter wrapped"
        )
    steps[fell] += wraps_at_uj or 0
    return _between(at_ns[near], np.concatenate([[0.0], np.cumsum(steps)]) / 1e6, span, "counter")


def by_power(at_ns: Array, power_mw: Array, span: Span, gap_s: float = LONGEST_GAP_S) -> Energy:
    """Power over time, by trapezoids."""
    if gap := _uncovered("power", at_ns, span):
        return unknown(gap)
    lengths_ns = np.diff(at_ns)
    inside = (at_ns[1:] > span[0]) & (at_ns[:-1] < span[1])
    if (longest := float(np.max(lengths_ns[inside], initial=0.0)) / 1e9) > gap_s:
        return unknown(f"power was not read for {longest:.1f} s of the window, and there is no energy counter")
    slices_j = (power_mw[1:] + power_mw[:-1]) / 2 * lengths_ns / 1e12
    return _between(at_ns, np.concatenate([[0.0], np.cumsum(slices_j)]), span, "integrated")


def covered_share(at_ns: Array, span: Span, gap_s: float = LONGEST_GAP_S) -> float:
    """Share of the span that lies between two readings no further apart than `gap_s`."""
    starts, ends = np.clip(at_ns[:-1], *span), np.clip(at_ns[1:], *span)
    is_near = np.diff(at_ns) <= gap_s * 1e9
    return float(np.sum((ends - starts)[is_near])) / (span[1] - span[0])


def _uncovered(what: str, at_ns: Array, span: Span) -> str | None:
    """Why readings do not reach from one end of the span to the other."""
    if at_ns.size == 0:
        return f"{what} was never read"
    if at_ns[0] <= span[0] and at_ns[-1] >= span[1]:
        return None
    seconds = [value / 1e9 for value in (at_ns[0], at_ns[-1], *span)]
    return "{} was read from {:.1f} to {:.1f} s, and the window lies from {:.1f} to {:.1f} s".format(what, *seconds)


def _between(at_ns: Array, total_j: Array, span: Span, source: str) -> Energy:
    start, end = np.interp(span, at_ns, total_j)
    return Energy(float(end - start), source, None)
