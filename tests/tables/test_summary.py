import pytest

from pipeline.tables import summary
from tests import streams
from tests.tables.test_golden import build


def a_night_of(rounds):
    """Rounds of five golden streams, each round slower than the one before it by 20 ms."""
    return a_night_of_runs(range(1, rounds + 1))


def a_night_of_runs(rounds):
    """A run of five golden streams for each of these numbers of rounds, each run slower than the one before it."""
    requests, rows, manifests = [], [], []
    for position, number in enumerate(rounds, 1):
        run = f"run{position}"
        manifests.append(streams.manifest(run, round=number, requests_planned=5))
        for index in range(5):
            requests.append(streams.request(index, run, round=number, end_ns=2000 * streams.MS))
            later = [(at + 20 * position + index, data) for at, data in streams.GOLDEN]
            rows += streams.reads(later, f"{run}/{index:04d}")
    return build(streams.recorded(requests, rows, *manifests))


def of(made, metric):
    (row,) = [row for row in made["summary"].to_dicts() if row["metric"] == metric]
    return row


def test_with_several_rounds_every_figure_has_an_interval_around_it():
    made = a_night_of(4)
    for metric in ("ttft_ms", "e2e_ms"):
        row = of(made, metric)
        for figure in ("mean", "p50", "p90", "p95"):
            assert row[f"{figure}_low"] < row[figure] < row[f"{figure}_high"], (metric, figure)


def test_with_one_round_no_figure_has_one():
    row = of(a_night_of(1), "ttft_ms")
    assert row["p50"] == 322
    assert {row[name] for name in summary.intervals.COLUMNS} == {None}


def test_figures_that_never_vary_have_an_interval_without_width():
    row = of(a_night_of(3), "output_speed_tok_s")
    assert (row["p50_low"], row["p50_high"]) == pytest.approx((60, 60))


def test_the_same_night_gives_the_same_intervals():
    assert a_night_of(3)["summary"].equals(a_night_of(3)["summary"])


def test_a_round_that_two_runs_recorded_is_one_round():
    broken_off = a_night_of_runs([1, 1])
    row = of(broken_off, "ttft_ms")
    assert (row["rounds"], row["n"]) == (1, 10)
    assert {row[name] for name in summary.intervals.COLUMNS} == {None}
    assert of(broken_off, "output_throughput_tok_s")["p50_low"] is None


def test_an_interval_rests_on_rounds_however_many_runs_recorded_them():
    whole, broken_off = a_night_of_runs([1, 2, 2]), a_night_of_runs([1, 2, 2])["ttft"]
    one_run_a_round = broken_off.with_columns(run_id="round")
    (row,) = summary.intervals.intervals(
        one_run_a_round.select(*summary.GRAIN, "round", value="ttft_ms"), summary.GRAIN
    ).to_dicts()
    assert row["p50_low"] == of(whole, "ttft_ms")["p50_low"]
    assert of(whole, "ttft_ms")["rounds"] == 2
