import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.statistics.comparison import Rounds, difference, ratio


def pair(rng, *, rounds=5, requests=30, factor=1.0, drift=0.5, between=0.05, inside=0.2):
    """Two targets of `factor` times each other's latency, in rounds that are slow or fast for both."""
    hour = rng.normal(0, drift, (rounds, 1))
    noise = rng.normal(0, between, (2, rounds, 1)) + rng.normal(0, inside, (2, rounds, requests))
    ours, theirs = np.exp(hour + noise) * [[[factor]], [[1.0]]]
    return Rounds.of(list(ours), 0), Rounds.of(list(theirs), 1)


def test_a_difference_is_found_through_the_drift_that_both_share():
    rng = np.random.default_rng(1)
    assert sum(ratio(*pair(rng, factor=1.3)).low > 1 for _ in range(50)) > 45
    assert sum(ratio(*pair(rng, factor=1 / 1.3)).high < 1 for _ in range(50)) > 45


@pytest.mark.parametrize(("between", "inside"), [(0, 0.2), (0.05, 0.2), (0.2, 0.02)])
def test_where_there_is_none_at_most_one_in_twenty_shows_one(between, inside):
    rng = np.random.default_rng(2)
    shown = sum(not ratio(*pair(rng, between=between, inside=inside)).spans(1) for _ in range(300))
    assert shown / 300 < 0.05 + 0.038  # three standard errors


def test_the_interval_of_a_ratio_holds_the_true_one():
    rng = np.random.default_rng(3)
    held = sum(ratio(*pair(rng, rounds=3, factor=1.1)).spans(1.1) for _ in range(300))
    assert held / 300 > 0.95 - 0.038


@given(seed=st.integers(0, 99), factor=st.floats(0.5, 2))
def test_who_is_compared_with_whom_changes_the_sign_alone(seed, factor):
    ours, theirs = pair(np.random.default_rng(seed), factor=factor)
    there, back = difference(ours, theirs), difference(theirs, ours)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    there, back = ratio(ours, theirs), ratio(theirs, ours)
    assert (there.value, there.low, there.high) == pytest.approx((1 / back.value, 1 / back.high, 1 / back.low))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 40])
def test_medians_are_resampled_as_if_the_requests_were(n):
    values = np.random.default_rng(4).normal(size=n)
    drawn = np.median(values[np.random.default_rng(5).integers(0, n, (10_000, n))], axis=1)
    of_rounds = Rounds.of([values], 0).resampled[0]
    assert np.isin(of_rounds, np.add.outer(values, values) / 2).all()
    between = np.sort(values)[:, None] + 1e-9
    assert (of_rounds <= between).mean(axis=1) == pytest.approx((drawn <= between).mean(axis=1), abs=0.02)


def test_one_round_shows_a_ratio_without_an_interval():
    one = ratio(*pair(np.random.default_rng(6), rounds=1, factor=2, between=0, inside=0.01))
    assert one.value == pytest.approx(2, rel=0.02)
    assert np.isnan(one.low)
    assert np.isnan(one.high)


def test_there_is_no_ratio_to_nothing():
    ours, nothing = Rounds.of([np.array([1.0]), np.array([2.0])], 0), Rounds.of([np.zeros(1), np.ones(1)], 1)
    assert ratio(ours, nothing) is None
    assert difference(ours, nothing).value == 1
