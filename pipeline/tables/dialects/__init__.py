"""Metrics in other tools' words, one file a tool: formulas of its own over the same marks of the same events.

A module here says in `DIALECTS` what a tool takes for a token, which requests it counts, how it computes each of
its metrics and its percentiles; all in the terms of `_marks`. A figure of a dialect is never shown in one series
with that of another.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from functools import cache

import polars as pl

from pipeline.tables import order
from pipeline.tables.dialects._contract import Dialect, Formula
from pipeline.tables.dialects._marks import facts, of_tokens
from pipeline.tables.dialects._percentiles import at

__all__ = ["METRICS", "Dialect", "Formula", "at", "formulas", "known", "marks_of"]

METRICS = {
    "ttft_ms": "ms",
    "itl_ms": "ms",
    "tpot_ms": "ms/token",
    "e2e_ms": "ms",
    "tokens": "tokens",
    "output_speed_tok_s": "tok/s",
}
"""What tools publish, with our units; the same name says something else in each."""

EVENTS = (
    *("request_id", "event_index", "at_ns", "is_done", "content", "reasoning", "reasoning_field", "tool_calls"),
    *("has_token", "role", "finish_reason", "completion_tokens", "error_code", "error_message"),
)
"""Columns of `events` that dialects look at."""

REQUESTS = (
    *("is_warmup", "has_metrics", "outcome", "http_status", "is_connection_reused", "token_source"),
    *("scheduled_ns", "sent_ns", "connect_started_ns", "end_ns", "first_token_ns", "last_token_ns"),
    *("arrival_count", "tokens", "tokens_reported", "tokens_recounted", "tokens_requested", "tokens_first_arrival"),
)
"""Columns of `requests` that dialects look at."""


@cache
def known() -> dict[str, Dialect]:
    """Every dialect of every module in this folder, by name."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return {one.name: one for module in modules if hasattr(module, "DIALECTS") for one in module.DIALECTS}


def formulas(dialect: Dialect) -> dict[str, Formula]:
    """All that a tool computes of a request, its count of tokens included."""
    return {**dialect.formulas, "tokens": Formula(dialect.tokens.text, dialect.tokens.value)}


def marks_of(
    requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame
) -> Iterator[tuple[Sequence[Dialect], pl.DataFrame]]:
    """The marks that tools measure from: a row a request that is no warm-up and got an event, always the same ones.

    Tools that take the same events for tokens have the same; most do in most nights.
    """
    ordered = order.numbered(_with_tokens(order.by_event(events), event_tokens))
    known = facts(requests.filter(~pl.col("is_warmup")), ordered)
    seen: list[tuple[pl.Series, pl.DataFrame]] = []
    for alike in _alike():
        is_token = ordered.select(alike[0].is_token.fill_null(value=False)).to_series()
        found = next((marks for other, marks in seen if (other == is_token).all()), None)
        if found is None:
            found = of_tokens(ordered, is_token)
            seen.append((is_token, found))
        yield alike, known.join(found, on=order.NUMBER, how="left", maintain_order="left")


def _with_tokens(ordered: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    if event_tokens.is_empty():
        return ordered.with_columns(event_tokens=pl.lit(None, pl.Int64))
    counted = event_tokens.select("request_id", "event_index", event_tokens="tokens_alone")
    return ordered.join(counted, on=["request_id", "event_index"], how="left", maintain_order="left")


@cache
def _alike() -> Sequence[Sequence[Dialect]]:
    """Tools that take the same events for tokens."""
    alike: dict[str, list[Dialect]] = {}
    for dialect in known().values():
        alike.setdefault(str(dialect.is_token), []).append(dialect)
    return list(alike.values())
