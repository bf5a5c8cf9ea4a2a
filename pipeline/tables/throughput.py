"""One row a run: what the target delivered to all streams together, inside a stated window.

Ramp-up and drain lie outside of the window (see `windows`).
"""

from math import fsum

import numpy as np
import polars as pl

from pipeline.tables import metrics, order
from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts
from pipeline.tables.runs import SLO
from pipeline.tables.windows import windows

INPUTS = ("runs", "requests", "events", "hardware")
PARTS = Parts(by="runs", index="runs")
USES = {
    "events": ("request_id", "at_ns", "has_token"),
    "requests": (
        *("request_id", "run_id", "attempt", "is_warmup", "has_metrics", "load", "concurrency", "sent_ns"),
        *("first_token_ns", "last_token_ns", "end_ns", "token_event_count", "arrival_count"),
        *("tokens", "tokens_first_arrival"),
    ),
}

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
    sent, since, until = pl.col("sent_ns"), pl.col("since"), pl.col("until")
    first, last, count = pl.col("first_token_ns"), pl.col("last_token_ns"), pl.col("token_event_count")
    known = (
        measured.filter("has_metrics")
        .join(window, on="run_id")
        .with_columns(since=pl.col("window_start_ns") - sent, until=pl.col("window_end_ns") - sent)
        .select("run_id", "request_id", "tokens", first, last, count, since, until)
        .drop_nulls(["tokens", "first_token_ns", "since", "until"])
    )
    is_inside, is_outside = (first > since) & (last <= until), (last <= since) | (first > until)
    on_edge = _inside_of(known.filter(~is_inside & ~is_outside), events)
    inside = pl.when(is_inside).then(count).when(is_outside).then(0).otherwise("on_edge")
    by_run = (
        known.join(on_edge, on="request_id", how="left")
        .with_columns(tokens=pl.col("tokens") * inside / count)
        .group_by("run_id")
        .agg("tokens")
    )
    sums = pl.Series("tokens_in_window", [fsum(tokens) for tokens in by_run["tokens"]], pl.Float64)
    return by_run.select("run_id", sums)


def _inside_of(requests: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """How many events with tokens of each request (`on_edge`) lie inside its window. Events are in order."""
    ids = requests["request_id"]
    starts, ends = (events["request_id"].search_sorted(ids, side).to_numpy() for side in ("left", "right"))
    of = order.Stretches(ids, (ends - starts).astype(np.int64))
    places = np.arange(of.rows.sum()) + of.spread(starts - of.starts)
    at_ns, since, until = events["at_ns"].gather(places).to_numpy(), requests["since"], requests["until"]
    is_inside = (at_ns > of.spread(since.to_numpy())) & (at_ns <= of.spread(until.to_numpy()))
    is_inside &= events["has_token"].gather(places).to_numpy()
    counted = np.bincount(of.numbers(), is_inside, ids.len()).astype(np.int64)
    return pl.DataFrame({"request_id": ids, "on_edge": counted})


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
