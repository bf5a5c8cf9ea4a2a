"""The marks that formulas of other tools are made of: one row a request, offsets in ns from `sent`.

`first`, `last`, `stamps` and `event_tokens` are of the events that the tool takes for tokens; the others are facts
of the request, the same for every tool.
"""

import polars as pl

from pipeline.tables import order
from pipeline.tables.dialects._contract import Tokens

FIRST = pl.col("first_ns")
"""The first event that the tool takes for a token."""
LAST = pl.col("last_ns")
"""The last one."""
STAMPS = pl.col("stamps")
"""Stamps of all of them."""
EVENT_TOKENS = pl.col("event_tokens")
"""Tokens of each of them, tokenised by itself; null where the tokenizer is not known."""
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


def marks(requests: pl.DataFrame, events: pl.DataFrame, is_token: pl.Expr) -> pl.DataFrame:
    """The marks of each request that got an event, by the tool's own idea of a token.

    `events` are sorted, numbered (see `order`), and have `event_tokens`.
    """
    at = pl.col("at_ns")
    is_usage = pl.col("completion_tokens").is_not_null()
    is_usage_only = is_usage & ~TOKEN & pl.col("finish_reason").is_null()
    of_events = (
        events.with_columns(is_token=is_token)
        .group_by(order.NUMBER, maintain_order=True)
        .agg(
            pl.col("request_id").first(),
            first_ns=at.filter("is_token").min(),
            last_ns=at.filter("is_token").max(),
            stamps=at.filter("is_token"),
            event_tokens=pl.col("event_tokens").filter("is_token"),
            last_line_ns=at.max(),
            last_chunk_ns=at.filter(~pl.col("is_done")).max(),
            done_ns=at.filter("is_done").first(),
            usage_ns=at.filter(is_usage).last(),
            has_error=(pl.col("error_message").is_not_null() | pl.col("error_code").is_not_null()).any(),
            chunk_count=(~pl.col("is_done") & ~is_usage_only).sum().cast(pl.Int64),
        )
    )
    return requests.join(of_events.drop(order.NUMBER), on="request_id", how="inner")
