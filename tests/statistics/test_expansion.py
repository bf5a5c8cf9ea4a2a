import numpy as np
import pytest
from scipy import stats

from pipeline.statistics import expansion


@pytest.mark.parametrize("quantile", [0.05, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("variance", [25, 40, 200, 1_000])
def test_a_sum_of_binomial_counts_reaches_a_number_as_often_as_it_should(quantile, variance):
    shares = np.clip(quantile + np.array([-0.03, 0, 0.04]), 0.01, 0.99)
    draws = np.full(3, round(variance / (shares * (1 - shares)).sum()))
    chances = np.ones(1)
    for n, share in zip(draws, shares, strict=True):
        chances = np.convolve(chances, stats.binom.pmf(np.arange(n + 1), n, share))
    exact = chances[::-1].cumsum()[::-1]
    spread = draws * shares * (1 - shares)
    each = [draws * shares, spread, spread * (1 - 2 * shares), spread * (1 - 6 * shares * (1 - shares))]
    cumulants = np.sum(each, axis=1)
    found = stats.norm.cdf(expansion.reaching(np.arange(exact.size), cumulants[:, None]))
    assert found == pytest.approx(exact, abs=2e-4)


def test_what_cannot_vary_reaches_all_up_to_itself_and_nothing_more():
    reached = expansion.reaching(np.array([11.0, 12.0, 13.0]), np.array([[12.0], [0], [0], [0]]))
    assert (np.sign(reached) == [1, 1, -1]).all()
    assert (np.abs(reached) > expansion.FARTHEST).all()


@pytest.mark.parametrize("shape", [50, 200, 3_000])
def test_a_skew_number_is_passed_as_seldom_as_the_normal_one_that_tells_it(shape):
    z = np.linspace(-4, 4, 41)
    cumulants = np.array([shape, shape, 2 * shape, 6 * shape], float)  # of a gamma distribution
    assert stats.gamma.cdf(expansion.number(z, cumulants), shape) == pytest.approx(stats.norm.cdf(z), abs=2e-4)


def test_numbers_without_spread_are_their_mean():
    assert (expansion.number(np.array([-1.0, 2.0]), np.array([3.0, 0, 0, 0])) == 3).all()
