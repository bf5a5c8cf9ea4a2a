"""One row a night × target × model × workload × scenario × metric: n, mean, percentiles and intervals."""

from collections.abc import Sequence

import polars as pl

from pipeline.tables import intervals, metrics

INPUTS = (*metrics.OF_REQUESTS, metrics.OF_RUNS)

GRAIN = ("night", "target", "model", "family", "workload", "scenario", "provenance")
PERCENTILES = (10, 25, 50, 75, 90, 95)
ENOUGH_FOR_P99 = 100

RUN_METRICS = {metric.name: metric.unit for metric in metrics.of_table(metrics.OF_RUNS)}
PER_GAP = ("itl",)  # gaps of one request are no independent draws: no intervals

COLUMNS = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "provenance": "measured, imported, published or simulated; never drawn alike",
    "load": "closed or open loop",
    "concurrency": "Requests kept in flight; in an open loop at most",
    "rate_req_s": "Arrivals per second of an open loop; null in a closed one",
    "metric": f"Column of {', '.join(INPUTS)} that is summarised",
    "unit": "Unit of the figures of this row",
    "rounds": "Rounds with a run that recorded something",
    "requests_sent": "Requests that were started, warm-up left out",
    "success_rate": "Requests with metrics / requests sent",
    "n": "Values behind this row: requests; gaps for itl, runs for throughput",
    "mean": "Arithmetic mean",
    **{f"p{p}": f"{p}th percentile, linear interpolation" for p in PERCENTILES},
    "p99": f"99th percentile, linear interpolation; null below n = {ENOUGH_FOR_P99}",
    **intervals.COLUMNS,
    "token_source": "Where token counts are from: recounted, reported, both (mixed) or not needed (null)",
}


def build(*frames: pl.DataFrame) -> pl.DataFrame:
    """Statistics of every metric over all rounds of the night; `frames` are those of `INPUTS`."""
    throughput = frames[-1]
    parts = [
        _statistics(frame, [metric.name for metric in metrics.of_table(table)], has_intervals=table not in PER_GAP)
        for table, frame in zip(INPUTS, frames, strict=True)
    ]
    unit = pl.col("metric").replace_strict({name: metric.unit for name, metric in metrics.METRICS.items()})
    return (
        pl.concat(parts, how="diagonal")
        .with_columns(unit=unit)
        .join(_runs(throughput), on=list(GRAIN), how="left")
        .select(*COLUMNS)
        .sort(*GRAIN, "metric")
    )


def _runs(throughput: pl.DataFrame) -> pl.DataFrame:
    """What every row of one target and scenario shares."""
    sent = pl.col("requests_sent")
    return throughput.group_by(GRAIN).agg(
        load=pl.col("load").first(),
        concurrency=pl.col("concurrency").max(),
        rate_req_s=pl.col("rate_req_s").first(),
        rounds=pl.col("round").filter(sent > 0).n_unique().cast(pl.Int64),
        requests_sent=sent.sum(),
        success_rate=pl.when(sent.sum() > 0).then(pl.col("requests_with_metrics").sum() / sent.sum()),
    )


def _statistics(frame: pl.DataFrame, names: Sequence[str], *, has_intervals: bool) -> pl.DataFrame:
    value, by = pl.col("value"), [*GRAIN, "metric"]
    source = pl.col("token_source") if "token_source" in frame.columns else pl.lit(None, pl.String)
    values = (
        frame.with_columns(token_source=source)
        .unpivot(on=list(names), index=[*GRAIN, "round", "token_source"], variable_name="metric")
        .drop_nulls("value")
    )
    return (
        values.group_by(by)
        .agg(
            n=pl.len().cast(pl.Int64),
            mean=value.sort().mean(),
            **{f"p{p}": value.quantile(p / 100, "linear") for p in PERCENTILES},
            p99=pl.when(pl.len() >= ENOUGH_FOR_P99).then(value.quantile(0.99, "linear")),
            token_source=_sources(),
        )
        .join(intervals.intervals(values if has_intervals else values.clear(), by), on=by, how="left")
    )


def _sources() -> pl.Expr:
    unique = pl.col("token_source").drop_nulls().unique()
    one = unique.sort().first()
    return pl.when(unique.len() > 1).then(pl.lit("mixed")).otherwise(one)
