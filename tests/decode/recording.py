"""Recorded requests as tests build them: bodies cut into reads, and the row that the events boil down to."""

from typing import Any

import polars as pl

from pipeline import trace
from pipeline.decode import events
from pipeline.decode.status import content_type, status

FACTS = ("request_id", "dialect", "http_status", "response_headers", "outcome")


def recorded(
    pieces: list[bytes], *, at_ns: list[int] | None = None, label: str | None = "text/event-stream", **facts: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One request whose body came in `pieces`, one read each, as frames of requests and reads."""
    headers = [{"name": "content-type", "value": label}] if label else []
    request = {"request_id": "run/0000", "dialect": "openai-chat", "http_status": 200, "outcome": "ended"}
    request |= {"response_headers": headers, **facts}
    stamps = at_ns or [index * 1_000_000 for index in range(len(pieces))]
    reads = [
        {"request_id": request["request_id"], "read_index": index, "at_ns": at, "wire_bytes": 0, "payload": piece}
        for index, (at, piece) in enumerate(zip(stamps, pieces, strict=True))
    ]
    schema = {name: trace.REQUESTS[name] for name in FACTS}
    return pl.DataFrame([request], schema=schema), pl.DataFrame(reads, schema=trace.READS)


def decoded(pieces: list[bytes], **facts: Any) -> pl.DataFrame:
    return events.decode(*recorded(pieces, **facts))


def boiled_down(requests: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """One row a request: counts, last words, texts and status."""
    last = ("finish_reason", "prompt_tokens", "completion_tokens", "error_code", "error_message", "model")
    ends = found.group_by("request_id", maintain_order=True).agg(
        event_count=pl.len(),
        token_event_count=pl.col("has_token").sum(),
        has_error=pl.any_horizontal(pl.col("error_code", "error_message").is_not_null()).any(),
        **{name: pl.col(name).drop_nulls().last() for name in last},
        **{name: pl.col(name).drop_nulls().str.join() for name in ("content", "reasoning", "tool_calls")},
    )
    rows = requests.with_columns(content_type()).join(ends, on="request_id", how="left")
    counts = pl.col("event_count", "token_event_count").fill_null(0)
    return rows.with_columns(counts, pl.col("has_error").fill_null(value=False)).with_columns(status())


def ended(pieces: list[bytes], **facts: Any) -> dict[str, Any]:
    requests, reads = recorded(pieces, **facts)
    return boiled_down(requests, events.decode(requests, reads)).row(0, named=True)
