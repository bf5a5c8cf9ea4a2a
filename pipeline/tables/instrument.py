"""One row a figure to be published: the recorder's own error beside it, from the night's calibrations."""

import polars as pl

INPUTS = ("summary", "calibration", "targets")

KEYS = ("night", "target", "workload", "scenario", "metric")

COLUMNS = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "metric": "Column of ttft or output_speed that the figure is of",
    "recorder": "The machine that recorded it, whose error it is: here, a host of the plan, or a bundle",
    "concurrency": "Requests kept in flight",
    "figure_ms": "What the error is an error of: the median latency, or for speeds the time that tokens took; null "
    "where they came at once",
    "instrument_error_ms": "p99 of the stamp error at this concurrency, median over the night's calibrations",
    "error_share": "instrument_error_ms / figure_ms; null without a calibration",
}

LATENCIES = ("ttft_ms", "ttft_cold_ms", "ttft_content_ms", "e2e_ms")
SPEEDS = ("tpot_ms", "output_speed_tok_s")


def build(summary: pl.DataFrame, calibration: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """A latency is off by one stamp's error at most; a speed by as much over the whole time that tokens took.

    Figures are medians over a night's rounds, and so is the error: what disturbs one calibration counts in it
    as what disturbs one request counts in them. The worst calibration stands in `calibration`. A machine's
    calibrations speak for what that machine recorded.
    """
    by = ["recorder", "concurrency"]
    error = calibration.group_by(by).agg(instrument_error_ms=pl.col("stamp_error_p99_ns").median() / 1e6)
    return (
        pl.concat([_latencies(summary), _speeds(summary)])
        .join(targets.select("target", "recorder"), on="target", how="left")
        .join(error, on=by, how="left")
        .with_columns(error_share=pl.col("instrument_error_ms") / pl.col("figure_ms"))
        .select(*COLUMNS)
        .sort(*KEYS)
    )


def _latencies(summary: pl.DataFrame) -> pl.DataFrame:
    return summary.filter(pl.col("metric").is_in(LATENCIES)).select(*KEYS, "concurrency", figure_ms="p50")


def _speeds(summary: pl.DataFrame) -> pl.DataFrame:
    """Speeds are over the time from first to last token.

    Where most answers came in one read that time is nothing, and of nothing there is no share.
    """
    took = pl.col("last") - pl.col("first")
    at = [name for name in KEYS if name != "metric"]
    first = summary.filter(pl.col("metric") == "ttft_ms").select(*at, first="p50")
    last = summary.filter(pl.col("metric") == "e2e_ms").select(*at, last="p50")
    return (
        summary.filter(pl.col("metric").is_in(SPEEDS))
        .join(first, on=at)
        .join(last, on=at)
        .select(*KEYS, "concurrency", figure_ms=pl.when(took > 0).then(took))
    )
