"""A small night by hand: one run of a warm-up, ten successes and a refusal. What is downstream is built from it."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from pipeline import tables, trace
from pipeline.decode.events import SCHEMA
from pipeline.layout import Layout
from pipeline.tables.recorded import Recorded
from tests import streams

NIGHT = date(2026, 11, 3)
RUN = "20261103-embedded-chat-short-single-1"
KEYS = {
    "run_id": RUN,
    "night": NIGHT,
    "target": "embedded",
    "model": "smollm2-135m-instruct",
    "family": "smollm2-135m",
    "workload": "chat-short",
    "scenario": "single",
    "round": 1,
    "provenance": "measured",
    "provider": "local",
    "engine": "openvino-genai",
    "hardware": "CPU",
}
MS = 1_000_000
SUCCESSES = range(1, 11)
SHA256 = "5a" * 32  # of a file, whatever is in it


@dataclass(frozen=True)
class Night:
    """Tables by name, as rows; frames keep the column types of the good night."""

    rows: dict[str, list[dict[str, Any]]]
    schemas: dict[str, pl.Schema] = field(repr=False)

    def write(self, layout: Layout) -> None:
        for name, rows in self.rows.items():
            frame = pl.DataFrame(rows, schema=self.schemas[name], orient="row")
            trace.write_parquet(frame, layout.table(name, NIGHT))


def _calibration() -> pl.DataFrame:
    """Two calibrations, as good as they come."""
    found = {
        "clock_source": "kernel", "scheduling": "ordinary", "streams": 1, "events": 104, "reads": 104,
        "stamp_error_p50_ns": 9_000.0, "stamp_error_p99_ns": 17_000.0, "stamp_error_max_ns": 40_000.0,
        "ttft_error_p50_ns": 17_000.0, "ttft_error_max_ns": 17_000.0, "shared_read_share": 0.0,
        "loop_lag_p50_ns": 0.0, "loop_lag_max_ns": 1_000_000.0, "cpu_share": 0.02, "pacing_error_p50_ns": 2_000.0,
    }  # fmt: skip
    taken = [
        trace.Calibration(
            schema_version=1, night=NIGHT, round=1, moment=moment, measured_at=f"2026-11-03T02:0{minute}",
            concurrency=1, tok_s=200.0, found=found, error=None,
        )
        for minute, moment in enumerate(("before", "after"))
    ]  # fmt: skip
    return tables.tables()["calibration"].build(replace(Recorded.nothing(), calibrations=taken))


def good_night(only: Collection[int] = range(12)) -> Night:
    """The night, or what is left of it when only these requests were sent."""
    ids = [_request_id(index) for index in only]
    built = {name: frame.filter(pl.col("request_id").is_in(ids)) for name, frame in _recorded().items()}
    built["runs"] = _runs(only)
    built["calibration"] = _calibration()
    built |= {name: tables.empty(name) for name in ("probe_answers", "identity")}
    traced = replace(
        Recorded.nothing(), requests=_traced(only), samples=_samples(), manifests=[_manifest()],
        manifest_hashes={RUN: SHA256},
    )  # fmt: skip
    for name in (
        "targets",
        "hardware",
        "ttft",
        "output_speed",
        "throughput",
        "itl",
        "cost",
        "bandwidth",
        "summary",
        "instrument",
        "comparison",
        "early_stopping",
        "server_timings",
        "limits",
        "metric_dialects",
        "dialect_summary",
        "planned_runs",
        "spend",
        "sweeps",
        "knees",
        "trace_files",
    ):
        table = tables.tables()[name]
        built[name] = table.build(*(traced if one == tables.TRACE else built[one] for one in table.inputs))
    return Night(
        {name: frame.to_dicts() for name, frame in built.items()},
        {name: frame.schema for name, frame in built.items()},
    )


def _samples() -> pl.DataFrame:
    """A GPU that draws 300 W all the time, read ten times a second."""
    cool = {"gpu_utilisation_pct": 40, "sm_clock_mhz": 1980, "temperature_c": 50, "throttle_reasons": 0}
    rows = [
        {
            **dict.fromkeys(trace.HARDWARE), **cool, "run_id": RUN, "device": "gpu0", "at_ns": tick * 100 * MS,
            "read_ns": MS, "power_mw": 300_000, "energy_uj": 8_000_000_000 + tick * 30_000_000,
        }
        for tick in range(130)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=trace.HARDWARE)


def _manifest() -> trace.Manifest:
    """As much of a manifest as tables of runs need beside `runs`."""
    gpu = {"name": "NVIDIA H100 80GB HBM3", "power_limit_mw": 700_000, "sm_clock_max_mhz": 1980}
    sampling = {"rate_hz": 10.0, "sampler_cpu_share": 0.03, "missing": {}}
    files = {name: trace.File(SHA256, 12) for name in ("hardware.parquet", "reads.parquet", "requests.parquet")}
    ours = streams.target("embedded", kind="local", provider="local")
    return streams.manifest(
        RUN, night=NIGHT, target=ours, hardware={"gpus": [gpu], "sampling": sampling}, files=files
    )


def _traced(only: Collection[int]) -> pl.DataFrame:
    """Headers of the responses: a limit on requests, and of the refusal how long to wait."""
    stated = {"x-ratelimit-limit-requests-day": "14400", "x-ratelimit-remaining-requests-day": "14000"}
    refusal = {**stated, "retry-after": "4"}
    rows = [
        {
            **dict.fromkeys(trace.REQUESTS),
            "request_id": _request_id(index),
            "response_headers": [
                {"name": name, "value": value} for name, value in (refusal if index == 11 else stated).items()
            ],
        }
        for index in only
    ]
    return pl.DataFrame(rows, schema=trace.REQUESTS)


def _recorded() -> dict[str, pl.DataFrame]:
    return {"events": _events(), "requests": _requests(), "event_tokens": _event_tokens()}


def _event_tokens() -> pl.DataFrame:
    """Two tokens in each event with text."""
    text = _events().filter("has_token").select("request_id", "event_index", "read_index", "at_ns")
    two = pl.lit(2, pl.Int64)
    return text.with_columns(tokens=two, tokens_alone=two, tokens_of_read=two)


def _request_id(index: int) -> str:
    return f"{RUN}/{index:04d}"


def _events() -> pl.DataFrame:
    answered = [event for index in range(11) for event in _stream(index)]
    refusal = _event(11, 0, 80, event_type="body", error_code="rate_limit", error_message="slow down")
    return pl.DataFrame([*answered, refusal], schema=SCHEMA)


def _stream(index: int) -> list[dict[str, Any]]:
    """Role, three chunks of two tokens each, 100 ms apart, finish with usage, [DONE]."""
    tokens = [
        _event(index, number, 100 + 100 * number + index, content="two words", has_token=True)
        for number in (1, 2, 3)
    ]
    told = {"server_queue_ms": 5.0, "server_prefill_ms": 90.0, "server_decode_ms": 230.0, "server_total_ms": 320.0}
    finish = _event(index, 4, 410 + index, finish_reason="length", completion_tokens=7, prompt_tokens=30, **told)
    done = _event(index, 5, 410 + index, read_index=4, is_done=True)
    return [_event(index, 0, 100), *tokens, finish, done]


def _event(index: int, number: int, at_ms: int, **said: Any) -> dict[str, Any]:
    said = {"read_index": number, "event_type": "message", "is_done": False, "has_token": False, **said}
    return {
        "request_id": _request_id(index),
        "event_index": number,
        "at_ns": at_ms * MS,
        "data_bytes": 40,
        **said,
    }


def _requests() -> pl.DataFrame:
    frame = pl.DataFrame([_request(index) for index in range(12)], infer_schema_length=None)
    return frame.with_columns(pl.col("retry_of", "model_echoed_as").cast(pl.String))


def _request(index: int) -> dict[str, Any]:
    is_first = index == 0
    request = {
        **KEYS,
        "request_id": _request_id(index),
        "request_index": index,
        "attempt": 1,
        "retry_of": None,
        "is_warmup": is_first,
        "dialect": "openai-chat",
        "load": "closed",
        "concurrency": 1,
        "is_connection_reused": not is_first,
        "scheduled_ns": index * 1000 * MS,
        "sent_ns": index * 1000 * MS + 9 * MS,
        "connect_started_ns": 1 * MS if is_first else None,
        "dns_ns": 1 * MS if is_first else None,
        "tcp_ns": 2 * MS if is_first else None,
        "tls_ns": 4 * MS if is_first else None,
        "outcome": "ended",
        "error": None if index in SUCCESSES else "peer said nothing more",
        "tokens_requested": 8,
        "model_id": "smollm2-135m-instruct",
        "model_echoed_as": None,
        "provider_request_id": f"req_{index}",
        "region": "here",
        "served_by": "local",
        "clock_source": "user-space monotonic",
    }
    return {**request, **(_refused() if index == 11 else _answered(index))}


def _answered(index: int) -> dict[str, Any]:
    return {
        "status": "length",
        "has_metrics": True,
        "http_status": 200,
        "content_type": "text/event-stream",
        "first_byte_ns": 90 * MS,
        "first_event_ns": 100 * MS,
        "first_token_ns": (200 + index) * MS,
        "first_content_ns": (200 + index) * MS,
        "last_token_ns": (400 + index) * MS,
        "end_ns": (410 + index) * MS,
        "read_count": 5,
        "reads_stored": 5,
        "body_bytes": 300,
        "bytes_stored": 300,
        "event_count": 6,
        "token_event_count": 3,
        "arrival_count": 3,
        "prompt_tokens": 30,
        "tokens_reported": 7,
        "tokens_recounted": 6,
        "tokens": 6,
        "tokens_first_arrival": 2,
        "token_source": "recounted",
        "finish_reason": "length",
        "model_echoed": "smollm2-135m-instruct",
        "error_code": None,
        "error_message": None,
    }


def _refused() -> dict[str, Any]:
    return {
        **dict.fromkeys(_answered(0)),
        "status": "http_error",
        "has_metrics": False,
        "http_status": 429,
        "first_byte_ns": 80 * MS,
        "first_event_ns": 80 * MS,
        "end_ns": 80 * MS,
        "read_count": 1,
        "reads_stored": 1,
        "body_bytes": 40,
        "bytes_stored": 40,
        "event_count": 1,
        "token_event_count": 0,
        "arrival_count": 0,
        "error_code": "rate_limit",
        "error_message": "slow down",
    }


def _runs(only: Collection[int]) -> pl.DataFrame:
    shape = {
        "load": "closed", "concurrency": 1, "rate_req_s": None, "is_tls": False, "stream_reads_s": 160.0,
        "in_flight": 1, "requests_planned": 11, "warmup_planned": 1, "clock_error_ns": 60, "clock_steps": 0,
        "slo_ttft_ms": 205.0, "slo_tpot_ms": None, "slo_e2e_ms": None, "requests_lost": 0, "plan_sha256": "0",
        "sweep": None, "engine_facts": None, "usd_per_hour": 2.5,
    }  # fmt: skip
    return pl.DataFrame(
        [
            {
                **KEYS,
                **shape,
                "requests_recorded": len(only),
                "outcome": "finished",
                "started_at": datetime(2026, 11, 3, 2, tzinfo=UTC),
            }
        ],
        schema_overrides={"sweep": pl.String, "engine_facts": pl.String},
    )
