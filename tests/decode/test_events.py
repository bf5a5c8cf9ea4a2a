import json
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode import events

from .recording import decoded, ended, recorded

MS = 1_000_000


def frame(chunk: Any) -> bytes:
    return b"data: " + (chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()) + b"\n\n"


def delta(content: str, finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 31}}
FIRST = [(100, delta("")), (300, delta(" w"))]
MORE = [(350 + 50 * index, delta(" w w w")) for index in range(10)]
END = [(850, {"choices": [{"delta": {}, "finish_reason": "stop"}]}), (950, USAGE), (1050, b"[DONE]")]
FAILED = {"error": {"message": "EngineCore encountered an issue.", "code": 500}}


def sent(timeline: list[tuple[int, Any]]) -> dict[str, Any]:
    return {"pieces": [frame(chunk) for _, chunk in timeline], "at_ns": [at * MS for at, _ in timeline]}


def test_the_golden_stream_gives_its_marks_and_its_31_tokens() -> None:
    stream = sent([*FIRST, *MORE, *END])
    tokens = decoded(**stream).filter("has_token")
    assert (tokens["at_ns"].min(), tokens["at_ns"].max(), tokens.height) == (300 * MS, 800 * MS, 11)
    row = ended(**stream)
    assert (row["status"], row["completion_tokens"], row["content"].count("w")) == ("complete", 31, 31)


def test_an_error_after_ten_tokens_is_an_in_band_error_that_keeps_them() -> None:
    row = ended(**sent([*FIRST, *MORE[:3], (480, FAILED), (490, b"[DONE]")]))
    assert (row["status"], row["content"].count("w")) == ("in_band_error", 10)
    assert (row["error_code"], row["error_message"]) == ("500", "EngineCore encountered an issue.")


@pytest.mark.parametrize("rest", [[], [(500, b"[DONE]")], [(500, USAGE)]])
def test_a_stream_without_a_finish_reason_is_truncated_whatever_else_ends_it(rest: list[tuple[int, Any]]) -> None:
    row = ended(**sent([*FIRST, *MORE[:3], *rest]))
    assert (row["status"], row["content"].count("w")) == ("truncated", 10)


def test_an_event_bears_the_stamp_of_the_read_that_completed_it() -> None:
    whole = frame(delta("a")) + frame(delta("b")) + frame(delta("c"))
    cut = len(frame(delta("a"))) * 2 - 1
    found = decoded([b"", whole[:cut], whole[cut:]], at_ns=[5, 10, 20])
    assert found.select("event_index", "read_index", "at_ns", "content").rows() == [
        (0, 1, 10, "a"),
        (1, 2, 20, "b"),
        (2, 2, 20, "c"),
    ]


def test_the_table_has_the_columns_of_its_schema_in_order_and_each_is_described() -> None:
    assert decoded([frame(delta("a"))]).schema == events.SCHEMA
    assert decoded([]).schema == events.SCHEMA
    assert list(events.COMMENTS) == events.SCHEMA.names()


def test_rows_are_sorted_whatever_the_order_of_requests_and_reads() -> None:
    parts = [
        recorded([frame(delta("a")) * 2, frame(delta("b"))], request_id=f"run/{index:04}") for index in range(4)
    ]
    requests = pl.concat([request for request, _ in parts])
    reads = pl.concat([read for _, read in parts])
    found = events.decode(requests, reads)
    assert found.select("request_id", "event_index").rows() == [
        (f"run/{r:04}", e) for r in range(4) for e in range(3)
    ]
    assert found.equals(events.decode(requests.reverse(), reads.sample(fraction=1, shuffle=True, seed=7)))


