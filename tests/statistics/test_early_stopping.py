import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.statistics.early_stopping import needed_under, queries_without


def test_with_none_over_the_limit_it_is_the_plain_power():
    assert needed_under(0, 0.99) == math.ceil(math.log(0.01) / math.log(0.99)) == 459


@pytest.mark.parametrize(("percentile", "queries"), [(0.90, 64), (0.99, 662)])
def test_with_one_over_it_the_counts_are_those_of_mlperfs_rules(percentile, queries):
    assert needed_under(1, percentile) + 1 == queries


@pytest.mark.parametrize(
    ("percentile", "queries"), [(0.90, 24_576), (0.95, 57_344), (0.97, 90_112), (0.99, 270_336)]
)
def test_without_early_stopping_the_counts_are_those_of_mlperfs_table(percentile, queries):
    assert queries_without(percentile) == queries


@given(over=st.integers(0, 3000), percentile=st.floats(0.5, 0.999))
def test_so_few_over_the_limit_would_be_luck_and_one_query_less_would_not_show_it(over, percentile):
    def chance(under):
        """Of no more than `over` among all, if the share under the limit were just the percentile."""
        return stats.binom.sf(under - 1, under + over, percentile)

    h = needed_under(over, percentile)
    assert chance(h) <= 0.01 * (1 + 1e-9)
    assert h == 1 or chance(h - 1) > 0.01 * (1 - 1e-9)


@given(over=st.integers(0, 500))
def test_a_tolerance_asks_for_less(over):
    assert needed_under(over, 0.99, tolerance=0.005) <= needed_under(over, 0.99)
