"""One row a night × target × workload × scenario × tool × metric: the figures that the tool would have printed.

Each tool's own way with percentiles, and its own idea of which requests count.
"""

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
    sent = requests.filter(~pl.col("is_warmup")).group_by(GRAIN).agg(requests_sent=pl.len().cast(pl.Int64))
    by = [*GRAIN, "dialect", "version", "metric"]
    source = pl.col("token_source").drop_nulls()
    return (
        pl.concat(dialects.say(requests, events, event_tokens))
        .join(requests.select("request_id", *GRAIN), on="request_id")
        .sort("request_id")
        .group_by(by, maintain_order=True)
        .agg(
            requests_counted=pl.len().cast(pl.Int64),
            values=pl.col("values").explode().sort(),
            token_source=pl.when(source.n_unique() > 1).then(pl.lit("mixed")).otherwise(source.first()),
        )
        .with_columns(pl.struct("dialect", "values").map_batches(_figures, return_dtype=_FIGURES).alias("figures"))
        .unnest("figures")
        .join(sent, on=GRAIN)
        .with_columns(unit=pl.col("metric").replace_strict(dialects.METRICS, return_dtype=pl.String))
        .select(*COLUMNS)
        .sort(by)
    )


_FIGURES = pl.Struct(
    {
        "n": pl.Int64,
        **dict.fromkeys(("mean", "std", *(f"p{p}" for p in PERCENTILES)), pl.Float64),
        "percentile_rule": pl.String,
    }
)


def _figures(rows: pl.Series) -> pl.Series:
    named = zip(rows.struct.field("dialect"), rows.struct.field("values"), strict=True)
    return pl.Series([_printed(dialect, values) for dialect, values in named], dtype=_FIGURES)


def _printed(name: str, values: pl.Series) -> dict[str, object]:
    """What a tool prints of its sorted values."""
    dialect = dialects.known()[name]
    return {
        "n": len(values),
        "mean": values.mean(),
        "std": None if dialect.ddof is None else values.std(dialect.ddof),
        **{f"p{p}": dialects.at(dialect.percentile, values, p / 100) for p in PERCENTILES},
        "percentile_rule": dialect.percentile.name,
    }
