from dataclasses import replace

import pytest

from pipeline import trace
from tests import streams
from tests.tables.test_golden import build

FOUND = {"streams": 1, "events": 104, "stamp_error_p50_ns": 1e6, "stamp_error_p99_ns": 3e6}


def calibrated(*errors_ns, concurrency=1, recorder="here"):
    """The golden stream in a night whose calibrations found these errors."""
    taken = [
        trace.Calibration(
            schema_version=1, recorder=recorder, night=streams.NIGHT, round=1, moment="before",
            measured_at=f"2026-11-24T02:0{n}", concurrency=concurrency, tok_s=200.0,
            found={**FOUND, "stamp_error_p99_ns": float(error)}, error=None,
        )
        for n, error in enumerate(errors_ns)
    ]  # fmt: skip
    made = build(replace(streams.one(streams.GOLDEN), calibrations=taken))["instrument"]
    return {row["metric"]: row for row in made.to_dicts()}


def test_the_error_of_a_latency_is_the_median_over_the_nights_calibrations():
    row = calibrated(1e6, 3e6, 50e6)["ttft_ms"]
    assert (row["figure_ms"], row["instrument_error_ms"]) == (300, 3)
    assert row["error_share"] == pytest.approx(0.01)


def test_the_error_of_a_speed_is_over_the_time_that_tokens_took():
    row = calibrated(5e6)["output_speed_tok_s"]
    assert (row["figure_ms"], row["error_share"]) == (500, pytest.approx(0.01))


def test_where_most_answers_came_in_one_read_a_speed_has_no_time_to_be_wrong_over():
    at_once = [(100, payload) for _, payload in streams.GOLDEN]
    scripts = [at_once, at_once, streams.GOLDEN]
    made = build(
        streams.recorded(
            [streams.request(n) for n in range(3)],
            [row for n, script in enumerate(scripts) for row in streams.reads(script, f"run/{n:04d}")],
        )
    )["instrument"]
    found = {row["metric"]: row for row in made.to_dicts()}
    assert found["ttft_ms"]["figure_ms"] == 100
    assert found["output_speed_tok_s"]["figure_ms"] is None


def test_a_calibration_at_another_concurrency_says_nothing():
    row = calibrated(1e6, concurrency=8)["ttft_ms"]
    assert row["error_share"] is None


def test_a_calibration_of_another_machine_says_nothing():
    assert calibrated(1e6, recorder="gpu-box")["ttft_ms"]["error_share"] is None
    assert calibrated(1e6)["ttft_ms"]["recorder"] == "here"
