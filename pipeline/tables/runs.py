"""One row a run: target × workload × scenario × round, with all that makes it reproducible."""

import msgspec
import polars as pl

from pipeline.tables.recorded import Recorded
from pipeline.trace import Manifest

INPUTS = ("trace",)

OF_TARGET = ("provider", "model", "family", "hardware", "usd_per_hour", "provenance")
SLO = ("slo_ttft_ms", "slo_tpot_ms", "slo_e2e_ms")

COLUMNS = {
    "run_id": "Key. Also the name of the run's folder under data/traces",
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "provider": "Who runs the endpoint",
    "engine": "Serving software, where we started it ourselves",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "hardware": "What the target is said (hosted) or seen (local) to run on",
    "usd_per_hour": "Rent of all GPUs that serve the target, on that night; null where the plan names none",
    "provenance": "measured, imported, published or simulated; never drawn alike",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "round": "Pass over all targets within the night, from 1",
    "load": "closed (each stream starts its next request when one ends), open (requests start at a rate) or "
    "offline (all start at once)",
    "concurrency": "Requests kept in flight; in an open loop at most",
    "rate_req_s": "Arrivals per second of an open loop; null in a closed one",
    "arrivals": "poisson or constant; null in a closed loop",
    **{name: f"Limit of {name.removeprefix('slo_')} in the scenario's SLO; null without one" for name in SLO},
    "sweep": "The sweep that the scenario is a level of",
    "has_unique_prompts": "Every prompt begins differently, so that no prefix cache can serve it",
    "is_tls": "The target was reached through TLS; null where its address is not known",
    "stream_reads_s": "Socket reads a second of a stream from the second on, median over the measured requests",
    "in_flight": "Measured requests under way at once, at most",
    "requests_planned": "Requests to be measured",
    "warmup_planned": "Requests sent first and left out of every metric",
    "requests_recorded": "Requests whose trace was kept, warm-up included",
    "requests_lost": "Requests in flight when the process ended of which nothing is kept; null where not known",
    "outcome": "finished, interrupted (the process ended first), failed (the engine did not start), stopped (by "
    "budget or limits) or refused (by the endpoint, for good)",
    "error": "Why it did not finish; where the endpoint refused, in its words",
    "started_at": "Wall clock at the start of the run, UTC",
    "plan_sha256": "Which plan was in force",
    "code_version": "Version of tokenclock that recorded it",
    "code_commit": "Commit of the checkout that recorded it; + where files were changed",
    "engine_facts": "Name, version, model, quantisation, threads of a local engine, as JSON",
    "clock_error_ns": "How well the kernel's wall clock stamps could be mapped to the monotonic clock, ±",
    "clock_steps": "How often somebody set the wall clock during the run",
    "host": "Processor, memory, system of the recording machine, as JSON",
}

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.String),
    "night": pl.Date,
    **dict.fromkeys(("round", "concurrency", "in_flight"), pl.Int32),
    **dict.fromkeys(("requests_planned", "warmup_planned", "requests_recorded", "requests_lost"), pl.Int32),
    "started_at": pl.Datetime("us", "UTC"),
    **dict.fromkeys(("rate_req_s", "usd_per_hour", "stream_reads_s", *SLO), pl.Float64),
    **dict.fromkeys(("has_unique_prompts", "is_tls"), pl.Boolean),
    **dict.fromkeys(("clock_error_ns", "clock_steps"), pl.Int64),
}


def build(recorded: Recorded) -> pl.DataFrame:
    """One row for each manifest of the night."""
    rows = [_row(manifest) for manifest in recorded.manifests]
    started = pl.col("started_at").str.to_datetime(time_unit="us", time_zone="UTC")
    text = pl.DataFrame(rows, schema={**_SCHEMA, "started_at": pl.String})
    return text.with_columns(started).sort("run_id")


def load_kind(one: Manifest) -> str:
    """How requests came: `closed` also in traces that do not say, which are older than open loops."""
    kind: str = (one.load or {}).get("scenario", {}).get("kind", "closed")
    return kind


def _row(one: Manifest) -> dict[str, object]:
    target, load, clock = one.target, one.load or {}, one.clock or {}
    scenario = load.get("scenario", {})
    return {
        **{name: getattr(one, name) for name in COLUMNS if hasattr(one, name)},
        "target": target.name,
        **{name: getattr(target, name) for name in OF_TARGET},
        "engine": target.engine,
        "load": load_kind(one),
        **{name: scenario.get(name) for name in ("rate_req_s", "arrivals", "sweep")},
        "is_tls": target.url.startswith("https:") if target.url else None,
        **{name: load.get("flow", {}).get(name) for name in ("stream_reads_s", "in_flight")},
        **{name: load.get("slo", {}).get(name.removeprefix("slo_")) for name in SLO},
        "has_unique_prompts": load.get("workload", {}).get("unique_prompts"),
        "clock_error_ns": clock.get("mapping_error_ns"),
        "clock_steps": clock.get("wall_steps"),
        "engine_facts": _json(one.engine) if one.engine else None,
        "host": _json(one.host),
    }


def _json(facts: dict[str, object]) -> str:
    return msgspec.json.encode(facts, order="sorted").decode()
