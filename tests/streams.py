"""Streams whose truth is known, as recorded traces: bytes and stamps made by hand."""

import json
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from pipeline import trace
from pipeline.collect.reads import Reads
from pipeline.tables.recorded import Recorded

NIGHT = date(2026, 11, 24)
MS = 1_000_000


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One chat chunk as an SSE event."""
    delta = {} if content is None else {"content": content}
    body = {"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    return f"data: {json.dumps(body)}\n\n".encode()


USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":31,"total_tokens":40}}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"message":"the engine died","code":"internal"}}\n\n'

ROLE = (
    b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},'
    b'"finish_reason":null}]}\n\n'
)

GOLDEN = [
    (100, ROLE),
    (300, chunk("one")),
    *((350 + 50 * n, chunk(" two two two")) for n in range(10)),
    (850, chunk(finish="stop")),
    (950, USAGE),
    (1050, DONE),
]


def target(name: str = "t", **more: Any) -> trace.Target:
    """A target without a tokenizer."""
    facts = dict.fromkeys(("engine", "tokenizer", "url", "hardware", "region", "precision"))
    known = {"kind": "hosted", "provider": "p", "provider_title": "P", "model": "m", "model_title": "M"}
    return trace.Target(
        **{
            **facts,
            **known,
            "name": name,
            "title": name.upper(),
            "model_id": "m",
            "family": "f",
            "dialect": "openai-chat",
            "provenance": "measured",
            **more,
        }
    )


def manifest(run_id: str = "run", **more: Any) -> trace.Manifest:
    """A finished run of one stream."""
    facts: dict[str, Any] = {
        "schema_version": 1, "run_id": run_id, "night": NIGHT, "workload": "w", "scenario": "s", "round": 1,
        "concurrency": 1, "target": target(), "requests_planned": 1, "warmup_planned": 0, "requests_recorded": 1,
        "outcome": "finished", "error": None, "started_at": "2026-11-24T02:00:00+00:00", "anchor_monotonic_ns": 0,
        "anchor_unix_ns": 0, "plan_sha256": "0", "code_version": "0", "code_commit": None,
        "host": {"cpu": "c", "cpu_count": 2}, "engine": None, "files": {},
    }  # fmt: skip
    return trace.Manifest(**{**facts, **more})


def request(index: int = 0, run_id: str = "run", **more: Any) -> dict[str, Any]:
    """A request that was sent 1 s after the anchor and ended well."""
    facts: dict[str, Any] = {
        **dict.fromkeys(trace.REQUESTS),
        "request_id": f"{run_id}/{index:04d}", "run_id": run_id, "night": NIGHT, "target": "t", "workload": "w",
        "scenario": "s", "round": 1, "request_index": index, "is_warmup": False, "dialect": "openai-chat",
        "model": "m", "url": "http://x", "request_body": b"{}", "tokens_requested": 50, "scheduled_ns": 1000 * MS,
        "sent_ns": 1000 * MS, "is_connection_reused": True, "http_status": 200,
        "response_headers": [{"name": "content-type", "value": "text/event-stream"}], "outcome": "ended",
        "read_count": 0, "body_bytes": 0, "clock_source": "by hand",
    }  # fmt: skip
    return {**facts, **more}


def reads(script: list[tuple[float, bytes]], request_id: str = "run/0000") -> list[dict[str, Any]]:
    """One read for each (milliseconds after sent, bytes)."""
    return [
        {
            "request_id": request_id,
            "read_index": n,
            "at_ns": round(at * MS),
            "user_ns": round(at * MS),
            "wire_bytes": len(data),
            "payload": data,
        }
        for n, (at, data) in enumerate(script)
    ]


def columns(rows: list[dict[str, Any]]) -> Reads:
    """The same reads as the recorder keeps them."""
    integers = (np.array([row[name] for row in rows], np.int64) for name in ("at_ns", "user_ns", "wire_bytes"))
    return Reads(*(column.tobytes() for column in integers), [row["payload"] for row in rows])


def recorded(requests: list[dict[str, Any]], rows: list[dict[str, Any]], *manifests: trace.Manifest) -> Recorded:
    """A night of these."""
    return Recorded(
        NIGHT,
        pl.DataFrame(requests, schema=trace.REQUESTS),
        pl.DataFrame(rows, schema=trace.READS),
        list(manifests) or [manifest()],
        None,
    )


def one(script: list[tuple[float, bytes]], **more: Any) -> Recorded:
    """A night of one request that got this stream."""
    end = round(script[-1][0] * MS) if script else None
    return recorded([request(**{"end_ns": end, **more})], reads(script))
