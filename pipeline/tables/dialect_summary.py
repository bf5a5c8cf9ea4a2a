"""One row a night × target × workload × scenario × tool × metric: the figures that the tool would have printed.

Each tool's own way with percentiles, and its own idea of which requests count.
"""

from functools import partial

import numpy as np
import polars as pl

from pipeline.tables import dialects
from pipeline.tables.parts import Parts

INPUTS = ("requests", "events", "event_tokens")
PARTS = Parts(by="series", index="requests")
USES = {"events": dialects.EVENTS}

GRAIN = ("night", "target", "model", "family", "workload", "scenario", "provenance")
PERCENTILES = (50, 90, 95, 99)

COLUMNS = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "provenance": "measured, imported, published or simulated; never drawn alike",
    "dialect": "Tool whose formulas these are; its figures and another's are never one series",
    "version": "Version of the tool that has them",
    "metric": "Name that the tool gives the figure, in our spelling; it means something else in each dialect",
    "unit": "Unit of the figures of this row",
    "requests_sent": "Requests that were sent, warm-up left out",
    "requests_counted": "Requests of them that the tool has this figure of",
    "n": "Values behind this row: requests, or gaps where the tool pools those of all requests",
    "mean": "Arithmetic mean",
    "std": "Standard deviation, with the tool's degrees of freedom; null where it prints none",
    **{f"p{p}": f"{p}th percentile by the tool's own rule" for p in PERCENTILES},
    "percentile_rule": "That rule. It is the tool's: ours needs n >= 100 for a p99, theirs do not",
    "token_source": "Where the tool's counts of tokens are from; mixed where from several",
}


def build(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """What each tool would have printed for every target and scenario of the night."""
    series = requests.select(GRAIN).unique().with_row_index("series")
    numbered = requests.join(series, on=list(GRAIN), maintain_order="left")
    sent = numbered.filter(~pl.col("is_warmup")).group_by("series").agg(requests_sent=pl.len().cast(pl.Int64))
    said = dialects.say(numbered, events, event_tokens, ["series"])
    printed = pl.concat([_printed(dialect, of_tool.lazy()) for dialect, of_tool in said])
    return (
        printed.unnest("figures")
        .join(series, on="series")
        .join(sent, on="series")
        .with_columns(unit=pl.col("metric").replace_strict(dialects.METRICS, return_dtype=pl.String))
        .select(*COLUMNS)
        .sort(*GRAIN, *_OF_TOOL)
    )


_OF_TOOL = ("dialect", "version", "metric")


def _printed(dialect: dialects.Dialect, said: pl.LazyFrame) -> pl.DataFrame:
    """What a tool prints, a row a series and metric."""
    values = [
        _values(said.select("series", "token_source", value=name), formula).with_columns(metric=pl.lit(name))
        for name, formula in dialects.formulas(dialect).items()
    ]
    figures = pl.col("values").map_batches(partial(_figures, dialect), return_dtype=_FIGURES)
    return (
        pl.concat(values)
        .with_columns(figures=figures, dialect=pl.lit(dialect.name), version=pl.lit(dialect.version))
        .drop("values")
        .collect()
    )


def _values(said: pl.LazyFrame, formula: dialects.Formula) -> pl.LazyFrame:
    """All values of a metric, a row a series that has any."""
    value = pl.col("value").explode() if formula.is_pooled else pl.col("value")
    source = pl.col("token_source").drop_nulls()
    is_known = pl.col("value").list.len() > 0 if formula.is_pooled else pl.col("value").is_not_null()
    return (
        said.filter(is_known)
        .with_columns(token_source=pl.col("token_source") if formula.needs_tokens else pl.lit(None, pl.String))
        .group_by("series")
        .agg(
            requests_counted=pl.len().cast(pl.Int64),
            values=value.cast(pl.Float64),
            token_source=pl.when(source.n_unique() > 1).then(pl.lit("mixed")).otherwise(source.first()),
        )
    )


_FIGURES = pl.Struct(
    {
        "n": pl.Int64,
        **dict.fromkeys(("mean", "std", *(f"p{p}" for p in PERCENTILES)), pl.Float64),
        "percentile_rule": pl.String,
    }
)


def _figures(dialect: dialects.Dialect, values: pl.Series) -> pl.Series:
    return pl.Series([_of_values(dialect, one) for one in values], dtype=_FIGURES)


def _of_values(dialect: dialects.Dialect, values: pl.Series) -> dict[str, object]:
    """What a tool prints of its values."""
    ordered = pl.Series(np.sort(values.to_numpy()))
    return {
        "n": len(ordered),
        "mean": ordered.mean(),
        "std": None if dialect.ddof is None else ordered.std(dialect.ddof),
        **{f"p{p}": dialects.at(dialect.percentile, ordered, p / 100) for p in PERCENTILES},
        "percentile_rule": dialect.percentile.name,
    }
