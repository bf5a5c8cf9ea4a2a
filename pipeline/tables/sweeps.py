"""One row a level of a sweep: what the system delivers at that load, and what each of its users sees.

The curve of throughput against speed per user, by which hardware is compared. Where it ends is in `knees`.
"""

import msgspec
import polars as pl

from pipeline.tables.runs import SLO
from pipeline.tables.throughput import keeps_slo

INPUTS = ("runs", "requests", "throughput", "ttft", "output_speed", "hardware")

SWEEP = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "workload": "Prompts and lengths, as named in the plan",
    "sweep": "The sweep, as named in the plan",
    "provenance": "measured, imported, published or simulated; never drawn alike",
    "load": "closed (levels are streams at once) or open (levels are arrivals a second)",
}
"""The columns that name a sweep."""

SLO_KEPT = 0.95
"""A level keeps its SLO where this share of its requests does: what p95 within the limits would say."""

COLUMNS = {
    **SWEEP,
    "scenario": "The level's scenario: the sweep's name with the level behind it",
    "level": "Streams at once, or arrivals a second",
    "concurrency": "Requests kept in flight; in an open loop at most",
    "rate_req_s": "Arrivals per second of an open loop; null in a closed one",
    "rounds": "Runs of this level",
    "requests_sent": "Requests of all rounds, warm-up left out",
    "success_rate": "Requests with metrics / requests sent",
    "output_throughput_tok_s": "Tokens a second of all streams together, median of the rounds",
    "throughput_gain": "By which share that is above the level before; null at the first",
    "request_throughput_req_s": "Answers a second, median of the rounds",
    "output_speed_p50_tok_s": "Speed of one stream once it flows, median of its requests",
    "ttft_p50_ms": "Time to first token, median",
    "ttft_p95_ms": "Time to first token, 95th percentile",
    "tpot_p95_ms": "Time per token after the first, 95th percentile",
    "slo_share": f"Share of the requests sent that kept the scenario's SLO; {SLO_KEPT} keep the level in it",
    "goodput_req_s": "Requests inside the SLO a second, median of the rounds",
    "joules_per_token": "Energy of a token, median of the rounds",
    "gpus": "GPUs that served it; null where not known",
    "gpus_source": "tensor_parallel (as the engine was told) or sampled (all GPUs of the machine)",
    "throughput_per_gpu_tok_s": "output_throughput_tok_s / gpus",
}

_KEYS = [*SWEEP, "scenario", "concurrency", "rate_req_s"]
_METRICS = ("output_throughput_tok_s", "request_throughput_req_s", "goodput_req_s", "joules_per_token")


def build(*frames: pl.DataFrame) -> pl.DataFrame:
    """Every level that was measured, in the order of its sweep; `frames` are those of `INPUTS`."""
    runs, requests, throughput, ttft, output_speed, hardware = frames
    swept = runs.drop_nulls("sweep")
    level = swept.select("run_id", *_KEYS).join(_gpus(swept, hardware), on="run_id", how="left")
    gpus = level.group_by(_KEYS).agg(pl.col("gpus", "gpus_source").drop_nulls().first())
    parts = [
        _system(level.join(throughput.select(_OF_RUNS), on="run_id", how="left")),
        _users(level.join(ttft, on="run_id"), {"ttft_p50_ms": ("ttft_ms", 0.5), "ttft_p95_ms": ("ttft_ms", 0.95)}),
        _users(
            level.join(output_speed, on="run_id"),
            {"output_speed_p50_tok_s": ("output_speed_tok_s", 0.5), "tpot_p95_ms": ("tpot_ms", 0.95)},
        ),
        _kept(swept, requests, level),
        gpus,
    ]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.join(part, on=_KEYS, how="left", nulls_equal=True)
    tokens = pl.col("output_throughput_tok_s")
    before = tokens.shift(1).over(list(SWEEP))
    return (
        whole.with_columns(
            level=pl.coalesce("rate_req_s", pl.col("concurrency").cast(pl.Float64)),
            throughput_per_gpu_tok_s=tokens / pl.col("gpus"),
        )
        .sort(*SWEEP, "level")
        .with_columns(throughput_gain=pl.when(before > 0).then(tokens / before - 1))
        .select(*COLUMNS)
    )


_OF_RUNS = ["run_id", "requests_sent", "requests_with_metrics", *_METRICS]


def _system(level: pl.DataFrame) -> pl.DataFrame:
    sent = pl.col("requests_sent").sum()
    return level.group_by(_KEYS).agg(
        rounds=pl.len().cast(pl.Int64),
        requests_sent=sent,
        success_rate=pl.when(sent > 0).then(pl.col("requests_with_metrics").sum() / sent),
        **{name: pl.col(name).median() for name in _METRICS},
    )


def _users(requests: pl.DataFrame, figures: dict[str, tuple[str, float]]) -> pl.DataFrame:
    """Percentiles over the requests of all rounds."""
    return requests.group_by(_KEYS).agg(
        **{name: pl.col(column).quantile(share, "linear") for name, (column, share) in figures.items()}
    )


def _kept(swept: pl.DataFrame, requests: pl.DataFrame, level: pl.DataFrame) -> pl.DataFrame:
    """The share that kept the SLO; what failed did not, and without limits there is none."""
    is_kept = pl.col("has_metrics") & keeps_slo()
    has_limits = pl.any_horizontal(pl.col(SLO).is_not_null()).first()
    return (
        requests.filter(~pl.col("is_warmup"))
        .join(swept.select("run_id", *SLO), on="run_id")
        .select("run_id", "has_metrics", *SLO, is_kept=is_kept)
        .join(level, on="run_id")
        .group_by(_KEYS)
        .agg(slo_share=pl.when(has_limits).then(pl.col("is_kept").mean()))
    )


def _gpus(swept: pl.DataFrame, hardware: pl.DataFrame) -> pl.DataFrame:
    """How many GPUs served a run: as many as the engine was told to use, else all that were there."""
    sampled = (
        hardware.filter(pl.col("device").str.starts_with("gpu"), "is_counted")
        .group_by("run_id")
        .agg(sampled=pl.len().cast(pl.Int64))
    )
    told = pl.DataFrame(
        {"run_id": swept["run_id"], "told": [_told(facts) for facts in swept["engine_facts"]]},
        schema={"run_id": pl.String, "told": pl.Int64},
    )
    source = pl.when(pl.col("told").is_not_null()).then(pl.lit("tensor_parallel"))
    return told.join(sampled, on="run_id", how="left").select(
        "run_id",
        gpus=pl.coalesce("told", "sampled"),
        gpus_source=source.when(pl.col("sampled").is_not_null()).then(pl.lit("sampled")),
    )


def _told(engine_facts: str | None) -> int | None:
    details = msgspec.json.decode(engine_facts).get("details", {}) if engine_facts else {}
    told = details.get("tensor_parallel")
    return int(told) if told else None
