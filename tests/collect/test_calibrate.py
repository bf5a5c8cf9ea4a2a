import asyncio

import numpy as np
import pytest
import uvloop

from pipeline.collect import calibrate
from pipeline.collect.flow import Load
from pipeline.collect.transport import Recording
from pipeline.collect.truth.log import Log

ROLE, ONE, TWO = b"data: r\n\n", b"data: 1\n\n", b"data: 2\n\n"


def log(before_ns, events, request_ns=50):
    return Log(
        id="a", script="{}", accepted_ns=0, request_ns=request_ns, read_ns=60, is_complete=True, due_ns=before_ns,
        before_ns=before_ns, after_ns=before_ns, bytes=[9] * len(before_ns), events=events,
    )  # fmt: skip


def recording(stamps_ns, payloads, sent_ns=40):
    made = Recording(sent_ns=sent_ns, payloads=payloads)
    made.stamps_ns.extend(stamps_ns)
    return made


def test_an_event_belongs_to_the_read_that_held_its_last_byte():
    assert calibrate.event_reads([b"", ROLE + b"data: 1\n", b"\n", TWO + ONE]).tolist() == [1, 2, 3, 3]


def test_a_body_without_events_has_none():
    assert calibrate.event_reads([b"", b"{}"]).tolist() == []
    assert calibrate.event_reads([]).tolist() == []


def test_the_error_of_a_stamp_counts_from_the_send_that_completed_the_event():
    truth = log([100, 200, 210, 300], [1, 0, 1, 1])
    stream = calibrate.matched(recording([107, 215, 304], [ROLE, ONE, TWO]), truth, called_ns=30)
    assert stream.stamp_errors_ns.tolist() == [7, 5, 4]


def test_the_error_of_a_ttft_is_both_its_ends():
    stream = calibrate.matched(recording([107, 215], [ROLE, ONE]), log([100, 200], [1, 1]), called_ns=30)
    assert stream.ttft_error_ns == (215 - 40) - (200 - 50)
    assert stream.ttft_error_from_call_ns == (215 - 30) - (200 - 50)


def test_a_read_is_shared_when_it_holds_events_of_two_sends():
    apart = calibrate.matched(recording([1, 2], [ROLE, ONE + TWO]), log([0, 1], [1, 2]), 0)
    together = calibrate.matched(recording([1, 2], [ROLE, ONE + TWO]), log([0, 1, 2], [1, 1, 1]), 0)
    assert (apart.shared_reads, together.shared_reads) == (0, 1)
    assert calibrate.summarised([apart, together])["shared_read_share"] == 1 / 4


def test_a_recording_that_lost_an_event_is_an_error_and_no_figure():
    with pytest.raises(calibrate.CalibrationError, match="3 events were sent and 2 recorded"):
        calibrate.matched(recording([1, 2], [ROLE, ONE]), log([0, 1, 2], [1, 1, 1]), 0)


def test_no_p99_of_fewer_than_a_hundred_values():
    assert calibrate.quantiles("x", np.arange(99))["x_p99_ns"] is None
    assert calibrate.quantiles("x", np.arange(101))["x_p99_ns"] == 99
    assert calibrate.quantiles("x", np.array([], np.int64)) == {
        "x_p50_ns": None,
        "x_p99_ns": None,
        "x_max_ns": None,
    }


def test_a_calibration_tells_how_wrong_the_recorder_is_at_a_load():
    row = uvloop.run(calibrate.calibrate(Load(4, 400.0), 40))
    assert (row["streams"], row["events"], row["concurrency"]) == (4, 4 * 44, 4)
    assert (row["tok_s"], row["rate_req_s"]) == (400.0, None)
    assert row["reads"] >= 4
    assert 0 <= row["stamp_error_p50_ns"] <= row["stamp_error_p99_ns"] <= row["stamp_error_max_ns"]
    assert row["ttft_error_max_ns"] <= row["ttft_error_from_call_max_ns"]
    assert row["ttft_error_p99_ns"] is None
    assert row["loop_lag_p50_ns"] is not None
    assert row["cpu_share"] > 0


def test_a_calibration_runs_on_the_standard_event_loop_too():
    assert asyncio.run(calibrate.calibrate(Load(1, 800.0), 5))["events"] == 9


def test_a_target_that_is_reached_through_tls_is_calibrated_through_tls():
    row = uvloop.run(calibrate.calibrate(Load(4, 400.0, is_tls=True), 40))
    assert (row["is_tls"], row["streams"], row["events"]) == (True, 4, 4 * 44)
    assert 0 <= row["stamp_error_p50_ns"] <= row["stamp_error_p99_ns"]


def test_where_no_certificate_can_be_made_tls_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr(calibrate, "which", lambda _: None)
    assert uvloop.run(calibrate.calibrate(Load(1, 400.0, is_tls=True), 5))["is_tls"] is False


def test_an_open_loop_is_calibrated_with_streams_that_arrive_at_its_rate():
    load = Load(4, 200.0, rate_req_s=40.0)
    row = uvloop.run(calibrate.calibrate(load, 100))
    assert (row["streams"], row["rate_req_s"]) == (40, 40.0)
    assert row["wall_ns"] > 39 / 40.0 * 1e9
