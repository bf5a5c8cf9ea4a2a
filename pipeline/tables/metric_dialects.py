"""One row a request × tool × metric: what the tool would have said of this very stream.

A request has rows of the tools that would have counted it as a success; they differ in that, too.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.tables import dialects
from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts

INPUTS = ("requests", "events", "event_tokens")
PARTS = Parts(by="requests", index="requests")
USES = {"requests": (*KEYS, "status", *dialects.REQUESTS), "events": dialects.EVENTS}

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
    kept = (*KEYS, "status")
    figures = [
        _figures(dialect, said.lazy(), kept) for dialect, said in dialects.say(requests, events, event_tokens, kept)
    ]
    return (
        pl.concat(figures)
        .with_columns(unit=pl.col("metric").replace_strict(dialects.METRICS, return_dtype=pl.String))
        .cast(dialects.names())
        .sort("request_id", "dialect", "metric")
        .cast(dict.fromkeys(dialects.names(), pl.String))
        .select(*COLUMNS)
    )


def _figures(dialect: dialects.Dialect, said: pl.LazyFrame, kept: Sequence[str]) -> pl.DataFrame:
    """All that a tool says, a row a request and metric."""
    nothing, rows = pl.lit(None, pl.String), []
    for name, formula in dialects.formulas(dialect).items():
        value = pl.col(name)
        figures = said.select(
            *kept,
            dialect=pl.lit(dialect.name),
            version=pl.lit(dialect.version),
            metric=pl.lit(name),
            token_source=pl.col("token_source") if formula.needs_tokens else nothing,
            value=value.list.mean() if formula.is_pooled else value.cast(pl.Float64),
            gap_count=value.list.len().cast(pl.Int64) if formula.is_pooled else pl.lit(None, pl.Int64),
        )
        rows.append(figures.drop_nulls("value"))
    return pl.concat(rows).collect()
