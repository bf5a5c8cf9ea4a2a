"""The golden stream: its truth is known to the nanosecond, so every column must be exact."""

import pytest

from pipeline import tables
from tests import streams


def build(recorded):
    made = {}
    for name, table in tables.tables().items():
        made[name] = table.build(*(recorded if i == tables.TRACE else made[i] for i in table.inputs))
    return made


def row(frame):
    assert frame.height == 1
    return frame.row(0, named=True)


def test_the_golden_stream_has_its_true_figures():
    made = build(streams.one(streams.GOLDEN))
    request, ttft, speed = row(made["requests"]), row(made["ttft"]), row(made["output_speed"])
    assert request["status"] == "complete"
    assert (request["tokens"], request["token_source"], request["tokens_first_arrival"]) == (31, "reported", 1)
    assert (request["event_count"], request["token_event_count"], request["arrival_count"]) == (15, 11, 11)
    assert (ttft["ttft_ms"], ttft["first_byte_ms"]) == (300, 100)
    assert ttft["ttft_cold_ms"] is None
    assert speed["e2e_ms"] == 800
    assert speed["tpot_ms"] == pytest.approx(500 / 30)
    assert speed["output_speed_tok_s"] == pytest.approx(60)


def test_the_window_of_one_stream_is_the_whole_request():
    throughput = row(build(streams.one(streams.GOLDEN))["throughput"])
    assert throughput["window_s"] == pytest.approx(1.05)
    assert throughput["tokens_in_window"] == pytest.approx(31)
    assert throughput["output_throughput_tok_s"] == pytest.approx(31 / 1.05)
    assert throughput["success_rate"] == 1


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ([*streams.GOLDEN[:5], (480, streams.ERROR)], "in_band_error"),
        (streams.GOLDEN[:5], "truncated"),
        ([(5, b"")], "truncated"),
    ],
)
def test_a_failed_stream_has_a_status_and_no_metric(script, status):
    made = build(streams.one(script))
    assert row(made["requests"])["status"] == status
    assert made["ttft"].is_empty()
    assert made["output_speed"].is_empty()
    assert made["summary"].filter(made["summary"]["metric"] == "ttft_ms").is_empty()
    assert row(made["throughput"])["success_rate"] == 0


def test_tokens_of_a_failed_stream_are_kept():
    request = row(build(streams.one([*streams.GOLDEN[:5], (480, streams.ERROR)]))["requests"])
    assert request["token_event_count"] == 4
    assert request["error_message"] == "the engine died"


def test_all_tokens_in_one_arrival_have_no_speed():
    data = b"".join(data for _, data in streams.GOLDEN)
    speed = row(build(streams.one([(300, data)]))["output_speed"])
    assert speed["e2e_ms"] == 300
    assert speed["tpot_ms"] is None
    assert speed["output_speed_tok_s"] is None


def test_a_request_that_was_never_sent_is_counted():
    never = {"outcome": "not_connected", "error": "refused", "sent_ns": None, "http_status": None}
    made = build(streams.one([], **never, response_headers=[], is_connection_reused=False))
    assert row(made["requests"])["status"] == "connection_error"
    assert row(made["throughput"])["requests_sent"] == 1
    assert row(made["throughput"])["window_s"] is None


def test_a_cold_connection_has_a_ttft_of_its_own():
    cold = {"is_connection_reused": False, "connect_started_ns": 960 * streams.MS}
    ttft = row(build(streams.one(streams.GOLDEN, **cold))["ttft"])
    assert (ttft["ttft_ms"], ttft["ttft_cold_ms"]) == (300, 340)


def test_warm_up_requests_enter_no_metric():
    made = build(streams.one(streams.GOLDEN, is_warmup=True))
    assert made["requests"].height == 1
    assert made["ttft"].is_empty()
    assert row(made["throughput"])["requests_sent"] == 0


def test_ramp_up_and_drain_lie_outside_the_window():
    streams_of_two = streams.manifest(concurrency=2)
    rows, sent = [], []
    for index, start in enumerate((1000, 1200, 2050)):
        sent.append(
            streams.request(
                index, sent_ns=start * streams.MS, scheduled_ns=start * streams.MS, end_ns=1050 * streams.MS
            )
        )
        rows += streams.reads(streams.GOLDEN, f"run/{index:04d}")
    made = build(streams.recorded(sent, rows, streams_of_two))
    throughput = row(made["throughput"])
    assert throughput["window_start_ns"] == 1200 * streams.MS
    assert throughput["window_s"] == pytest.approx(1.05)  # until the second stream ends, at 2250
    assert throughput["requests_in_window"] == 2
    assert made["requests"]["phase"].to_list() == ["ramp_up", "window", "drain"]


def test_the_window_of_an_open_loop_lies_between_its_first_and_its_last_arrival():
    load = {"scenario": {"kind": "open", "rate_req_s": 2.0, "arrivals": "constant"}, "workload": {}}
    sent = [
        streams.request(
            index,
            is_warmup=index == 0,
            sent_ns=500 * index * streams.MS,
            scheduled_ns=500 * index * streams.MS,
            end_ns=1050 * streams.MS,
        )
        for index in range(6)
    ]
    rows = [read for index in range(6) for read in streams.reads(streams.GOLDEN, f"run/{index:04d}")]
    made = build(streams.recorded(sent, rows, streams.manifest(concurrency=64, load=load)))
    assert made["requests"]["phase"].to_list() == ["warmup", "window", "window", "drain", "drain", "drain"]
    throughput = row(made["throughput"])
    assert (throughput["load"], throughput["rate_req_s"], throughput["concurrency"]) == ("open", 2.0, 64)
    assert throughput["window_start_ns"] == 500 * streams.MS
    assert throughput["window_s"] == pytest.approx(2.0)
    assert throughput["requests_in_window"] == 2


def test_p99_needs_a_hundred_values():
    n = 100
    requests = [streams.request(i, end_ns=1050 * streams.MS) for i in range(n)]
    rows = [read for i in range(n) for read in streams.reads(streams.GOLDEN, f"run/{i:04d}")]
    summary = build(streams.recorded(requests, rows))["summary"]
    few = build(streams.recorded(requests[1:], rows))["summary"]
    assert summary.filter(summary["metric"] == "ttft_ms")["p99"].to_list() == [300]
    assert few.filter(few["metric"] == "ttft_ms")["p99"].to_list() == [None]


def test_tables_without_rows_have_the_same_columns():
    nothing, something = build(tables.Recorded.nothing()), build(streams.one(streams.GOLDEN))
    for name, frame in nothing.items():
        assert frame.is_empty()
        assert frame.schema == something[name].schema, name
