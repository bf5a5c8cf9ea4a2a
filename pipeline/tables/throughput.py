"""One row a run: what the target delivered to all streams together, inside a stated window.

Ramp-up and drain lie outside of the window (see `windows`).
"""

from math import fsum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.tables import metrics, order
from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts
from pipeline.tables.runs import SLO
from pipeline.tables.windows import windows

INPUTS = ("runs", "requests", "events", "hardware")
PARTS = Parts(by="runs", index="runs")
USES = {"events": ("request_id", "at_ns", "has_token")}

COLUMNS = {
    **{name: text for name, text in KEYS.items() if name != "request_id"},
    "load": "closed or open loop",
    "concurrency": "Requests kept in flight; in an open loop at most",
    "rate_req_s": "Arrivals per second of an open loop; null in a closed one",
    "requests_planned": "Requests to be measured",
    "requests_sent": "Requests that were sent, retries among them",
    "retries": "Of these, requests that repeat one that was refused",
    "requests_with_metrics": "Requests of them that ended as complete or length",
    "success_rate": "requests_with_metrics / requests_sent; null when none was sent",
    "window_start_ns": "Opening of the window, ns from the run's clock anchor",
    "window_s": "Length of the window in seconds; null where it is empty",
    "tokens_in_window": "Output tokens that arrived inside the window; a request's tokens are shared equally "
    "among its token-bearing events",
    "requests_in_window": "Requests with metrics that ended inside the window",
    "requests_inside_slo": "Of these, requests inside all limits of the scenario's SLO; one whose tokens came at "
    "once has no time per token and is held to the other limits. Null without an SLO",
    "energy_j": "Energy drawn in the window by all devices that count; see `hardware`",
    "energy_reason": "Why it is not known",
    "usd_per_hour": "Rent of all GPUs that serve the target; null where the plan names none",
    **metrics.comments("throughput"),
}


def build(runs: pl.DataFrame, requests: pl.DataFrame, events: pl.DataFrame, hardware: pl.DataFrame) -> pl.DataFrame:
    """Throughput and success rate of every run, failed ones included."""
    measured = requests.filter(~pl.col("is_warmup"))
    per_run = measured.group_by("run_id").agg(
        requests_sent=pl.len().cast(pl.Int64),
        retries=(pl.col("attempt") > 1).sum().cast(pl.Int64),
        requests_with_metrics=pl.col("has_metrics").sum().cast(pl.Int64),
    )
    window = windows(measured)
    per_second = 1e9 / (pl.col("window_end_ns") - pl.col("window_start_ns"))
    return (
        runs.join(per_run, on="run_id", how="left")
        .with_columns(pl.col("requests_sent", "retries", "requests_with_metrics").fill_null(0))
        .join(window, on="run_id", how="left")
        .join(_tokens_in_window(measured, events, window), on="run_id", how="left")
        .join(_requests_in_window(measured, window, runs), on="run_id", how="left")
        .join(_energy(hardware), on="run_id", how="left")
        .with_columns(
            success_rate=pl.when(pl.col("requests_sent") > 0).then(
                pl.col("requests_with_metrics") / pl.col("requests_sent")
            ),
            window_s=1 / per_second,
        )
        .with_columns(metrics.expressions("throughput"))
        .select(*COLUMNS)
        .sort("run_id")
    )


def _inside() -> pl.Expr:
    return (pl.col("at") > pl.col("window_start_ns")) & (pl.col("at") <= pl.col("window_end_ns"))


def _tokens_in_window(measured: pl.DataFrame, events: pl.DataFrame, window: pl.DataFrame) -> pl.DataFrame:
    """Added up exactly, so that the sum is the same in whatever parts a night is built."""
    since, until = pl.col("window_start_ns") - pl.col("sent_ns"), pl.col("window_end_ns") - pl.col("sent_ns")
    known = (
        measured.filter("has_metrics")
        .join(window, on="run_id")
        .drop_nulls("tokens")
        .select("run_id", "request_id", "tokens", "token_event_count", since=since, until=until)
        .drop_nulls(["since", "until"])
    )
    arrived = events.filter("has_token").select("request_id", "at_ns")
    requests = order.stretches(arrived["request_id"])
    told = requests.value.to_frame("request_id").join(known, on="request_id", how="left", maintain_order="left")
    by_run = (
        told.with_columns(inside=pl.Series(_inside_of(requests, told, arrived["at_ns"].to_numpy())))
        .drop_nulls("tokens")
        .group_by("run_id", "request_id", "tokens", "token_event_count")
        .agg(pl.col("inside").sum())
        .with_columns(tokens=pl.col("tokens") * pl.col("inside") / pl.col("token_event_count"))
        .group_by("run_id")
        .agg("tokens")
    )
    sums = pl.Series("tokens_in_window", [fsum(tokens) for tokens in by_run["tokens"]], pl.Float64)
    return by_run.select("run_id", sums)


def _inside_of(requests: order.Stretches, told: pl.DataFrame, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the events of each request how many lie inside its window; none where it has no window."""
    since, until = (requests.spread(told[name].fill_null(0).to_numpy()) for name in ("since", "until"))
    is_inside = (at_ns > since) & (at_ns <= until)
    return np.add.reduceat(is_inside, requests.starts, dtype=np.int64) if at_ns.size else requests.rows


def _requests_in_window(measured: pl.DataFrame, window: pl.DataFrame, runs: pl.DataFrame) -> pl.DataFrame:
    limits = pl.concat_list(SLO).list.drop_nulls().list.len()
    return (
        measured.filter("has_metrics")
        .join(window, on="run_id")
        .join(runs.select("run_id", *SLO), on="run_id")
        .with_columns(at=pl.col("sent_ns") + pl.col("end_ns"))
        .group_by("run_id")
        .agg(
            requests_in_window=_inside().sum().cast(pl.Int64),
            requests_inside_slo=pl.when(limits.first() > 0).then((_inside() & keeps_slo()).sum().cast(pl.Int64)),
        )
    )


def _energy(hardware: pl.DataFrame) -> pl.DataFrame:
    """The sum over the devices of a run; of one of which the energy is not known there is none."""
    known = pl.col("energy_j").null_count() == 0
    return (
        hardware.filter("is_counted")
        .group_by("run_id")
        .agg(
            energy_j=pl.when(known).then(pl.col("energy_j").sum()),
            energy_reason=pl.concat_str(pl.col("device").fill_null("no device"), pl.lit(": "), "reason")
            .drop_nulls()
            .sort()
            .first(),
        )
    )


def keeps_slo() -> pl.Expr:
    """No limit is passed; what has no limit, or no value, passes none."""
    values = {f"slo_{name}": metrics.METRICS[name].expression() for name in ("ttft_ms", "tpot_ms", "e2e_ms")}
    return pl.all_horizontal((value <= pl.col(limit)).fill_null(value=True) for limit, value in values.items())
