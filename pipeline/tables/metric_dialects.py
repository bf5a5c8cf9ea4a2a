"""One row a request × tool × metric: what the tool would have said of this very stream.

A request has rows of the tools that would have counted it as a success; they differ in that, too.
"""

import polars as pl

from pipeline.tables import dialects
from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts

INPUTS = ("requests", "events", "event_tokens")
PARTS = Parts(by="requests", index="requests")
USES = {"events": dialects.EVENTS}

COLUMNS = {
    **KEYS,
    "request_id": "The request. Key with dialect and metric",
    "status": "How the request really ended",
    "dialect": "Tool whose formulas these are; its figures and another's are never one series",
    "version": "Version of the tool that has them",
    "metric": "Name that the tool gives the figure, in our spelling; it means something else in each dialect",
    "unit": "Unit of the value",
    "value": "The figure; of gaps between tokens their mean, as the tool pools those of all requests",
    "gap_count": "Gaps behind the value; null where the tool computes one figure a request",
    "token_source": "Where the tool's count of tokens is from for this request; null where the figure needs none",
}


def build(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """Every request in every dialect that counts it."""
    gaps = pl.col("values").list
    return (
        pl.concat(dialects.say(requests, events, event_tokens))
        .join(requests.select(*KEYS, "status"), on="request_id")
        .with_columns(
            unit=pl.col("metric").replace_strict(dialects.METRICS, return_dtype=pl.String),
            value=gaps.mean(),
            gap_count=pl.when("is_pooled").then(gaps.len().cast(pl.Int64)),
        )
        .select(*COLUMNS)
        .sort("request_id", "dialect", "metric")
    )
