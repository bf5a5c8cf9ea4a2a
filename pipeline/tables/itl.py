"""One row a gap between neighbouring arrivals of a request with metrics: how evenly its tokens came.

Events of one read share its stamp and are one arrival.
"""

import polars as pl

from pipeline.tables import metrics
from pipeline.tables.keys import KEYS, with_metrics
from pipeline.tables.parts import Parts

INPUTS = ("requests", "events", "event_tokens")
PARTS = Parts(by="requests", index="requests")
USES = {"events": ("request_id", "event_index", "at_ns", "has_token")}

COLUMNS = {
    **KEYS,
    "request_id": "The request. Key with gap_index",
    "gap_index": "Position of the gap in the request, from 0",
    "gap_ns": "Time between the two arrivals, ns",
    "tokens_delivered": "Tokens that the arrival behind the gap brought; null where the tokenizer is not known",
    "tokens_per_arrival": "Tokens of the request / its arrivals",
    "token_source": "Where the tokens of the request are from: recounted or reported",
    **metrics.comments("itl"),
    "reason": "Why itl_ms is null",
}


def build(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """The gaps of every request with metrics."""
    per_arrival = pl.col("tokens") / pl.col("arrival_count")
    too_many = pl.format(
        "{} tokens an arrival: a gap between arrivals is none between tokens", per_arrival.round(2)
    )
    return (
        _gaps(events, event_tokens)
        .join(with_metrics(requests), on="request_id")
        .with_columns(metrics.expressions("itl"), tokens_per_arrival=per_arrival)
        .with_columns(
            reason=pl.when(pl.col("itl_ms").is_null()).then(
                pl.when(per_arrival.is_null()).then(pl.lit("tokens are not counted")).otherwise(too_many)
            )
        )
        .select(*COLUMNS)
        .sort("request_id", "gap_index")
    )


def _gaps(events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """Neighbouring stamps of token-bearing events, with the tokens that came at the later one."""
    known = event_tokens.select("request_id", "event_index", "tokens")
    tokens = pl.col("tokens")
    return (
        events.filter("has_token")
        .select("request_id", "event_index", "at_ns")
        .join(known, on=["request_id", "event_index"], how="left")
        .group_by("request_id", "at_ns")
        .agg(tokens_delivered=pl.when(tokens.is_not_null().all()).then(tokens.sum()))
        .sort("request_id", "at_ns")
        .with_columns(
            gap_ns=pl.col("at_ns").diff().over("request_id"),
            gap_index=pl.int_range(pl.len()).over("request_id") - 1,
        )
        .drop_nulls("gap_ns")
        .drop("at_ns")
    )
