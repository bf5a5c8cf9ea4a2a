from typing import Any

import polars as pl
import pytest

from pipeline.decode.status import STATUSES, WITH_METRICS, content_type, status
from pipeline.trace import OUTCOMES, REQUESTS

SCHEMA = {
    "outcome": pl.String,
    "http_status": pl.Int32,
    "content_type": pl.String,
    "token_event_count": pl.Int64,
    "finish_reason": pl.String,
    "has_error": pl.Boolean,
}
FINE = {
    "outcome": "ended",
    "http_status": 200,
    "content_type": "text/event-stream; charset=utf-8",
    "token_event_count": 9,
    "finish_reason": "stop",
    "has_error": False,
}
NO_RESPONSE = {"http_status": None, "content_type": None, "token_event_count": 0, "finish_reason": None}
NO_END = {"finish_reason": None}
NO_TOKEN = {"token_event_count": 0}


def of(**changes: Any) -> str:
    found = pl.DataFrame([{**FINE, **changes}], schema=SCHEMA).select(status())["status"].item()
    assert found in STATUSES
    return str(found)


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("complete", {}),
        ("complete", {"finish_reason": "tool_calls"}),
        ("complete", {"finish_reason": "eos_token"}),
        ("complete", {"content_type": None}),
        ("complete", {"content_type": "application/json"}),
        ("complete", {"content_type": "application/x-ndjson"}),
        ("complete", {"http_status": 201}),
        ("complete", {"outcome": "broken_off"}),
        ("complete", {"outcome": "bad_framing"}),
        ("complete", {"outcome": "timed_out"}),
        ("complete", {"outcome": "over_limit"}),
        ("length", {"finish_reason": "length"}),
        ("length", {"finish_reason": "length", "outcome": "broken_off"}),
        ("content_filter", {"finish_reason": "content_filter"}),
        ("content_filter", {"finish_reason": "content_filter", **NO_TOKEN}),
        *(
            ("length", {"finish_reason": said})
            for said in ("max_tokens", "MAX_TOKENS", "max_output_tokens", "LENGTH")
        ),
        *(("content_filter", {"finish_reason": said}) for said in ("SAFETY", "refusal", "guardrail_intervened")),
        *(("in_band_error", {"finish_reason": said}) for said in ("error", "failed", "MALFORMED_FUNCTION_CALL")),
        *(("complete", {"finish_reason": said}) for said in ("end_turn", "STOP", "completed", "done", "unknown")),
        ("complete", {"content_type": "application/vnd.amazon.eventstream"}),
        ("empty", {"content_type": "application/vnd.amazon.eventstream", **NO_TOKEN}),
        ("empty", NO_TOKEN),
        ("empty", {"finish_reason": "length", **NO_TOKEN}),
        ("truncated", NO_END),
        ("truncated", {**NO_END, **NO_TOKEN}),
        ("truncated", {**NO_END, "outcome": "broken_off"}),
        ("truncated", {**NO_END, "outcome": "bad_framing"}),
        ("truncated", {**NO_END, "outcome": "over_limit"}),
        ("truncated", {**NO_END, **NO_TOKEN, "content_type": None}),
        ("timeout", {**NO_END, "outcome": "timed_out"}),
        ("timeout", {**NO_RESPONSE, "outcome": "timed_out"}),
        ("not_a_stream", {**NO_END, **NO_TOKEN, "content_type": "text/html"}),
        ("not_a_stream", {**NO_END, **NO_TOKEN, "content_type": "application/json"}),
        ("in_band_error", {"has_error": True}),
        ("in_band_error", {**NO_END, **NO_TOKEN, "has_error": True}),
        ("in_band_error", {**NO_END, "has_error": True, "outcome": "broken_off"}),
        ("in_band_error", {**NO_TOKEN, "has_error": True, "content_type": "application/json"}),
        ("in_band_error", {"finish_reason": "error"}),
        ("http_error", {"http_status": 429, "has_error": True, **NO_END, **NO_TOKEN}),
        ("http_error", {"http_status": 502, "content_type": "text/html", **NO_END, **NO_TOKEN}),
        ("http_error", {"http_status": 307, **NO_END, **NO_TOKEN}),
        ("http_error", {"http_status": 500, "outcome": "timed_out", **NO_END, **NO_TOKEN}),
        ("connection_error", {**NO_RESPONSE, "outcome": "not_connected"}),
        ("connection_error", {**NO_RESPONSE, "outcome": "broken_off"}),
        ("connection_error", {**NO_RESPONSE, "outcome": "bad_framing"}),
        ("cancelled", {"outcome": "cancelled"}),
        ("cancelled", {**NO_RESPONSE, "outcome": "cancelled"}),
        ("cancelled", {"outcome": "cancelled", "http_status": 500, "has_error": True}),
    ],
)
def test_every_request_ends_in_exactly_one_status(expected: str, changes: dict[str, Any]) -> None:
    assert of(**changes) == expected


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_no_outcome_is_left_without_a_status(outcome: str) -> None:
    of(outcome=outcome)
    of(outcome=outcome, **NO_RESPONSE)


def test_only_statuses_with_all_their_tokens_have_metrics() -> None:
    assert set(WITH_METRICS) == {"complete", "length"}
    assert set(WITH_METRICS) < set(STATUSES)
    assert len(STATUSES) == 11


def test_the_content_type_is_lower_case_and_the_first_of_several() -> None:
    several = [{"name": "content-type", "value": value} for value in ("Text/HTML", "b")]
    other = {"name": "x", "value": "y"}
    headers = [[other, *several], [other], [], None]
    frame = pl.DataFrame({"response_headers": headers}, schema={"response_headers": REQUESTS["response_headers"]})
    assert frame.select(content_type())["content_type"].to_list() == ["text/html", None, None, None]
