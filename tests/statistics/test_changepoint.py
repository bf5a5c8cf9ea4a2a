import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.statistics import changepoint
from pipeline.statistics.changepoint import FALSE_ALARM_RATE, LEAST_NIGHTS, best_cut, changes, step

NOISES = {
    "normal": lambda rng, shape: 100 + rng.normal(0, 5, shape),
    "log-normal": lambda rng, shape: rng.lognormal(5, 1, shape),
    "cauchy": lambda rng, shape: 100 + rng.standard_cauchy(shape),
    "rounded": lambda rng, shape: np.round(100 + rng.normal(0, 1, shape)),
}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("nights", [12, 40])
def test_on_noise_no_more_publications_mark_anything_than_stated(noise, nights):
    rng, trials = np.random.default_rng(1), 200
    marked = sum(any(changes(list(NOISES[noise](rng, (12, nights))))) for _ in range(trials))
    assert marked / trials < FALSE_ALARM_RATE + 3 * np.sqrt(0.05 * 0.95 / trials)


def test_metrics_that_move_together_raise_no_more_alarms():
    rng, trials = np.random.default_rng(2), 200
    shared = [rng.normal(0, 1, (1, 30)) + 0.3 * rng.normal(0, 1, (12, 30)) for _ in range(trials)]
    marked = sum(any(changes([*one[:6], *-one[6:]])) for one in shared)
    assert marked / trials < FALSE_ALARM_RATE + 3 * np.sqrt(0.05 * 0.95 / trials)


def test_looked_at_every_night_noise_is_marked_on_no_more_nights_than_stated():
    rng, trials, nights = np.random.default_rng(3), 25, range(6, 41)
    series = rng.normal(0, 1, (trials, 4, nights[-1]))
    marked = [np.mean([any(changes(list(one[:, :so_far]))) for so_far in nights]) for one in series]
    assert np.mean(marked) < FALSE_ALARM_RATE + 3 * np.std(marked) / np.sqrt(trials)


@pytest.mark.parametrize("shift", [1.2, 1 / 1.2])
def test_a_planted_shift_is_found_at_its_night_among_series_that_are_quiet(shift):
    rng, found = np.random.default_rng(4), []
    for _ in range(60):
        series = 100 * rng.lognormal(0, 0.04, (20, 40))
        series[7, 25:] *= shift
        found.append(changes(list(series)))
    assert np.mean([bool({24, 25, 26} & set(one[7])) for one in found]) > 0.95
    assert np.mean([len(one[7]) == 1 for one in found]) > 0.85
    others = [sum(map(len, one)) - len(one[7]) for one in found]
    assert np.mean(others) < 0.2


@pytest.mark.parametrize("nights", [6, 7, 8, 9, 11, 12, 13, 40, 120])
def test_the_best_stretch_by_its_length_is_the_best_of_all(nights):
    block = np.tile(np.arange(1.0, nights + 1), (50, 1))
    ranks = np.random.default_rng(nights).permuted(block, axis=1)
    assert (changepoint._best_scores(ranks) == changepoint._scores(ranks).max(axis=1)).all()


def test_there_and_back_are_two_changes():
    rng = np.random.default_rng(5)
    values = 100 * rng.lognormal(0, 0.03, 60)
    values[20:35] *= 1.3
    assert changes([values]) == [[20, 35]]


def test_a_change_is_seen_within_a_week_of_nights():
    rng, waits = np.random.default_rng(6), []
    for _ in range(20):
        values = 100 * rng.lognormal(0, 0.03, 60)
        values[40:] *= 1.3
        waits.append(next(n for n in range(41, 60) if {39, 40, 41} & set(changes([values[:n]])[0])) - 40)
    assert np.median(waits) == LEAST_NIGHTS
    assert max(waits) <= 6


def test_one_odd_night_is_not_a_change():
    values = np.random.default_rng(7).normal(100, 3, 40)
    values[30] = 500
    assert changes([values]) == [[]]


@pytest.mark.parametrize("n", range(2 * LEAST_NIGHTS))
def test_too_few_nights_have_no_changes(n):
    assert changes([np.arange(float(n))]) == [[]]


def test_without_series_or_without_variation_there_is_nothing_to_find():
    assert changes([]) == []
    assert changes([np.full(50, 3.0)]) == [[]]


@given(st.lists(st.floats(0.1, 1e3), min_size=6, max_size=30), st.integers(-9, 9))
def test_the_unit_of_a_series_does_not_matter(values, factor):
    ranked = np.argsort(np.argsort(values, kind="stable")).astype(float) + 1
    assert best_cut(ranked) == best_cut(ranked * 2.0**factor)


def test_a_large_step_is_put_at_its_night_even_if_the_nights_before_it_were_a_little_high():
    quiet = [300, 299, 306, 301, 295, 303, 312, 309, 294, 289, 294, 300, 280, 298, 289, 294, 295, 297]
    values = np.array([*quiet, 304, 310, 299, 313, 382, 394, 401, 391, 381, 379], float)
    assert changes([values]) == [[22]]


def test_the_interval_of_a_step_holds_the_true_ratio_as_often_as_it_says():
    rng = np.random.default_rng(8)
    steps = [step(rng.lognormal(0, 0.1, 20), 1.2 * rng.lognormal(0, 0.1, 8)) for _ in range(500)]
    assert np.mean([one.low <= 1.2 <= one.high for one in steps]) > 0.92
    assert np.median([one.ratio for one in steps]) == pytest.approx(1.2, rel=0.02)


def test_there_is_no_ratio_of_what_is_not_positive():
    assert step(np.array([0.0, 1.0]), np.array([1.0, 2.0])) is None
