import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.statistics import bootstrap
from pipeline.statistics.pooled import Pooled, Resamples

QUANTILES = [0.5, 0.9, 0.95]
RESAMPLES = 6_000


def rounds(rng, sizes):
    return [rng.lognormal(rng.normal(0, 0.1), 0.4, size) for size in sizes]


def with_a_stall(rng, sizes):
    """One request took a hundred times as long as the others: the mean hangs on whether it is drawn."""
    values = rounds(rng, sizes)
    values[0][3] = 100
    return values


def with_ties(rng, sizes):
    return [np.round(one, 1) for one in rounds(rng, sizes)]


def in_two_heaps(rng, sizes):
    """Nothing between the fast half and the slow one, so that the median interpolates over the gap."""
    return [np.where(np.arange(one.size) % 2, one, one + 50) for one in rounds(rng, sizes)]


def written_out(rng, values, times, quantiles):
    """Figures of resamples, each drawn request by request."""
    found = []
    for column in times.T:
        parts = [rng.choice(one, (count, one.size)) for one, count in zip(values, column, strict=True)]
        drawn = np.concatenate([part.ravel() for part in parts])
        found.append([drawn.mean(), *np.quantile(drawn, quantiles)])
    return np.array(found).T


def far_apart(rng, sizes):
    """Rounds of which each is slower than the one before it: near a border, hardly any draw varies."""
    return [one + 10 * number for number, one in enumerate(rounds(rng, sizes))]


def with_a_long_tail(rng, sizes):
    """A few requests make up most of the sum, and the variance is without bounds."""
    return [rng.pareto(1.2, size) + 1 for size in sizes]


SHAPES = [rounds, with_a_stall, with_ties, in_two_heaps, far_apart, with_a_long_tail]


@pytest.mark.parametrize(
    "sizes", [(120, 120, 120), (300, 5, 80, 2), (40,) * 8, (500, 600, 700), (1500, 5, 300), (300,) * 6], ids=str
)
@pytest.mark.parametrize("make", SHAPES)
def test_figures_are_distributed_as_those_of_resamples_written_out(make, sizes):
    rng = np.random.default_rng(7)
    values = make(rng, sizes)
    times = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), RESAMPLES).T
    found = Pooled(np.concatenate(values), sizes).of_requests(rng, Resamples.of(rng, times), QUANTILES)
    expected = written_out(rng, values, times, QUANTILES)
    for ours, plain in zip(found, expected, strict=True):
        chance = stats.ks_2samp(ours.round(9), plain.round(9), method="asymp").pvalue
        assert chance > 0.001  # of 144, one in seven tries would miss


@pytest.mark.parametrize("sizes", [(700, 700, 700), (400,) * 6], ids=str)
@pytest.mark.parametrize("make", SHAPES)
def test_places_that_one_number_tells_are_distributed_as_those_drawn_one_by_one(make, sizes, monkeypatch):
    rng = np.random.default_rng(7)
    pooled = Pooled(np.concatenate(make(rng, sizes)), sizes)
    times = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), 5 * RESAMPLES).T
    resamples = Resamples.of(rng, times)
    told = pooled.of_requests(rng, resamples, QUANTILES)[1:]
    monkeypatch.setattr("pipeline.statistics.pooled.LEAST_VARIANCE", np.inf)
    drawn = pooled.of_requests(rng, resamples, QUANTILES)[1:]
    for ours, exact in zip(told, drawn, strict=True):
        for end in np.quantile(exact, (0.025, 0.975)):
            assert np.mean(ours <= end) == pytest.approx(np.mean(exact <= end), abs=0.004)  # three standard errors


@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=6), seed=st.integers(0, 99), q=st.floats(0, 0.99))
def test_of_runs_alone_figures_are_those_of_their_values_written_out(sizes, seed, q):
    rng = np.random.default_rng(seed)
    values = with_ties(rng, sizes)
    times = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), 5).T
    mean, quantile = Pooled(np.concatenate(values), sizes).of_runs(times, [q])
    for at, column in enumerate(times.T):
        drawn = np.concatenate([np.tile(one, count) for one, count in zip(values, column, strict=True)])
        assert mean[at] == pytest.approx(drawn.mean())
        assert quantile[at] == pytest.approx(np.quantile(drawn, q))


def test_values_that_are_all_the_same_have_resamples_that_are():
    rng = np.random.default_rng(1)
    resamples = Resamples.of(rng, np.array([[3, 1], [0, 1], [0, 1]]))
    found = Pooled(np.full(300, 2.5), [100, 150, 50]).of_requests(rng, resamples, QUANTILES)
    assert found == pytest.approx(np.full((4, 2), 2.5))


def test_intervals_of_many_requests_are_those_of_the_plain_way(monkeypatch):
    values = np.concatenate(rounds(np.random.default_rng(2), [900, 700, 800]))[None]
    ours = bootstrap.intervals(values, [900, 700, 800], QUANTILES)
    monkeypatch.setattr(bootstrap, "MOST_COUNTED", 10_000)
    plain = bootstrap.intervals(values, [900, 700, 800], QUANTILES)
    width = plain[..., 1] - plain[..., 0]
    assert (np.abs(ours - plain).max(-1) < 0.06 * width).all()
