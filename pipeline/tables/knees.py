"""One row a sweep: where more load stops to bring more throughput, and how much fits into the SLO."""

import polars as pl

from pipeline.tables.sweeps import SLO_KEPT, SWEEP

INPUTS = ("sweeps",)

LEAST_GAIN = 0.05
"""A level that brings less than this over the one before it brings nothing worth its latency."""

COLUMNS = {
    **SWEEP,
    "levels": "Levels that were measured",
    "max_throughput_tok_s": "Highest throughput of all streams together",
    "max_throughput_level": "Level at which that was",
    "max_throughput_per_gpu_tok_s": "The same for each GPU; null where their number is not known",
    "knee_level": f"First level after which the next one brings less than {LEAST_GAIN:.0%} more; null without",
    "knee_throughput_tok_s": "Throughput there",
    "knee_output_speed_tok_s": "Speed of one stream there, median",
    "knee_ttft_p95_ms": "Time to first token there, 95th percentile",
    "knee_reason": "Why there is no knee",
    "slo_level": "Highest level that keeps the SLO, and none below it breaks it; null where there is none",
    "slo_throughput_tok_s": "Throughput there",
    "slo_reason": "Why there is no such level",
}


def build(sweeps: pl.DataFrame) -> pl.DataFrame:
    """What each curve comes to."""
    known = sweeps.drop_nulls("output_throughput_tok_s").sort(*SWEEP, "level")
    tokens, level = pl.col("output_throughput_tok_s"), pl.col("level")
    gain = pl.when(tokens.shift(1) > 0).then(tokens / tokens.shift(1) - 1)
    is_knee = (gain.shift(-1) < LEAST_GAIN).fill_null(value=False)
    breaks = ~(pl.col("slo_share") >= SLO_KEPT)
    is_good = pl.col("slo_share").is_not_null() & (breaks.fill_null(value=True).cum_sum() == 0)
    return (
        known.group_by(*SWEEP)
        .agg(
            levels=pl.len().cast(pl.Int64),
            max_throughput_tok_s=tokens.max(),
            max_throughput_level=level.sort_by(tokens).last(),
            max_throughput_per_gpu_tok_s=pl.col("throughput_per_gpu_tok_s").max(),
            knee_level=level.filter(is_knee).first(),
            knee_throughput_tok_s=tokens.filter(is_knee).first(),
            knee_output_speed_tok_s=pl.col("output_speed_p50_tok_s").filter(is_knee).first(),
            knee_ttft_p95_ms=pl.col("ttft_p95_ms").filter(is_knee).first(),
            last_gain=gain.last(),
            slo_level=level.filter(is_good).last(),
            slo_throughput_tok_s=tokens.filter(is_good).last(),
            has_slo=pl.col("slo_share").is_not_null().any(),
        )
        .with_columns(knee_reason=_no_knee(), slo_reason=_no_slo())
        .select(*COLUMNS)
        .sort(*SWEEP)
    )


def _no_knee() -> pl.Expr:
    percent = (100 * pl.col("last_gain")).round(0).cast(pl.Int64)
    rising = pl.format("throughput still rose by {} % at the last level", percent)
    why = pl.coalesce(rising, pl.lit("one level alone has no gain"))
    return pl.when(pl.col("knee_level").is_null()).then(why)


def _no_slo() -> pl.Expr:
    why = pl.when("has_slo").then(pl.lit("the first level breaks it already")).otherwise(pl.lit("no SLO was set"))
    return pl.when(pl.col("slo_level").is_null()).then(why)
