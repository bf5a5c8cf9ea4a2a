"""How a request ended: exactly one of eleven words, as one expression over one row a request.

Precedence, and why:
1. `cancelled`: we stopped it; nothing it holds is the server's doing.
2. No response head: `timeout` where we gave up waiting, else `connection_error`.
3. `http_error`: a status outside 2xx, however its body ended.
4. `in_band_error`: an error inside a 2xx, with or without a finish reason beside it.
5. `not_a_stream`: labelled as something else than a stream, and no token in it. A stream with a wrong label
   is a stream; a missing label says nothing.
6. No finish reason: `timeout` where we gave up waiting, else `truncated`. `[DONE]` is none.
7. `content_filter`, then `empty` (no token, whatever the reason), `length`, `complete`; servers' words for
   them are compared in lower case.
A finish reason means that all tokens are there, so a connection that breaks or idles behind it harms nothing.
"""

import polars as pl

STATUSES = (
    "complete",
    "length",
    "content_filter",
    "in_band_error",
    "truncated",
    "empty",
    "http_error",
    "not_a_stream",
    "timeout",
    "connection_error",
    "cancelled",
)

WITH_METRICS = ("complete", "length")
"""The statuses whose requests have metrics; all others are counted and keep their bytes."""

STREAM_TYPES = r"event-?stream|ndjson|jsonl|json-seq"
"""Content types that promise a stream (a regular expression)."""

FAILED_REASONS = (
    *("error", "abort"),  # OpenRouter, vLLM, SGLang
    *("failed", "cancelled", "canceled", "network_error", "insufficient_system_resource"),
    *("malformed_function_call", "unexpected_tool_call", "malformed_model_output", "malformed_tool_use"),
)
"""Finish reasons by which a server says that it, or its model, gave up."""

LENGTH_REASONS = (
    *("length", "max_length", "model_length"),  # OpenAI and all who follow it; Mistral
    *("max_tokens", "max_output_tokens", "token_limit"),  # Anthropic, Gemini, Bedrock; OpenAI's responses; watsonx
    "model_context_window_exceeded",
)
"""Finish reasons by which a server says that the answer is as long as it may be."""

FILTER_REASONS = (
    *("content_filter", "content_filtered", "guardrail_intervened", "refusal", "sensitive", "error_toxic"),
    *("safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety", "language"),  # Gemini
)
"""Finish reasons by which a server says that it will not answer."""


def content_type() -> pl.Expr:
    """The `content-type` of a row of requests, lower-case; null where there is none."""
    is_type = pl.element().struct.field("name") == "content-type"
    first = pl.col("response_headers").list.filter(is_type).list.first()
    return first.struct.field("value").str.to_lowercase().alias("content_type")


def status() -> pl.Expr:
    """The status of a row with the columns named here.

    `outcome`, `http_status`, `content_type` (lower-case), `token_event_count`, `finish_reason` (the last one
    sent) and `has_error` (an event of it carries an error).
    """
    outcome, http_status, finish_reason = pl.col("outcome"), pl.col("http_status"), pl.col("finish_reason")
    reason = finish_reason.str.to_lowercase()
    is_failed = pl.col("has_error") | reason.is_in(FAILED_REASONS).fill_null(value=False)
    has_tokens = pl.col("token_event_count") > 0
    is_timed_out = outcome == "timed_out"
    return (
        pl.when(outcome == "cancelled")
        .then(pl.lit("cancelled"))
        .when(http_status.is_null() & is_timed_out)
        .then(pl.lit("timeout"))
        .when(http_status.is_null())
        .then(pl.lit("connection_error"))
        .when(~http_status.is_between(200, 299))
        .then(pl.lit("http_error"))
        .when(is_failed)
        .then(pl.lit("in_band_error"))
        .when(~pl.col("content_type").str.contains(STREAM_TYPES) & ~has_tokens)
        .then(pl.lit("not_a_stream"))
        .when(finish_reason.is_null() & is_timed_out)
        .then(pl.lit("timeout"))
        .when(finish_reason.is_null())
        .then(pl.lit("truncated"))
        .when(reason.is_in(FILTER_REASONS))
        .then(pl.lit("content_filter"))
        .when(~has_tokens)
        .then(pl.lit("empty"))
        .when(reason.is_in(LENGTH_REASONS))
        .then(pl.lit("length"))
        .otherwise(pl.lit("complete"))
        .alias("status")
    )
