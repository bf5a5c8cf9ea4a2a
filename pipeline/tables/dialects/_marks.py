"""The marks that formulas of other tools are made of: one row a request, offsets in ns from `sent`.

`of_tokens` gives those of the events that a tool takes for tokens, `facts` what is the same for every tool.
"""

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.tables import order
from pipeline.tables.dialects._contract import Tokens

FIRST = pl.col("first_ns")
"""The first event that the tool takes for a token."""
LAST = pl.col("last_ns")
"""The last one."""
GAPS = pl.col("gaps_ms")
"""Time between neighbouring ones, ms; a list."""
TOKENS_BESIDE = pl.col("tokens_beside")
"""Tokens of each of them but one, tokenised by itself, in all; null where the tokenizer is not known."""
FIRST_EVENT_TOKENS = pl.col("first_event_tokens")
"""Tokens of the first one, likewise."""
LAST_LINE = pl.col("last_line_ns")
"""Last event of any kind, usage and [DONE] included."""
LAST_CHUNK = pl.col("last_chunk_ns")
"""Last event of any kind but [DONE]."""
DONE = pl.col("done_ns")
"""[DONE]."""
USAGE = pl.col("usage_ns")
"""Last event with a usage."""
BODY_END = pl.col("end_ns")
"""End of the response body."""
CHUNKS = pl.col("chunk_count")
"""Events but [DONE] and those that hold a usage and nothing else."""

SENT = pl.lit(0)
"""A tool that starts its clock before posting on a pooled connection: first byte handed to an open connection."""
CONNECTING = pl.coalesce(pl.col("connect_started_ns") - pl.col("sent_ns"), SENT)
"""A tool whose clock includes connecting; on a connection that was reused, what connecting takes is not known."""
SCHEDULED = pl.coalesce(pl.col("scheduled_ns") - pl.col("sent_ns"), SENT)
"""When the load wanted the request to start."""

_COUNTS = {name: pl.col(f"tokens_{name}") for name in ("reported", "recounted", "requested")}


TOKENS_USED, TOKEN_SOURCE = pl.col("tokens"), pl.col("token_source")
"""The count that our own metrics use."""


def tokens(text: str, *names: str) -> Tokens:
    """The first of these counts that is known: reported (usage), recounted (tokenizer), requested (max_tokens)."""
    source = pl.coalesce(pl.when(_COUNTS[name].is_not_null()).then(pl.lit(name)) for name in names)
    return Tokens(text, pl.coalesce(_COUNTS[name] for name in names), source)


_PRESENT = {name: (pl.col(name) != "").fill_null(value=False) for name in ("content", "reasoning", "tool_calls")}
CONTENT = _PRESENT["content"]
"""An event with text of the answer."""
CONTENT_OR_REASONING = CONTENT | _PRESENT["reasoning"]
"""An event with text of the answer or of the reasoning, whatever its field is called."""
TOKEN = pl.col("has_token")
"""An event with content, reasoning or a tool call: our own rule."""

HAS_FIRST = FIRST.is_not_null()
WELL_FRAMED = pl.col("outcome") == "ended"
"""The response ended as HTTP says; whether the answer in it was complete is another question."""
IS_OK = pl.col("http_status").is_between(200, 299)
SUCCEEDED = pl.col("has_metrics")
"""Our own rule: the stream ended with a finish reason, and nothing went wrong in it."""
NO_ERROR = ~pl.col("has_error")
"""No event carries an error."""


