"""Metrics of one request: one function a metric, its formula in the docstring.

Each is an expression over a row of `requests` (marks in ns from `sent`) and says which table publishes
it. Adding a metric is adding a function here: table, comment, summary and the site's definitions follow.
Undefined is null.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Metric:
    """A published quantity. `better` says which way is good: lower or higher."""

    name: str
    table: str
    unit: str
    better: str
    formula: str
    expression: Callable[[], pl.Expr]


METRICS: dict[str, Metric] = {}


def _metric(table: str, unit: str, better: str) -> Callable[[Callable[[], pl.Expr]], Callable[[], pl.Expr]]:
    def register(function: Callable[[], pl.Expr]) -> Callable[[], pl.Expr]:
        name = function.__name__
        METRICS[name] = Metric(name, table, unit, better, " ".join((function.__doc__ or "").split()), function)
        return function

    return register


def _ms(expression: pl.Expr) -> pl.Expr:
    return expression / 1e6


def _column(name: str) -> pl.Expr:
    return pl.col(name)


@_metric("ttft", "ms", "lower")
def ttft_ms() -> pl.Expr:
    """Time to first token: first_token - sent. The connection is open by then, so none of it is DNS or TLS."""
    return _ms(_column("first_token_ns"))


@_metric("ttft", "ms", "lower")
def ttft_cold_ms() -> pl.Expr:
    """Time to first token with the connection: first_token - connect_started. Null on a reused connection."""
    from_connect = _column("sent_ns") - _column("connect_started_ns") + _column("first_token_ns")
    return pl.when(~_column("is_connection_reused")).then(_ms(from_connect))


@_metric("ttft", "ms", "lower")
def ttft_content_ms() -> pl.Expr:
    """Time to the first token of the answer itself, past any reasoning: first_content - sent."""
    return _ms(_column("first_content_ns"))


@_metric("ttft", "ms", "lower")
def first_byte_ms() -> pl.Expr:
    """First byte of the response - sent. Never a TTFT: headers and role chunks come early or late as they like."""
    return _ms(_column("first_byte_ns"))


@_metric("ttft", "ms", "lower")
def schedule_lag_ms() -> pl.Expr:
    """Sent - scheduled: how late the load generator was, connecting included."""
    return _ms(_column("sent_ns") - _column("scheduled_ns"))


@_metric("output_speed", "ms", "lower")
def e2e_ms() -> pl.Expr:
    """End-to-end latency: last_token - sent."""
    return _ms(_column("last_token_ns"))


@_metric("output_speed", "ms/token", "lower")
def tpot_ms() -> pl.Expr:
    """Time per output token: (last_token - first_token) / (tokens - tokens of the first arrival).

    Null when no token came after the first arrival.
    """
    later = _column("tokens") - _column("tokens_first_arrival")
    spread = _column("last_token_ns") - _column("first_token_ns")
    return pl.when((later >= 1) & (_column("arrival_count") > 1)).then(_ms(spread) / later)


@_metric("output_speed", "tok/s", "higher")
def output_speed_tok_s() -> pl.Expr:
    """Speed of one stream once it flows: 1000 / tpot_ms (tokens after the first arrival over the time after it)."""
    return 1000 / tpot_ms()


def of_table(table: str) -> list[Metric]:
    """The metrics that a table publishes."""
    return [metric for metric in METRICS.values() if metric.table == table]


def expressions(table: str) -> list[pl.Expr]:
    """Their columns."""
    return [metric.expression().alias(metric.name) for metric in of_table(table)]


def comments(table: str) -> dict[str, str]:
    """Their meaning, with the unit."""
    return {metric.name: f"{metric.formula} [{metric.unit}]" for metric in of_table(table)}
