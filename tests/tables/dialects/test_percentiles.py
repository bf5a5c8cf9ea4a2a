import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tables import dialects
from pipeline.tables.dialects import _percentiles as rules

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=60).map(sorted)
PERCENT = st.integers(1, 99)


@pytest.mark.parametrize(
    ("rule", "method"),
    [(rules.LINEAR, "linear"), (rules.INVERSE_CDF, "inverted_cdf"), (rules.NEAREST_RANK, "inverted_cdf")],
)
@given(values=VALUES, percent=PERCENT)
def test_a_rule_is_the_one_of_that_name(rule, method, values, percent):
    expected = np.percentile(values, percent, method=method)
    assert dialects.at(rule, values, percent / 100) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(values=VALUES.filter(lambda values: len(values) > 1), percent=PERCENT)
def test_exclusive_quantiles_are_those_of_the_standard_library(values, percent):
    expected = statistics.quantiles(values, n=100)[percent - 1]
    assert dialects.at(rules.EXCLUSIVE, values, percent / 100) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(values=VALUES, percent=PERCENT)
def test_the_load_generator_takes_the_value_behind_the_share(values, percent):
    assert dialects.at(rules.SORTED_AT, values, percent / 100) == values[len(values) * percent // 100]


def test_the_rules_disagree_on_ten_values():
    values = [10.0 * number for number in range(1, 11)]
    found = {
        rule.name: dialects.at(rule, values, 0.9)
        for rule in (rules.LINEAR, rules.INVERSE_CDF, rules.SORTED_AT, rules.EXCLUSIVE)
    }
    assert found == pytest.approx(
        {"linear": 91, "inverse CDF": 90, "sorted[n * p]": 100, "exclusive quantiles": 99}
    )
