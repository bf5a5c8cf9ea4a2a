"""One row a request whose server told its own times: these beside ours, never mixed, and what contradicts."""

import polars as pl

from pipeline.tables import answered, metrics, order
from pipeline.tables.inputs import ASKED
from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts
from pipeline.tables.recorded import Recorded

INPUTS = ("trace", "requests", "events")
PARTS = Parts(by="requests", index="trace")

RATE_TOLERANCE = 1.05  # a burst at the end of a short answer is no contradiction yet
CLOCK_TOLERANCE_MS = 1.0  # servers round to milliseconds
QUEUE_SHARE = 0.1

_SERVER = {
    "server_queue_ms": "Waiting before the model took the request up",
    "server_load_ms": "Loading the model",
    "server_prefill_ms": "Processing the prompt",
    "server_ttft_ms": "Time to first token, as the server defines it",
    "server_decode_ms": "Generating the answer",
    "server_total_ms": "The whole request, as the server defines it (Groq leaves the queue out)",
    "server_prefill_tok_s": "Prompt tokens a second",
    "server_output_tok_s": "Generated tokens a second of this request",
}

USES = {
    ASKED: ("request_id", "response_headers"),
    "requests": (
        *(*KEYS, "provider", "dialect", "is_warmup", "status", "served_by", "region", "provider_request_id"),
        *("has_metrics", "tokens_reported", "end_ns", *metrics.needs("ttft"), *metrics.needs("output_speed")),
    ),
    "events": ("request_id", "event_index", *_SERVER),
}

_FLAGS = {
    "is_decode_above_server": "output_speed_tok_s > 1.05 × server_decode_tok_s: here faster than made",
    "is_ttft_below_server": "ttft_ms + 1 < server_first_token_ms: our first token came before the server had it",
    "is_end_below_server": "end_ms + 1 < server_total_ms: the answer was over here before it was over there",
    "is_queue_in_ttft": "server_queue_ms > 10 % of ttft_ms: our TTFT is in part the length of a queue",
}

COLUMNS = {
    **KEYS,
    "provider": "Who runs the endpoint",
    "dialect": "Wire protocol",
    "is_warmup": "True for requests that are left out of every metric",
    "status": "How the request ended",
    "served_by": answered.NAMES["served_by"],
    "region": answered.NAMES["region"],
    "provider_request_id": answered.NAMES["provider_request_id"],
    **{name: f"The server's account: {meaning}" for name, meaning in _SERVER.items()},
    "server_head_ms": "The server's account: its front end's wait for the head of the response",
    "server_first_token_ms": "server_ttft_ms, else queue + load + prefill where prefill is told",
    "server_decode_tok_s": "server_output_tok_s, else tokens_reported / server_decode_ms",
    "ttft_ms": "Ours: first_token - sent; null unless the request succeeded",
    "output_speed_tok_s": "Ours: 1000 / tpot_ms; null unless the request succeeded",
    "e2e_ms": "Ours: last_token - sent; null unless the request succeeded",
    "end_ms": "Ours: end of the body - sent; null unless the request succeeded",
    "beyond_server_ms": "ttft_ms - server_first_token_ms: network, gateways and what the server does not count",
    **_FLAGS,
}


def build(recorded: Recorded, requests: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The last value of each column that a stream carried; a header counts where the stream was silent."""
    stated = answered.times(recorded.requests)
    told = _in_stream(events).join(stated, on="request_id", how="full", coalesce=True, suffix="_stated")
    known = [pl.coalesce(name, f"{name}_stated") for name in _SERVER if name in stated.columns]
    told = told.with_columns(known).filter(pl.any_horizontal(pl.col(*_SERVER, "server_head_ms").is_not_null()))
    return (
        requests.join(told, on="request_id", how="inner")
        .with_columns(*_ours(), *_derived())
        .with_columns(*_contradictions())
        .select(*COLUMNS)
        .sort("request_id")
    )


def _in_stream(events: pl.DataFrame) -> pl.DataFrame:
    last = [pl.col(name).drop_nulls().last() for name in _SERVER]
    told = events.filter(pl.any_horizontal(pl.col(*_SERVER).is_not_null()))  # few events tell any
    return order.by_event(told).group_by("request_id", maintain_order=True).agg(*last)


def _ours() -> list[pl.Expr]:
    """Our own figures, for warm-up as well, but only of requests that succeeded."""
    known = {name: metrics.METRICS[name].expression() for name in ("ttft_ms", "output_speed_tok_s", "e2e_ms")}
    known["end_ms"] = pl.col("end_ns") / 1e6
    return [pl.when("has_metrics").then(expression).alias(name) for name, expression in known.items()]


def _derived() -> list[pl.Expr]:
    waited = pl.col("server_queue_ms").fill_null(0) + pl.col("server_load_ms").fill_null(0)
    rate = pl.when(pl.col("server_decode_ms") > 0).then(
        1e3 * pl.col("tokens_reported") / pl.col("server_decode_ms")
    )
    return [
        pl.coalesce("server_ttft_ms", waited + pl.col("server_prefill_ms")).alias("server_first_token_ms"),
        pl.coalesce("server_output_tok_s", rate).alias("server_decode_tok_s"),
    ]


def _contradictions() -> list[pl.Expr]:
    ttft, end = pl.col("ttft_ms"), pl.col("end_ms")
    return [
        (ttft - pl.col("server_first_token_ms")).alias("beyond_server_ms"),
        (pl.col("output_speed_tok_s") > RATE_TOLERANCE * pl.col("server_decode_tok_s")).alias(
            "is_decode_above_server"
        ),
        (ttft + CLOCK_TOLERANCE_MS < pl.col("server_first_token_ms")).alias("is_ttft_below_server"),
        (end + CLOCK_TOLERANCE_MS < pl.col("server_total_ms")).alias("is_end_below_server"),
        (pl.col("server_queue_ms") > QUEUE_SHARE * ttft).alias("is_queue_in_ttft"),
    ]
