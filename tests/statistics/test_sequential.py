import subprocess
import sys

import numpy as np
import pytest

from pipeline.statistics.sequential import is_enough


def rounds(n, requests=30, between=0.0, inside=0.1):
    rng = np.random.default_rng(1)
    return [list(100 * np.exp(rng.normal(0, between) + rng.normal(0, inside, requests))) for _ in range(n)]


@pytest.mark.parametrize("measured", [[], [[]], [[1.0] * 1000], [[1.0] * 1000, []]])
def test_one_round_is_never_enough(measured):
    assert not is_enough(measured)


def test_values_that_never_vary_are_enough_after_two_rounds():
    assert is_enough([[5.0, 5.0], [5.0, 5.0]])


def test_it_goes_on_until_the_interval_is_narrow():
    found = [is_enough(rounds(n, inside=0.2)) for n in range(1, 21)]
    assert not found[1]
    assert found[-1]
    assert is_enough(rounds(3), relative_width=0.5)


def test_requests_do_not_make_up_for_rounds_that_differ():
    assert not is_enough(rounds(3, requests=2000, between=0.1))


def test_more_rounds_can_be_asked_for():
    assert not is_enough([[5.0, 5.0]] * 3, least_rounds=4)


def test_asking_loads_nothing_heavier_than_numpy():
    code = (
        "import sys, pipeline.statistics.sequential as s; s.is_enough([[1.0, 2.0]] * 3);"
        "print({'scipy', 'polars', 'duckdb', 'pyarrow'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "set()"