def facts(requests: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The requests that got an event, and what their events say whatever a token is.

    `events` are sorted, numbered (see `order`), and have `event_tokens`.
    """
    found = order.stretches(events["request_id"])
    at_ns, is_done = events["at_ns"].to_numpy(), events["is_done"].to_numpy()
    is_usage = events["completion_tokens"].is_not_null()
    is_usage_only = is_usage & ~events["has_token"] & events["finish_reason"].is_null()
    has_error = events["error_message"].is_not_null() | events["error_code"].is_not_null()
    is_chunk = ~is_done & ~is_usage_only.to_numpy()
    starts = found.starts
    columns = {
        "request_id": found.value,
        order.NUMBER: np.arange(starts.size, dtype=np.uint32),
        "last_line_ns": _latest(at_ns, starts),
        "last_chunk_ns": _latest(np.where(is_done, _NEVER, at_ns), starts),
        "done_ns": _at(at_ns, is_done, starts),
        "usage_ns": _at(at_ns, is_usage.to_numpy(), starts, last=True),
        "has_error": _sum(has_error.to_numpy(), starts) > 0,
        "chunk_count": _sum(is_chunk, starts),
    }
    of_events = pl.DataFrame(columns, schema=_OF_EVENTS)
    return requests.join(of_events, on="request_id", how="inner", maintain_order="left")


_OF_EVENTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "request_id": pl.String,
    order.NUMBER: pl.UInt32,
    **dict.fromkeys(("last_line_ns", "last_chunk_ns", "done_ns", "usage_ns"), pl.Int64),
    "has_error": pl.Boolean,
    "chunk_count": pl.Int64,
}
_NEVER = np.iinfo(np.int64).min


def _latest(at_ns: NDArray[np.int64], starts: NDArray[np.int64]) -> pl.Series:
    """The latest stamp of each request; null where it is `_NEVER`."""
    latest = pl.Series(np.maximum.reduceat(at_ns, starts) if starts.size else at_ns)
    return latest.set(latest == _NEVER, None)


def _at(
    at_ns: NDArray[np.int64], is_one: NDArray[np.bool_], starts: NDArray[np.int64], *, last: bool = False
) -> pl.Series:
    """The stamp of the first of these events in each request, or of the last; null where there is none."""
    rows, ends = np.flatnonzero(is_one), np.append(starts[1:], at_ns.size)
    first, behind = np.searchsorted(rows, starts), np.searchsorted(rows, ends)
    places = pl.Series(behind - 1 if last else first).set(pl.Series(first == behind), None)
    return pl.Series(at_ns[rows]).gather(places)


def _sum(values: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of each request's values."""
    return np.add.reduceat(values, starts, dtype=np.int64) if starts.size else np.zeros(0, np.int64)


def of_tokens(events: pl.DataFrame, is_token: pl.Series) -> pl.DataFrame:
    """First, last, gaps and counts of the events that are tokens, by the number of their request."""
    rows = np.flatnonzero(is_token.to_numpy())
    bounds = np.append(order.stretches(events[order.NUMBER]).starts, events.height)
    edges = np.searchsorted(rows, bounds)
    numbers = np.flatnonzero(np.diff(edges))
    starts = edges[numbers]
    if not starts.size:
        return pl.DataFrame(schema=_OF_TOKENS)
    at_ns, tokens = events["at_ns"].to_numpy()[rows], events["event_tokens"]
    is_later = np.ones(rows.size, bool)
    is_later[starts] = False
    gaps_ms = pl.Series(np.diff(at_ns, prepend=0)[is_later]) / 1e6
    columns = {
        order.NUMBER: numbers,
        "first_ns": np.minimum.reduceat(at_ns, starts),
        "last_ns": np.maximum.reduceat(at_ns, starts),
        "gaps_ms": _lists(gaps_ms, np.diff(edges)[numbers] - 1),
        "tokens_beside": None if tokens.null_count() == len(tokens) else _tokens_beside(tokens[rows], starts),
        "first_event_tokens": tokens.gather(rows[starts]),
    }
    return pl.DataFrame(columns, schema=_OF_TOKENS)


_OF_TOKENS: dict[str, pl.DataType | type[pl.DataType]] = {
    order.NUMBER: pl.UInt32,
    "first_ns": pl.Int64,
    "last_ns": pl.Int64,
    "gaps_ms": pl.List(pl.Float64),
    "tokens_beside": pl.Int64,
    "first_event_tokens": pl.Int64,
}


def _lists(values: pl.Series, lengths: NDArray[np.int64]) -> pl.Series:
    """A list of so many values each."""
    ends = np.append(0, np.cumsum(lengths))
    return pl.Series("", pa.LargeListArray.from_arrays(pl.Series(ends).to_arrow(), values.to_arrow()))


def _tokens_beside(tokens: pl.Series, starts: NDArray[np.int64]) -> pl.Series:
    """Of each request the sum of what its events hold beyond a token each; null where that of one is not known."""
    beside = np.maximum(tokens.fill_null(0).to_numpy() - 1, 0)
    has_all = np.logical_and.reduceat(tokens.is_not_null().to_numpy(), starts)
    return pl.Series(_sum(beside, starts)).set(pl.Series(~has_all), None)
