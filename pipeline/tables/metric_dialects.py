"""One row a request × tool × metric: what the tool would have said of this very stream.

A request has rows of the tools that would have counted it as a success; they differ in that, too.
"""

import polars as pl

from pipeline.tables import dialects
from pipeline.tables.dialects import Dialect
from pipeline.tables.keys import KEYS

INPUTS = ("requests", "events", "event_tokens")

COLUMNS = {
    **{name: text.replace("Key. ", "") for name, text in KEYS.items()},
    "status": "How the request really ended",
    "dialect": "Tool whose formulas these are. Key with request_id and metric",
    "version": "Version of the tool that has them",
    "metric": "Name that the tool gives the figure, in our spelling; it means something else in each dialect",
    "unit": "Unit of the value",
    "value": "The figure; of gaps between tokens their mean, as the tool pools those of all requests",
    "gap_count": "Gaps behind the value; null where the tool computes one figure a request",
}

_SCHEMA = {"request_id": pl.String, "metric": pl.String, "value": pl.Float64, "gap_count": pl.Int64}


def build(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """Every request in every dialect that counts it."""
    facts = requests.select(*KEYS, "status")
    rows = [
        _rows(values).with_columns(dialect=pl.lit(name), version=pl.lit(dialects.known()[name].version))
        for name, values in in_every_dialect(requests, events, event_tokens).items()
    ]
    unit = pl.col("metric").replace_strict(dialects.METRICS, return_dtype=pl.String)
    return (
        pl.concat(rows)
        .join(facts, on="request_id")
        .with_columns(unit=unit)
        .select(*COLUMNS)
        .sort("request_id", "dialect", "metric")
    )


def in_every_dialect(
    requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """By dialect: request_id and its metrics, a list where the tool pools gaps, of the requests that it counts."""
    counted = event_tokens.select("request_id", "event_index", event_tokens="tokens_alone")
    known = events.join(counted, on=["request_id", "event_index"], how="left").sort("request_id", "event_index")
    sent = requests.filter(~pl.col("is_warmup"))
    return {name: _measured(one, sent, known) for name, one in dialects.known().items()}


def _measured(dialect: Dialect, requests: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    formulas = {name: formula.value for name, formula in dialect.formulas.items()}
    counted = dialects.marks(requests, events, dialect.is_token).filter(dialect.counts)
    return counted.select("request_id", **formulas)


def _rows(values: pl.DataFrame) -> pl.DataFrame:
    """One row a metric that is defined."""
    parts = [
        values.select(
            "request_id",
            metric=pl.lit(name),
            value=(pl.col(name).list.mean() if kind == pl.List else pl.col(name)).cast(pl.Float64),
            gap_count=pl.col(name).list.len().cast(pl.Int64) if kind == pl.List else pl.lit(None, pl.Int64),
        )
        for name, kind in values.schema.items()
        if name != "request_id"
    ]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *parts]).drop_nulls("value")
