"""One function a metric, its formula in the docstring.

Each says which table publishes it and is an expression over a row of what that table is made from: `requests`
(marks in ns from `sent`), for `itl` with a gap, for `cost` with prices, for `bandwidth` with facts of the hardware;
for `throughput` a run with the counts of its window. Adding a metric is adding a function here: table, comment,
view, summary and the site's definitions follow. Undefined is null.
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

TOKENS_PER_ARRIVAL = 1.2
"""With more tokens an arrival, the time between arrivals says nothing of the time between tokens."""


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


@_metric("itl", "ms", "lower")
def itl_ms() -> pl.Expr:
    """Inter-token latency, a value a gap: time between neighbouring arrivals with tokens.

    Null where arrivals bring more than 1.2 tokens on average: such a gap is none between tokens.
    """
    per_arrival = _column("tokens") / _column("arrival_count")
    return pl.when(per_arrival <= TOKENS_PER_ARRIVAL).then(_ms(_column("gap_ns")))


@_metric("cost", "USD", "lower")
def usd_per_request() -> pl.Expr:
    """At the price of that night: prompt tokens x input price + output tokens x output price.

    Tokens are those that the provider reports and bills.
    """
    paid_in = _column("prompt_tokens") * _column("usd_per_million_input")
    return (paid_in + _column("tokens_reported") * _column("usd_per_million_output")) / 1e6


@_metric("cost", "USD", "lower")
def usd_per_million_tokens() -> pl.Expr:
    """What a million output tokens cost with the input that they took: 1e6 x usd_per_request / output tokens."""
    return pl.when(_column("tokens_reported") > 0).then(1e6 * usd_per_request() / _column("tokens_reported"))


@_metric("bandwidth", "1", "higher")
def bandwidth_ceiling_share() -> pl.Expr:
    """Share of the weight-streaming limit: output_speed_tok_s / (memory bandwidth / bytes read per token).

    Above 1 means speculation, or other hardware than claimed.
    """
    return output_speed_tok_s() * _column("bytes_per_token") / _column("bandwidth_bytes_s")


@_metric("bandwidth", "1", "higher")
def bandwidth_measured_share() -> pl.Expr:
    """The same of the bandwidth that was measured: output_speed_tok_s / (measured bandwidth / bytes per token).

    Null for hardware on which nobody measured it.
    """
    return output_speed_tok_s() * _column("bytes_per_token") / _column("measured_bytes_s")


@_metric("throughput", "tok/s", "higher")
def output_throughput_tok_s() -> pl.Expr:
    """Throughput of the system: tokens_in_window / window_s; ramp-up and drain lie outside of the window."""
    return _column("tokens_in_window") / _column("window_s")


@_metric("throughput", "req/s", "higher")
def request_throughput_req_s() -> pl.Expr:
    """Requests that the system answers: requests_in_window / window_s."""
    return _column("requests_in_window") / _column("window_s")


@_metric("throughput", "req/s", "higher")
def goodput_req_s() -> pl.Expr:
    """Requests inside all limits of the scenario's SLO: requests_inside_slo / window_s. A failed one is outside.

    Null where the scenario has no SLO.
    """
    return _column("requests_inside_slo") / _column("window_s")


@_metric("throughput", "J", "lower")
def joules_per_token() -> pl.Expr:
    """Energy of a token: energy_j / tokens_in_window, of the GPUs (else of the processor) in the window.

    Null where energy was not sampled; `energy_reason` says why.
    """
    return pl.when(_column("tokens_in_window") > 0).then(_column("energy_j") / _column("tokens_in_window"))


@_metric("throughput", "USD", "lower")
def rented_usd_per_million_tokens() -> pl.Expr:
    """Rent of a million output tokens: 1e6 x usd_per_hour / (3600 x output_throughput_tok_s).

    At this load, while it lasts: GPUs that wait cost as much.
    """
    per_hour = 3600 * output_throughput_tok_s()
    return pl.when(per_hour > 0).then(1e6 * _column("usd_per_hour") / per_hour)


OF_RUNS = "throughput"
OF_REQUESTS = tuple(dict.fromkeys(metric.table for metric in METRICS.values() if metric.table != OF_RUNS))
"""Tables with metrics of requests, or of gaps within them."""


def of_table(table: str) -> list[Metric]:
    """The metrics that a table publishes."""
    return [metric for metric in METRICS.values() if metric.table == table]


def expressions(table: str) -> list[pl.Expr]:
    """Their columns."""
    return [metric.expression().alias(metric.name) for metric in of_table(table)]


def needs(table: str) -> tuple[str, ...]:
    """The columns that its metrics are made from."""
    roots = (name for metric in of_table(table) for name in metric.expression().meta.root_names())
    return tuple(dict.fromkeys(roots))


def comments(table: str) -> dict[str, str]:
    """Their meaning, with the unit."""
    return {metric.name: f"{metric.formula} [{metric.unit}]" for metric in of_table(table)}
