from dataclasses import replace

import msgspec
import pytest

from pipeline import trace
from tests import streams
from tests.tables.test_golden import build

FOUND = {"streams": 1, "events": 104, "stamp_error_p50_ns": 1e6, "stamp_error_p99_ns": 3e6}


def calibration(error_ns, minute=0, recorder="here", concurrency=1, **load):
    """One that found this error."""
    return trace.Calibration(
        schema_version=1, recorder=recorder, night=streams.NIGHT, round=1, moment="before",
        measured_at=f"2026-11-24T02:0{minute}", concurrency=concurrency, **{"tok_s": 200.0, **load},
        found={**FOUND, "stamp_error_p99_ns": error_ns}, error=None,
    )  # fmt: skip


def judged(taken, url=None, **load):
    """The golden stream's TTFT beside these calibrations, its run of that load."""
    night = replace(streams.one(streams.GOLDEN), calibrations=taken)
    (run,) = night.manifests
    told = {
        "scenario": {"kind": "open" if "rate_req_s" in load else "closed", **load},
        "flow": load.pop("flow", {}),
    }
    target = msgspec.structs.replace(run.target, url=url)
    changed = msgspec.structs.replace(run, target=target, concurrency=load.get("max_in_flight", 1), load=told)
    made = build(replace(night, manifests=[changed]))["instrument"]
    (row,) = made.filter(metric="ttft_ms").to_dicts()
    return row


def calibrated(*errors_ns, concurrency=1, recorder="here"):
    """The golden stream in a night whose calibrations found these errors."""
    taken = [calibration(float(error), n, recorder, concurrency) for n, error in enumerate(errors_ns)]
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


def test_of_several_rates_the_one_nearest_to_that_of_the_streams_counts():
    taken = [calibration(9e6), calibration(1e6, 1, tok_s=50.0), calibration(3e6, 2, tok_s=50.0)]
    row = judged(taken, flow={"stream_reads_s": 30.0, "in_flight": 1})
    assert (row["stream_reads_s"], row["calibrated_tok_s"], row["calibrated_streams"]) == (30, 50, 1)
    assert row["instrument_error_ms"] == 2


def test_where_no_run_says_how_fast_it_was_all_calibrations_at_its_concurrency_count():
    row = judged([calibration(1e6), calibration(3e6, 1, tok_s=50.0)])
    assert (row["stream_reads_s"], row["instrument_error_ms"]) == (None, 2)


def test_a_calibration_that_could_not_tell_is_not_the_nearest():
    taken = [calibration(None, tok_s=50.0), calibration(3e6, 1)]
    assert judged(taken, flow={"stream_reads_s": 50.0, "in_flight": 1})["instrument_error_ms"] == 3


def test_an_open_loop_has_the_error_of_its_arrivals_with_about_as_many_streams():
    load = {"rate_req_s": 2.0, "max_in_flight": 64, "flow": {"stream_reads_s": 50.0, "in_flight": 7}}
    taken = [
        calibration(1e6, 0, concurrency=8, tok_s=50.0, rate_req_s=2.0),
        calibration(2e6, 1, concurrency=64, tok_s=50.0, rate_req_s=2.0),
        calibration(3e6, 2, concurrency=8, tok_s=50.0, rate_req_s=4.0),
        calibration(4e6, 3, concurrency=64, tok_s=50.0),
    ]
    row = judged(taken, **load)
    assert (row["instrument_error_ms"], row["calibrated_streams"]) == (1, 8)
    assert judged(taken[2:], **load)["instrument_error_ms"] == 4  # of a night whose calibrations say no arrivals


@pytest.mark.parametrize(("url", "error_ms"), [("http://x/v1", 1), ("https://x/v1", 2), (None, 1)])
def test_a_target_has_the_error_of_calibrations_through_tls_where_it_is_reached_so(url, error_ms):
    plain, sealed = calibration(1e6), calibration(2e6, 1)
    sealed.found["is_tls"] = True
    row = judged([plain, sealed], url=url)
    assert (row["instrument_error_ms"], row["is_calibrated_over_tls"]) == (error_ms, error_ms == 2)
    assert judged([plain], url=url)["instrument_error_ms"] == 1


def test_a_closed_loop_is_not_judged_by_arrivals():
    assert judged([calibration(1e6, rate_req_s=2.0)])["error_share"] is None
