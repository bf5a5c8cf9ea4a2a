"""One row a figure to be published: the recorder's own error beside it, from the night's calibrations."""

import polars as pl

INPUTS = ("summary", "calibration", "targets", "runs")

SERIES = ("night", "target", "workload", "scenario")
KEYS = (*SERIES, "metric")
LOAD = ("concurrency", "rate_req_s")

COLUMNS = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "metric": "Column of ttft or output_speed that the figure is of",
    "recorder": "The machine that recorded it, whose error it is: here, a host of the plan, or a bundle",
    "concurrency": "Requests kept in flight; in an open loop at most",
    "figure_ms": "What the error is an error of: the median latency, or for speeds the time that tokens took; null "
    "where they came at once",
    "stream_reads_s": "Socket reads a second of a stream, median over its runs; null in traces that do not say",
    "calibrated_streams": "Streams at once of the calibrations that speak for it",
    "calibrated_tok_s": "Tokens per second of each of these streams: of the rates calibrated, the nearest",
    "is_calibrated_over_tls": "These streams came through TLS, as the target's do where it has it",
    "instrument_error_ms": "p99 of the stamp error at this load, median over the night's calibrations",
    "error_share": "instrument_error_ms / figure_ms; null without a calibration",
}

LATENCIES = ("ttft_ms", "ttft_cold_ms", "ttft_content_ms", "e2e_ms")
SPEEDS = ("tpot_ms", "output_speed_tok_s")


def build(
    summary: pl.DataFrame, calibration: pl.DataFrame, targets: pl.DataFrame, runs: pl.DataFrame
) -> pl.DataFrame:
    """A latency is off by one stamp's error at most; a speed by as much over the whole time that tokens took.

    Figures are medians over a night's rounds, and so is the error: what disturbs one calibration counts in it
    as what disturbs one request counts in them. The worst calibration stands in `calibration`. A machine's
    calibrations speak for what that machine recorded.
    """
    figures = (
        pl.concat([_latencies(summary), _speeds(summary)])
        .join(targets.select("target", "recorder"), on="target", how="left")
        .join(_flows(runs), on=SERIES, how="left")
    )
    return (
        figures.join(_nearest(figures, calibration), on=KEYS, how="left")
        .with_columns(error_share=pl.col("instrument_error_ms") / pl.col("figure_ms"))
        .select(*COLUMNS)
        .sort(*KEYS)
    )


def _flows(runs: pl.DataFrame) -> pl.DataFrame:
    """What came through the runs behind a figure."""
    return runs.group_by(SERIES).agg(
        pl.col("stream_reads_s").median(), pl.col("in_flight").max(), pl.col("is_tls").any()
    )


def _nearest(figures: pl.DataFrame, calibration: pl.DataFrame) -> pl.DataFrame:
    """Of the calibrations that can speak for a figure, those at the nearest load: the median of their errors.

    They are of the same machine and as many streams; those for an open loop are of the same arrivals, with about as
    many streams as there were. Those through TLS speak for targets that have it. Where there are none of the same
    arrivals, or of the same security, the others speak; where no run noted its rate, all are equally near.
    """
    is_closed = pl.col("calibrated_req_s").is_null()
    is_of_its_arrivals = (pl.col("calibrated_req_s") == pl.col("rate_req_s")).fill_null(value=False)
    is_of_its_streams = is_closed & (pl.col("calibrated_streams") == pl.col("concurrency"))
    is_as_secure = pl.col("is_calibrated_over_tls") == pl.col("is_tls").fill_null(value=False)
    far = _ratio("calibrated_tok_s", "stream_reads_s") + _ratio("calibrated_streams", "in_flight") * ~is_closed
    return (
        figures.join(_told(calibration), on="recorder")
        .filter(is_of_its_arrivals | is_of_its_streams)
        .filter(is_of_its_arrivals | ~is_of_its_arrivals.any().over(KEYS))
        .filter(is_as_secure | ~is_as_secure.any().over(KEYS))
        .filter(far == far.min().over(KEYS))
        .group_by(KEYS)
        .agg(
            pl.col("calibrated_streams", "is_calibrated_over_tls").max(),
            pl.col("calibrated_tok_s", "instrument_error_ms").median(),
        )
    )


def _told(calibration: pl.DataFrame) -> pl.DataFrame:
    """The calibrations that say how wrong the recorder is, and at which load."""
    return calibration.filter(pl.col("stamp_error_p99_ns").is_not_null()).select(
        "recorder",
        instrument_error_ms=pl.col("stamp_error_p99_ns") / 1e6,
        calibrated_streams="concurrency",
        calibrated_tok_s="tok_s",
        calibrated_req_s="rate_req_s",
        is_calibrated_over_tls=pl.col("is_tls").fill_null(value=False),
    )


def _ratio(one: str, other: str) -> pl.Expr:
    """How far two figures are apart, whichever is larger; nothing where one is not known."""
    return (pl.col(one).cast(pl.Float64) / pl.col(other)).log().abs().fill_null(0.0)


def _latencies(summary: pl.DataFrame) -> pl.DataFrame:
    return summary.filter(pl.col("metric").is_in(LATENCIES)).select(*KEYS, *LOAD, figure_ms="p50")


def _speeds(summary: pl.DataFrame) -> pl.DataFrame:
    """Speeds are over the time from first to last token.

    Where most answers came in one read that time is nothing, and of nothing there is no share.
    """
    took = pl.col("last") - pl.col("first")
    first = summary.filter(pl.col("metric") == "ttft_ms").select(*SERIES, first="p50")
    last = summary.filter(pl.col("metric") == "e2e_ms").select(*SERIES, last="p50")
    return (
        summary.filter(pl.col("metric").is_in(SPEEDS))
        .join(first, on=SERIES)
        .join(last, on=SERIES)
        .select(*KEYS, *LOAD, figure_ms=pl.when(took > 0).then(took))
    )
