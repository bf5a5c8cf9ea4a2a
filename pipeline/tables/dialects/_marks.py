"""The marks that formulas of other tools are made of: one row a request, offsets in ns from `sent`.

`of_tokens` gives those of the events that a tool takes for tokens, `facts` what is the same for every tool.
"""

import polars as pl

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


_PRESENT = {name: pl.col(name).fill_null("") != "" for name in ("content", "reasoning", "tool_calls")}
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
    at = pl.col("at_ns")
    is_usage = pl.col("completion_tokens").is_not_null()
    is_usage_only = is_usage & ~TOKEN & pl.col("finish_reason").is_null()
    of_events = events.group_by(order.NUMBER, maintain_order=True).agg(
        pl.col("request_id").first(),
        last_line_ns=at.max(),
        last_chunk_ns=at.filter(~pl.col("is_done")).max(),
        done_ns=at.filter("is_done").first(),
        usage_ns=at.filter(is_usage).last(),
        has_error=(pl.col("error_message").is_not_null() | pl.col("error_code").is_not_null()).any(),
        chunk_count=(~pl.col("is_done") & ~is_usage_only).sum().cast(pl.Int64),
    )
    return requests.join(of_events, on="request_id", how="inner")


def of_tokens(events: pl.DataFrame, is_token: pl.Expr) -> pl.DataFrame:
    """First, last, gaps and counts of the events that are tokens, by the number of their request."""
    at, tokens = pl.col("at_ns"), pl.col("event_tokens")
    return (
        events.filter(is_token)
        .select(order.NUMBER, "at_ns", "event_tokens", gap_ms=at.diff() / 1e6)
        .group_by(order.NUMBER, maintain_order=True)
        .agg(
            first_ns=at.min(),
            last_ns=at.max(),
            gaps_ms=pl.col("gap_ms").slice(1),
            tokens_beside=pl.when(tokens.is_not_null().all()).then((tokens - 1).clip(0).sum()),
            first_event_tokens=tokens.first(),
        )
    )