@pytest.mark.parametrize(
    ("body", "label", "http_status", "code", "message"),
    [
        (
            b'{"error":{"message":"slow down","type":"tokens","code":"rate"}}\n',
            "application/json",
            429,
            "rate",
            "slow down",
        ),
        (b'{"error":{"message":"big","code":null}}', "application/octet-stream", 400, None, "big"),
        (b'{\n "error": {"code": 400, "message": "bad key"}\n}\n', "text/event-stream", 400, "400", "bad key"),
        (b'[{"error": {"code": 429, "message": "quota"}}]', "application/json", 429, "429", "quota"),
        (
            b'{"detail":[{"type":"missing","loc":["body"],"msg":"Field required"}]}',
            None,
            422,
            "missing",
            "Field required",
        ),
        (b'{"detail":"Not Found"}', "application/json", 404, None, "Not Found"),
        (b'{"object":"error","message":"no","type":"","code":40301}', "application/json", 400, "40301", "no"),
        (b'{"message":"throttled"}', "application/json", 503, None, "throttled"),
        (
            b'{"success":false,"errors":[{"code":7003,"message":"no route"}]}',
            "application/json",
            404,
            "7003",
            "no route",
        ),
        (b'"nope"', "application/json", 500, None, "nope"),
        (b"upstream connect error", "text/plain", 503, None, None),
        (b"<html>502 Bad Gateway</html>", "text/html", 502, None, None),
        (b"data: {}\n\n", "text/event-stream", 500, None, None),
    ],
)
def test_a_failed_response_is_one_body_event_with_the_error_in_it(
    body: bytes, label: str | None, http_status: int, code: str | None, message: str | None
) -> None:
    (row,) = decoded([body[:5], body[5:]], label=label, http_status=http_status).iter_rows(named=True)
    assert (row["event_type"], row["data_bytes"], row["read_index"]) == ("body", len(body), 1)
    assert (row["error_code"], row["error_message"], row["has_token"]) == (code, message, False)


@pytest.mark.parametrize(
    ("body", "label", "status"),
    [
        (b"<!doctype html><p>data: hello\n\n</p>", "text/html; charset=utf-8", "not_a_stream"),
        (b'{"choices":[{"message":{"content":"Hi"}}]}', "application/json", "not_a_stream"),
        (b'{"error":{"message":"no"}}', "application/json", "in_band_error"),
        (b'{"error":{"message":"no"}}', "text/event-stream", "in_band_error"),
        (b'\n{"detail":"no"}\n', None, "in_band_error"),
        (b"Service is starting", "text/plain", "not_a_stream"),
    ],
)
def test_a_body_that_is_no_stream_is_one_event_whatever_its_label(body: bytes, label: str, status: str) -> None:
    assert decoded([body], label=label)["event_type"].to_list() == ["body"]
    assert ended([body], label=label)["status"] == status


@pytest.mark.parametrize("label", [None, "text/plain", "application/json", "application/octet-stream"])
def test_a_stream_with_a_wrong_label_is_a_stream(label: str | None) -> None:
    row = ended([frame(delta("Hi", "stop"))], label=label)
    assert (row["status"], row["content"]) == ("complete", "Hi")


@pytest.mark.parametrize("label", ["application/x-ndjson", "text/event-stream", "application/json"])
def test_lines_of_json_are_events_with_the_stamps_of_their_ends(label: str) -> None:
    lines = [json.dumps(delta("a")).encode(), b"", json.dumps(delta("b", "stop")).encode()]
    body = b"\r\n".join(lines)
    found = decoded([body[:9], body[9:-1], body[-1:]], label=label)
    assert found.select("event_type", "read_index", "content").rows() == [("line", 1, "a"), ("line", 2, "b")]


@pytest.mark.parametrize("body", [b"", b"\n \n", b": ping\n\n", b'data: {"cho', b"id: 1\n\n"])
def test_a_stream_that_holds_no_event_gives_no_row_and_is_truncated(body: bytes) -> None:
    assert decoded([body]).height == 0
    assert ended([body])["status"] == "truncated"


STREAM = b"".join(frame(chunk) for _, chunk in [*FIRST, *MORE, *END]).replace(b"\n\n", b"\r\n\r\n")
ERROR_PAGE = b'{"error":\n {"message": "no"}}\n'
LINES = json.dumps(delta("a")).encode() + b"\n" + json.dumps(delta("b")).encode()


@settings(max_examples=40)
@given(st.sampled_from([STREAM, ERROR_PAGE, LINES]), st.lists(st.integers(0, 1200), max_size=8))
def test_cuts_change_only_which_read_an_event_came_with(body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    said = pl.exclude("read_index", "at_ns")
    assert decoded(pieces).select(said).equals(decoded([body]).select(said))
