"""One row a calibration: how wrong the recorder was against a server that logs its own writes."""

from typing import Any

import polars as pl

from pipeline.tables.recorded import Recorded
from pipeline.trace import Calibration

INPUTS = ("trace",)

_FOUND = {
    "is_tls": "Through TLS, as the targets that this speaks for are reached",
    "clock_source": "What stamped the reads: kernel, user (this process), or both",
    "scheduling": "Priority of the truth server's process",
    "streams": "Streams recorded at once",
    "events": "Events compared",
    "reads": "Socket reads that they came in",
    "stamp_error_p50_ns": "Our stamp of an event - the time just before its write, median",
    "stamp_error_p99_ns": "The same, 99th percentile; null below 100 events",
    "stamp_error_max_ns": "The same, largest",
    "ttft_error_p50_ns": "Our TTFT - the true one, median over the streams",
    "ttft_error_max_ns": "The same, largest",
    "shared_read_share": "Share of reads that held events of more than one write: their distance is lost",
    "loop_lag_p50_ns": "How late the recorder's event loop woke a sleeper, median",
    "loop_lag_max_ns": "The same, largest",
    "cpu_share": "CPU time of the recorder / wall time",
    "pacing_error_p50_ns": "How late the truth server itself wrote, median; no error of ours",
}

COLUMNS = {
    "night": "UTC date on which the night began",
    "recorder": "The machine that was calibrated: here, a host of the plan, or a bundle",
    "round": "Pass over all targets within the night, from 1",
    "moment": "before or after the round",
    "measured_at": "Wall clock, UTC",
    "concurrency": "Streams at once, as in the scenario that this speaks for; of an open loop about what came",
    "tok_s": "Tokens per second of each stream, about as fast as the runs that this speaks for were read",
    "rate_req_s": "Arrivals per second of the open loop that this speaks for; null in a closed one",
    **_FOUND,
    "error": "Why the recorder could not be calibrated",
}

_TEXT = ("recorder", "moment", "measured_at", "clock_source", "scheduling", "error")
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.Float64),
    **dict.fromkeys(_TEXT, pl.String),
    "night": pl.Date,
    "is_tls": pl.Boolean,
    **dict.fromkeys(("round", "concurrency"), pl.Int32),
    **dict.fromkeys(("streams", "events", "reads"), pl.Int64),
}


def build(recorded: Recorded) -> pl.DataFrame:
    """One row for each calibration of the night."""
    return pl.DataFrame([_row(one) for one in recorded.calibrations], schema=_SCHEMA).sort(
        "measured_at", "recorder", "concurrency"
    )


def _row(one: Calibration) -> dict[str, Any]:
    said = {name: getattr(one, name) for name in COLUMNS if hasattr(one, name)}
    return {**said, **{name: (one.found or {}).get(name) for name in _FOUND}}
