"""One row a target × workload × scenario × limit of MLPerf Inference: whether its p99 is shown to be kept."""

from dataclasses import dataclass

import polars as pl

from pipeline.statistics.early_stopping import needed_under, queries_without

INPUTS = ("requests", "ttft", "output_speed")

PERCENTILE = 0.99


@dataclass(frozen=True)
class Limits:
    """What MLPerf Inference asks of the p99 in one of its benchmarks."""

    benchmark: str
    ttft_ms: float
    tpot_ms: float


LIMITS = {
    "llama-8b": (
        Limits("Llama 3.1 8B server", 2000, 100),
        Limits("Llama 3.1 8B interactive", 500, 30),
    ),
    "llama-70b": (
        Limits("Llama 2 70B server", 2000, 200),
        Limits("Llama 2 70B interactive", 450, 40),
    ),
}
"""Limits by family of models: of the benchmark of that size, with MLPerf's prompts, load and model."""

GROUP = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "provenance": "measured, imported, published or simulated; never drawn alike",
}

COLUMNS = {
    **GROUP,
    "benchmark": "Benchmark of MLPerf Inference whose limit this is. Its limit alone is taken: model, prompts and "
    "load are the plan's, so this is no MLPerf result",
    "metric": "ttft_ms or tpot_ms",
    "limit": "Limit of the 99th percentile [ms; ms/token]",
    "n": "Requests that count: those with the metric, and the failed ones",
    "over": "Requests of them over the limit; failed ones are",
    "needed_under": "Requests that must lie under the limit to show it at 99 % confidence, with so many over it",
    "n_without_early_stopping": "Requests that MLPerf's rules ask for otherwise",
    "is_shown": "True where enough lie under it. False is no proof of the contrary: more requests may show it",
}

_METRICS = {"ttft_ms": "ttft", "tpot_ms": "output_speed"}


def build(requests: pl.DataFrame, ttft: pl.DataFrame, output_speed: pl.DataFrame) -> pl.DataFrame:
    """Every limit of the families that have some; a failed request is over each."""
    limits, by = _limits(), list(GROUP)
    failed = requests.filter(~pl.col("is_warmup"), ~pl.col("has_metrics")).select(by)
    frames = {"ttft": ttft, "output_speed": output_speed}
    values = [
        pl.concat(
            [
                frames[table].select(*by, value=name).drop_nulls("value"),
                failed.with_columns(value=pl.lit(float("inf"))),
            ]
        ).with_columns(metric=pl.lit(name))
        for name, table in _METRICS.items()
    ]
    return (
        pl.concat(values)
        .join(limits, on=["family", "metric"])
        .group_by(*by, "benchmark", "metric", "limit")
        .agg(n=pl.len().cast(pl.Int64), over=(pl.col("value") > pl.col("limit")).sum().cast(pl.Int64))
        .with_columns(
            needed_under=pl.col("over").map_elements(_needed_under, return_dtype=pl.Int64),
            n_without_early_stopping=pl.lit(queries_without(PERCENTILE), pl.Int64),
        )
        .with_columns(is_shown=pl.col("n") - pl.col("over") >= pl.col("needed_under"))
        .select(*COLUMNS)
        .sort(*by, "benchmark", "metric")
    )


def _needed_under(over: int) -> int:
    return needed_under(over, PERCENTILE)


def _limits() -> pl.DataFrame:
    rows = [
        {"family": family, "benchmark": one.benchmark, "metric": metric, "limit": float(getattr(one, metric))}
        for family, of_family in LIMITS.items()
        for one in of_family
        for metric in _METRICS
    ]
    return pl.DataFrame(rows)
