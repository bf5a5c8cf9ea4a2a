"""One row a night × target × workload × scenario × tool × metric: the figures that the tool would have printed.

Each tool's own way with percentiles, and its own idea of which requests count.
"""

import numpy as np
import polars as pl

from pipeline.tables import dialects
from pipeline.tables.parts import Parts, Steps

INPUTS = ("requests", "events", "event_tokens")
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
    return printed(said(requests, events, event_tokens))


_OF_TOOL = ("dialect", "version", "metric")


def said(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """The values that each tool takes from some requests, a row a series and metric; of no tool, those sent."""
    series = requests.select(GRAIN).unique().with_row_index("series")
    numbered = requests.join(series, on=list(GRAIN), maintain_order="left")
    sent = numbered.filter(~pl.col("is_warmup")).group_by("series").agg(requests_sent=pl.len().cast(pl.Int64))
    values = [
        _taken(of_tool.lazy(), dialect)
        for dialect, of_tool in dialects.say(numbered, events, event_tokens, ["series"])
    ]
    return pl.concat([*values, sent], how="diagonal").join(series, on="series").drop("series")


def _taken(of_tool: pl.LazyFrame, dialect: dialects.Dialect) -> pl.DataFrame:
    found = []
    for name, formula in dialects.formulas(dialect).items():
        value = pl.col(name)
        source = pl.col("token_source").drop_nulls().unique() if formula.needs_tokens else _NO_SOURCE
        found.append(
            of_tool.filter(value.list.len() > 0 if formula.is_pooled else value.is_not_null())
            .group_by("series")
            .agg(
                dialect=pl.lit(dialect.name),
                version=pl.lit(dialect.version),
                metric=pl.lit(name),
                requests_counted=pl.len().cast(pl.Int64),
                values=(value.explode() if formula.is_pooled else value).cast(pl.Float64),
                sources=source,
            )
        )
    return pl.concat(found).collect()


_NO_SOURCE = pl.col("token_source").head(0)


def printed(found: pl.DataFrame) -> pl.DataFrame:
    """The table, from what tools took."""
    sent = found.group_by(GRAIN).agg(pl.col("requests_sent").sum())
    source = pl.col("sources").explode().drop_nulls()
    return (
        found.drop_nulls("dialect")
        .group_by(*GRAIN, *_OF_TOOL)
        .agg(
            pl.col("requests_counted").sum(),
            values=pl.col("values").explode(),
            token_source=pl.when(source.n_unique() > 1).then(pl.lit("mixed")).otherwise(source.first()),
        )
        .with_columns(pl.struct("dialect", "values").map_batches(_figures, return_dtype=_FIGURES).alias("figures"))
        .drop("values")
        .unnest("figures")
        .join(sent, on=list(GRAIN))
        .with_columns(unit=pl.col("metric").replace_strict(dialects.METRICS, return_dtype=pl.String))
        .select(*COLUMNS)
        .sort(*GRAIN, *_OF_TOOL)
    )


PARTS = Parts(by="series", index="requests", steps=Steps(said, printed))

_FIGURES = pl.Struct(
    {
        "n": pl.Int64,
        **dict.fromkeys(("mean", "std", *(f"p{p}" for p in PERCENTILES)), pl.Float64),
        "percentile_rule": pl.String,
    }
)


def _figures(rows: pl.Series) -> pl.Series:
    named = zip(rows.struct.field("dialect"), rows.struct.field("values"), strict=True)
    return pl.Series([_of_values(dialects.known()[name], values) for name, values in named], dtype=_FIGURES)


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
