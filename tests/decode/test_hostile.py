"""Whatever comes back, under whatever label: nothing raises, and every request ends in exactly one status."""

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.decode import events
from pipeline.decode.dialects import known
from pipeline.decode.status import STATUSES, WITH_METRICS
from pipeline.trace import OUTCOMES
from tests import streams

from . import one_by_one
from .recording import boiled_down, ended, recorded

CORPUS = Path(os.environ.get("TOKENCLOCK_WIRE_CORPUS", "/nowhere"))
WHOLE = b"".join(data for _, data in streams.GOLDEN)
SEEDS = [
    WHOLE,
    streams.ROLE + streams.chunk("one") + streams.ERROR,
    WHOLE.replace(b"\n", b"\r\n"),
    b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9}}}\n\n",
    b'{"model":"m","message":{"content":"hi"},"done":false}\n{"model":"m","done":true,"done_reason":"stop"}\n',
    b'[{"candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}]}]',
    b"<!doctype html><html><title>502 Bad Gateway</title></html>",
    b'{"error":{"message":"no","code":"model_decommissioned"}}',
    b"\x00\x00\x00\x1d\x00\x00\x00\x0dxxxx",
    b"",
    *(path.read_bytes() for path in sorted(CORPUS.glob("*/*")) if path.is_file() and ".json" not in path.suffixes),
]  # fmt: skip
LABELS = st.one_of(
    st.sampled_from(
        [None, "", "text/event-stream", "text/html; charset=utf-8", "application/json", "application/x-ndjson",
         "application/octet-stream", "application/vnd.amazon.eventstream", "TEXT/EVENT-STREAM", "audio/ogg", ";;"]
    ),
    st.text(max_size=20),
)  # fmt: skip
JSON_HURT = [
    b"null",
    b"[]",
    b"{}",
    b'""',
    b"-1e999",
    b"1" * 400,
    b'"\\ud800"',
    b"true",
    b"[" * 2000,
    b"\xff",
    b"\x00",
]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A known body, hurt a few times."""
    body = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(body))] * 2)))
        hurt = draw(st.sampled_from(["cut", "drop", "twice", "put", "value"]))
        if hurt == "cut":
            body = body[:start]
        elif hurt == "drop":
            body = body[:start] + body[end:]
        elif hurt == "twice":
            body = body[:end] + body[start:]
        elif hurt == "put":
            body = body[:start] + draw(st.binary(max_size=9)) + body[start:]
        else:
            colon = body.find(b":", start)
            body = body[: colon + 1] + draw(st.sampled_from(JSON_HURT)) + body[colon + 2 :]
    return (
        draw(st.sampled_from([body, gzip.compress(body)[: len(body) // 2], zlib.compress(body)]))
        if draw(st.integers(0, 9)) == 0
        else body
    )


@settings(max_examples=150)
@given(
    body=bodies(), cut=st.integers(0, 400), label=LABELS, dialect=st.sampled_from(sorted(known())),
    http_status=st.sampled_from([None, 100, 200, 201, 204, 302, 400, 401, 429, 500, 503, 599]),
    outcome=st.sampled_from(OUTCOMES),
)  # fmt: skip
def test_nothing_raises_and_there_is_one_status(
    body: bytes, cut: int, *, label: str | None, dialect: str, http_status: int | None, outcome: str
) -> None:
    facts: dict[str, Any] = {"label": label, "dialect": dialect, "http_status": http_status, "outcome": outcome}
    requests, reads = recorded([body[:cut], body[cut:]], **facts)
    found = events.decode(requests, reads)
    assert found.equals(one_by_one.decode(requests, reads))
    row = boiled_down(requests, found).row(0, named=True)
    assert row["status"] in STATUSES
    if row["status"] in WITH_METRICS:
        assert row["token_event_count"] > 0
        assert row["finish_reason"]
        assert 200 <= row["http_status"] <= 299


@pytest.mark.parametrize("dialect", sorted(known()))
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", "truncated"),
        (b"\n\n\n", "truncated"),
        (gzip.compress(WHOLE)[:200], "truncated"),
        (b": ping\n\n" * 9, "truncated"),
    ],
)
def test_a_stream_in_which_nothing_was_said_is_truncated(dialect: str, body: bytes, status: str) -> None:
    assert ended([body], dialect=dialect)["status"] == status


@pytest.mark.parametrize("label", ["text/html", "application/json", "image/png"])
def test_what_is_no_stream_and_says_nothing_is_told_so(label: str) -> None:
    for body in (b"", b"<html>busy</html>", b"{}"):
        assert ended([body], label=label)["status"] == "not_a_stream"
