"""One row a night × target × model × workload × scenario × metric: n, mean, percentiles and intervals."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.tables import intervals, metrics, order
from pipeline.tables.parts import Parts

INPUTS = (*metrics.OF_REQUESTS, metrics.OF_RUNS)
PARTS = Parts(by="series", index="requests")

GRAIN = ("night", "target", "model", "family", "workload", "scenario", "provenance")
PERCENTILES = (10, 25, 50, 75, 90, 95)
ENOUGH_FOR_P99 = 100

USES = {"itl": ("run_id", "round", "itl_ms", "token_source")}

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
    series = throughput.select(GRAIN).unique(maintain_order=True).with_row_index("series")
    known = throughput.select("run_id", *GRAIN).join(series, on=list(GRAIN), maintain_order="left")
    parts = [
        _statistics(_numbered(frame, known), names, has_intervals=table not in PER_GAP)
        for table, frame in zip(INPUTS, frames, strict=True)
        if (names := [metric.name for metric in metrics.of_table(table)])
    ]
    unit = pl.col("metric").replace_strict({name: metric.unit for name, metric in metrics.METRICS.items()})
    return (
        pl.concat(parts, how="diagonal")
        .join(series, on="series")
        .with_columns(unit=unit)
        .join(_runs(throughput), on=list(GRAIN), how="left")
        .select(*COLUMNS)
        .sort(*GRAIN, "metric")
    )


def _numbered(frame: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """With the number of its series in each row: rows of a run lie side by side, and are told by it."""
    runs = order.stretches(frame["run_id"])
    told = runs.value.to_frame("run_id").join(known, on="run_id", how="left", maintain_order="left")
    return frame.with_columns(series=told["series"].gather(runs.numbers()))


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
    """One row a series and metric that has values."""
    of_series = _stretches(frame["series"])
    found = pl.concat([_figures(frame[name], of_series).join(_sources(frame, name), on="series") for name in names])
    if not has_intervals:
        return found
    values = [
        frame.select("series", "round", metric=pl.lit(name), value=name).drop_nulls("value") for name in names
    ]
    by = ["series", "metric"]
    return found.join(intervals.intervals(pl.concat(values), by), on=by, how="left")


def _stretches(series: pl.Series) -> dict[int, list[tuple[int, int]]]:
    """Where the rows of each series lie: at which row each of its stretches begins, and how long it is."""
    found = defaultdict(list)
    runs = order.stretches(series)
    for number, start, rows in zip(runs.value, runs.starts, runs.rows, strict=True):
        found[number].append((int(start), int(rows)))
    return found


def _figures(values: pl.Series, of_series: dict[int, list[tuple[int, int]]]) -> pl.DataFrame:
    """Figures of the values of each series, each of which is sorted once."""
    found = []
    for number, stretches in of_series.items():
        parts = [values.slice(*stretch) for stretch in stretches]
        if n := sum(part.len() - part.null_count() for part in parts):
            ordered = np.sort(np.concatenate([part.to_numpy() for part in parts]))[:n]  # nulls are numpy's last
            found.append((number, values.name, n, ordered.mean(), *_percentiles(ordered)))
    figures = pl.DataFrame(found, schema=_FIGURES, orient="row")
    return figures.with_columns(p99=pl.when(pl.col("n") >= ENOUGH_FOR_P99).then("p99"))


_FOUND = (*PERCENTILES, 99)


def _percentiles(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linearly interpolated, of values in order."""
    place = (ordered.size - 1) * (np.array(_FOUND) / 100)
    below = place.astype(np.int64)
    low, high = ordered[below], ordered[np.minimum(below + 1, ordered.size - 1)]
    return low + (place - below) * (high - low)


_FIGURES = {
    "series": pl.UInt32,
    "metric": pl.String,
    "n": pl.Int64,
    **dict.fromkeys(("mean", *(f"p{p}" for p in _FOUND)), pl.Float64),
}


def _sources(frame: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Where the token counts of each series are from, of rows that have the metric."""
    if "token_source" not in frame.columns:
        frame = frame.with_columns(token_source=pl.lit(None, pl.String))
    known = frame.select("series", "token_source", metric)
    if (said := order.stretches(known["token_source"]).value.unique()).len() == 1:
        return known.select(pl.col("series").unique(), token_source=pl.lit(said[0], pl.String))
    unique = pl.col("token_source").drop_nulls().unique()
    one = pl.when(unique.len() > 1).then(pl.lit("mixed")).otherwise(unique.sort().first())
    return known.drop_nulls(metric).group_by("series").agg(token_source=one)
