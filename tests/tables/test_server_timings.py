import json
from typing import Any

import pytest

from pipeline import tables
from pipeline.tables.recorded import Recorded
from tests import streams
from tests.streams import GOLDEN

GROQ = {"queue_time": 0.01, "prompt_time": 0.2, "completion_time": 0.6, "total_time": 0.8}


def build(recorded: Recorded, name: str) -> list[dict[str, Any]]:
    built: dict[str, Any] = {tables.TRACE: recorded}
    for table in tables.tables().values():
        if table.name in ("events", "requests", name):
            built[table.name] = table.build(*(built[one] for one in table.inputs))
    return list(built[name].iter_rows(named=True))


def told(headers: dict[str, str] | None = None, **usage: float) -> Recorded:
    """The golden stream (TTFT 300 ms, 31 tokens in 800 ms) whose usage tells these times."""
    said = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 31, **usage}}
    frame = f"data: {json.dumps(said)}\n\n".encode()
    script = [frame if data == streams.USAGE else data for _, data in GOLDEN]
    pairs = [{"name": name, "value": value} for name, value in (headers or {}).items()]
    timeline = [(at, data) for (at, _), data in zip(GOLDEN, script, strict=True)]
    return streams.one(timeline, response_headers=pairs)


def test_the_server_s_account_stands_beside_ours() -> None:
    (row,) = build(told({"x-request-id": "r", "x-groq-region": "yul"}, **GROQ), "server_timings")
    assert (row["ttft_ms"], row["e2e_ms"], row["end_ms"]) == (300, 800, 1050)
    told_by_server = (
        row["server_queue_ms"],
        row["server_prefill_ms"],
        row["server_decode_ms"],
        row["server_total_ms"],
    )
    assert told_by_server == pytest.approx((10, 200, 600, 800))
    assert (row["server_first_token_ms"], row["beyond_server_ms"]) == pytest.approx((210, 90))
    assert row["server_decode_tok_s"] == pytest.approx(31 / 0.6)
    assert (row["region"], row["provider_request_id"]) == ("yul", "r")


def flags(**usage: float) -> dict[str, bool | None]:
    (row,) = build(told(**{**GROQ, **usage}), "server_timings")
    return {name: row[name] for name in row if name.startswith("is_") and name != "is_warmup"}


@pytest.mark.parametrize(
    ("usage", "flag"),
    [
        ({"completion_time": 0.5}, None),
        ({"completion_time": 0.6}, "is_decode_above_server"),
        ({"completion_time": 0.5, "prompt_time": 0.3}, "is_ttft_below_server"),
        ({"completion_time": 0.5, "total_time": 1.06}, "is_end_below_server"),
        ({"completion_time": 0.5, "queue_time": 0.031}, "is_queue_in_ttft"),
    ],
)
def test_each_contradiction_is_flagged_and_no_other(usage: dict[str, float], flag: str | None) -> None:
    assert [name for name, is_set in flags(**usage).items() if is_set] == ([flag] if flag else [])


def test_what_the_server_does_not_tell_cannot_be_contradicted() -> None:
    (row,) = build(told(total_time=0.5), "server_timings")
    unknown = ("is_decode_above_server", "is_ttft_below_server", "is_queue_in_ttft", "beyond_server_ms")
    assert [row[name] for name in unknown] == [None] * 4
    assert row["is_end_below_server"] is False


def test_a_server_that_tells_nothing_has_no_row() -> None:
    assert build(streams.one(GOLDEN), "server_timings") == []
    assert build(Recorded.nothing(), "server_timings") == []


def test_a_header_counts_where_the_stream_is_silent() -> None:
    stated = {"fireworks-server-time-to-first-token": "0.25", "server-timing": "total;dur=280"}
    (row,) = build(told(stated), "server_timings")
    assert (row["server_ttft_ms"], row["server_head_ms"], row["beyond_server_ms"]) == (250, 280, 50)
    (row,) = build(told(stated, time_to_first_token_ms=240), "server_timings")
    assert row["server_ttft_ms"] == 240


def test_a_failed_request_keeps_the_server_s_account_and_has_none_of_ours() -> None:
    recorded = told(**GROQ)
    first = recorded.reads["payload"].to_list()
    script = [(at, data) for (at, _), data in zip(GOLDEN, first, strict=True) if b'"stop"' not in data]
    (row,) = build(streams.one(script), "server_timings")
    assert (row["status"], row["ttft_ms"], row["is_queue_in_ttft"]) == ("truncated", None, None)
    assert row["server_queue_ms"] == pytest.approx(10)


def test_a_request_says_who_answered_it_and_where() -> None:
    stated = {"x-request-id": "r", "x-ms-region": "East US", "cf-ray": "9c-PRG", "x-inference-provider": "cerebras"}
    (row,) = build(told(stated), "requests")
    said = row["provider_request_id"], row["region"], row["edge"], row["served_by"]
    assert said == ("r", "East US", "PRG", "cerebras")


def test_each_limit_that_a_response_states_is_a_row() -> None:
    stated = {
        "x-groq-region": "yul",
        "cf-ray": "9c0d-PRG",
        "x-request-id": "r",
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-remaining-requests": "14393",
        "x-ratelimit-reset-tokens": "2s",
    }
    rows = build(told(stated), "limits")
    assert [(row["subject"], row["period"], row["allowed"], row["remaining"], row["reset_ms"]) for row in rows] == [
        ("requests", "day", 14400, 14393, None),
        ("tokens", "minute", None, None, 2000),
    ]
    assert {(row["region"], row["provider_request_id"]) for row in rows} == {("yul", "r")}
    assert build(streams.one(GOLDEN), "limits") == []
