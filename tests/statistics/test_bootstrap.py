import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from pipeline.statistics import bootstrap

SAMPLE = arrays(np.float64, st.integers(2, 30), elements=st.floats(0.1, 1e6))


def clustered(trials, runs, requests, between, inside):
    """Log-normal values whose runs differ by `between` and whose requests differ by `inside`; median 1."""
    rng = np.random.default_rng(1)
    of_run = rng.normal(0, between, (trials, runs, 1))
    return np.exp(of_run + rng.normal(0, inside, (trials, runs, requests))).reshape(trials, -1)


@pytest.mark.parametrize(("runs", "requests"), [(3, 30), (5, 30), (2, 600), (3, 400), (5, 400)])
@pytest.mark.parametrize("between", [0, 0.02, 0.2])
def test_the_interval_of_a_median_holds_the_truth_as_often_as_it_says(runs, requests, between):
    values = clustered(400, runs, requests, between, 0.1)
    low, high = bootstrap.intervals(values, [requests] * runs, [0.5], resamples=1000)[:, 1].T
    assert np.mean((low <= 1) & (high >= 1)) > 0.92  # 0.95 less three standard errors of 400 trials


def test_independent_requests_make_the_interval_shrink_with_their_number():
    few, many = (bootstrap.intervals(clustered(20, 5, n, 0, 0.1), [n] * 5, [0.5])[:, 1].mean(0) for n in (10, 160))
    assert (many[1] - many[0]) < (few[1] - few[0]) / 3


def test_more_requests_do_not_shrink_it_where_the_runs_differ():
    few, many = (
        bootstrap.intervals(clustered(20, 5, n, 0.2, 0.02), [n] * 5, [0.5])[:, 1].mean(0) for n in (10, 160)
    )
    assert (many[1] - many[0]) > 0.8 * (few[1] - few[0])


def test_one_run_has_no_interval():
    assert np.isnan(bootstrap.intervals(np.ones((1, 9)), [9], [0.5])).all()


def test_the_same_values_give_the_same_interval_whatever_stands_beside_them():
    values = clustered(3, 3, 50, 0.1, 0.1)
    together = bootstrap.intervals(values, [50] * 3, [0.5, 0.9])
    alone = bootstrap.intervals(values[1:2], [50] * 3, [0.5, 0.9])
    assert (together[1] == alone[0]).all()


@given(values=SAMPLE, counts=st.data(), quantile=st.floats(0, 1))
def test_a_resample_has_the_figures_of_its_values_written_out(values, counts, quantile):
    times = np.array(counts.draw(st.lists(st.integers(0, 4), min_size=values.size, max_size=values.size)))
    times[0] += 1
    mean, percentile = bootstrap.figures(values, times[:, None].astype(np.int32), [quantile])[:, 0]
    assert mean == pytest.approx(np.repeat(values, times).mean())
    assert percentile == pytest.approx(np.quantile(np.repeat(values, times), quantile))


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5), seed=st.integers(0, 99))
def test_an_interval_holds_its_figure_and_scales_with_it(sizes, seed):
    values = np.random.default_rng(seed).lognormal(0, 1, (1, sum(sizes)))
    found = bootstrap.intervals(values, sizes, [0.5, 0.9], resamples=200)[0]
    figures = np.array([values.mean(), *np.quantile(values, (0.5, 0.9))])
    assert (found[:, 0] <= figures * (1 + 1e-9)).all()
    assert (found[:, 1] >= figures * (1 - 1e-9)).all()
    assert (found > 0).all()
    assert bootstrap.intervals(1000 * values, sizes, [0.5, 0.9], resamples=200)[0] == pytest.approx(1000 * found)


def test_quantities_that_may_be_negative_have_intervals_too():
    low, high = bootstrap.intervals(np.array([[-1.0, 0.0, 1.0, -2.0, 0.5, 1.5]]), [3, 3], [0.5])[0, 1]
    assert low < 0.25 < high


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 2.5, 3.7, 7, 12.5, 44, 1000, 1e9])
def test_students_t_is_scipys(freedom):
    assert bootstrap.student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.03)


def test_values_that_never_vary_have_an_interval_of_no_width_whatever_rounding_does():
    for value in (71 / 31, 7.1e-05, 2.290322580645161, 1 / 3):
        low, high = bootstrap.intervals(np.full((1, 33), value), [11] * 3, [0.5], resamples=200)[0, 0]
        assert (low, high) == pytest.approx((value, value))


def test_a_spread_that_is_rounding_alone_widens_nothing():
    assert bootstrap.widened(1.0, np.full(9, 1.0), np.array([1.0, 1.0 + 2e-16]), runs=3, n=33) == (1.0, 1.0)
