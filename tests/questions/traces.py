"""The fixed traces that every worked question is asked of: two nights a week apart, by hand, to the nanosecond.

Evenings are slower, first requests open a connection, some requests fail, and in the second night beta has become
slow. Who is asked is in `subjects`; what they say to the questions of a probe in `probes`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
import polars as pl

from pipeline import trace
from pipeline.layout import Layout
from tests import nights, streams
from tests.questions import samples
from tests.questions.subjects import ENGINE, OVERLOAD, SLOTS, Subject, subjects, words
from tests.streams import DONE, ERROR, MS, ROLE, chunk

BEFORE, LAST = date(2026, 11, 17), date(2026, 11, 24)
ROUNDS = {1: ("02:00", 1.0), 2: ("10:00", 1.05), 3: ("18:00", 1.4)}  # when, and how much slower than at night
JITTER_MS = (0, 6, -4, 11, 2, -7, 3)
SLO = {"ttft_ms": 330, "tpot_ms": 20}

Exchange = tuple[dict[str, Any], list[dict[str, Any]]]
"""A request and its reads, as rows."""


@dataclass(frozen=True)
class Run:
    """A subject met in a round of a night, under one load."""

    subject: Subject
    night: date
    scenario: str
    at_once: int
    round: int

    @property
    def id(self) -> str:
        return f"{self.night}.{self.subject.target.name}.chat.{self.scenario}.r{self.round:02d}"

    @property
    def is_open(self) -> bool:
        return self.scenario == "open"

    @property
    def requests(self) -> int:
        """Requests to be measured: twelve, or as many of each stream as tell what its load does."""
        return 12 if self.is_open else (3 if self.at_once > SLOTS else 6) * self.at_once

    def failure(self, index: int) -> str | None:
        return self.subject.failures.get((self.round, index)) if self.scenario == "single" else None


def record(layout: Layout, night: date) -> None:
    """Write the traces of one of the nights."""
    layout.data.mkdir(parents=True, exist_ok=True)
    known = subjects(words(layout.data))
    for subject in known:
        for scenario, at_once in subject.loads.items():
            for number in ROUNDS if scenario != OVERLOAD else (1,):
                _record(layout, Run(subject, night, scenario, at_once, number))
    delta = streams.target("delta", title="Delta", family="llama-8b", reason="set DELTA_API_KEY in the environment")
    nights.take_census(layout, night, [*(one.target for one in known), delta])
    for number, streams_at_once in ((1, 1), (1, 4), (1, 8), (3, 16)):
        _calibrate(layout, night, number, streams_at_once)


def _calibrate(layout: Layout, night: date, number: int, streams_at_once: int) -> None:
    nights.calibrate(
        layout, night, number, streams_at_once, stamp_error_p99_ns=9_000.0 * streams_at_once,
        ttft_error_p50_ns=11_000.0 * streams_at_once, shared_read_share=0.001 * streams_at_once,
    )  # fmt: skip


def _record(layout: Layout, run: Run) -> None:
    target, rows = run.subject.target, list(_requests(run))
    kind = {"kind": "open", "rate_req_s": 8.0, "arrivals": "constant"} if run.is_open else {"kind": "closed"}
    sweep = {"sweep": "sweep"} if run.scenario.startswith("sweep") else {}
    manifest = streams.manifest(
        run.id, night=run.night, workload="chat", scenario=run.scenario, round=run.round, concurrency=run.at_once,
        target=target, requests_planned=len(rows) - 1, warmup_planned=1, requests_recorded=len(rows),
        load={"scenario": {**kind, **sweep}, "workload": {"unique_prompts": True}, "slo": SLO},
        engine=ENGINE if target.engine else None, hardware=samples.facts(target.kind),
        started_at=f"{run.night}T{ROUNDS[run.round][0]}:00+00:00",
    )  # fmt: skip
    is_ours = target.kind == "local"
    write(layout, manifest, rows, samples.gpu(run.id, run.at_once, run.round) if is_ours else None)


def write(
    layout: Layout, manifest: trace.Manifest, rows: list[Exchange], sampled: pl.DataFrame | None = None
) -> None:
    """Write a run: its requests and reads, what was sampled beside, and the manifest that vouches for them."""
    requests = pl.DataFrame([request for request, _ in rows], schema=trace.REQUESTS)
    reads = pl.DataFrame([read for _, of_one in rows for read in of_one], schema=trace.READS)
    folder = trace.run_folder(layout.traces, manifest.night, manifest.target.name, manifest.run_id)
    folder.mkdir(parents=True)
    files = trace.write_run(folder, [(requests, reads)])
    if sampled is not None:
        path = folder / "hardware.parquet"
        trace.write_parquet(sampled, path)
        files[path.name] = trace.File(trace.sha256(path), sampled.height)
    trace.write_json(folder / "manifest.json", msgspec.structs.replace(manifest, files=files))


def _requests(run: Run) -> Iterator[Exchange]:
    """A warm-up, then requests of each stream one after the other (closed), or one each 125 ms (open)."""
    free = [1000.0] * run.at_once  # when each stream may ask again, ms from the anchor
    for index in range(1 + run.requests):
        script, end_ms = _answer(run, index)
        scheduled = 1000 + 125 * index if run.is_open else free[index % run.at_once]
        sent = round((scheduled + (1.5 * (index % 3) if run.is_open else 0)) * MS)
        free[index % run.at_once] = scheduled + end_ms + 5
        rows = streams.reads(script, f"{run.id}/{index:04d}")
        facts = {
            "night": run.night, "target": run.subject.target.name, "workload": "chat", "scenario": run.scenario,
            "round": run.round, "is_warmup": index == 0, "model": run.subject.target.model, "attempt": 1,
            "scheduled_ns": round(scheduled * MS), "sent_ns": sent, "end_ns": round(end_ms * MS),
            "read_count": len(rows), "body_bytes": sum(len(row["payload"]) for row in rows), "tokens_requested": 64,
        }  # fmt: skip
        what = {**facts, **_connection(run.subject, sent, index), **_outcome(run, index)}
        yield streams.request(index, run.id, **what), rows


def _connection(subject: Subject, sent: int, index: int) -> dict[str, Any]:
    """Hosted targets are met cold by the first measured request of a run."""
    if index != 1 or subject.target.kind == "local":
        return {"is_connection_reused": True}
    parts = {"dns_ns": 8 * MS, "tcp_ns": 21 * MS, "tls_ns": 34 * MS}
    return {"is_connection_reused": False, "connect_started_ns": sent - sum(parts.values()), **parts}


def _outcome(run: Run, index: int) -> dict[str, Any]:
    failure = run.failure(index)
    headers = [{"name": "content-type", "value": "text/event-stream"}]
    headers += [{"name": name, "value": value} for name, value in run.subject.headers.items()]
    if failure == "refused":
        return {"http_status": 429, "response_headers": [{"name": "retry-after", "value": "2"}]}
    if failure == "not_connected":
        return {
            "http_status": None, "outcome": "not_connected", "error": "connection refused", "response_headers": [],
            "is_connection_reused": False, "sent_ns": None, "end_ns": None,
        }  # fmt: skip
    if failure == "truncated":
        return {"outcome": "broken_off", "error": "the peer reset the connection", "response_headers": headers}
    was_refused = run.failure(index - 1) == "refused"
    again = {"attempt": 2, "retry_of": f"{run.id}/{index - 1:04d}"} if was_refused else {}
    return {"response_headers": headers, **again}


def _answer(run: Run, index: int) -> tuple[list[tuple[float, bytes]], float]:
    """What came back and when, ms from sent, and when the body ended."""
    subject, failure = run.subject, run.failure(index)
    slower = subject.slower if run.night == LAST else 1.0
    at_work = min(run.at_once, SLOTS)
    load = 1 + 0.12 * (at_work - 1)
    evening = ROUNDS[run.round][1] if subject.target.kind == "hosted" else 1.0
    first = (subject.ttft_ms * slower * evening + JITTER_MS[index % 7] + (index % 5)) * load
    step = subject.tpot_ms * subject.tokens_an_event * (1 + 0.05 * (at_work - 1)) * (1 + 0.01 * (index % 3))
    if failure == "refused":
        return [(12.0, b'{"error":{"message":"rate limit reached","code":"rate_limit"}}')], 12.0
    if failure == "not_connected":
        return [], 3000.0
    events = (subject.tokens - 1) // subject.tokens_an_event
    first += (run.at_once / at_work - 1) * (first + step * events)  # until a slot is free
    body = [(first / 2, ROLE), (first, chunk("one"))]
    body += [(first + step * n, chunk(" two" * subject.tokens_an_event)) for n in range(1, events + 1)]
    last = body[-1][0]
    if failure in ("in_band_error", "truncated"):
        cut = body[: len(body) // 2]
        return ([*cut, (cut[-1][0] + 5, ERROR)] if failure == "in_band_error" else cut), cut[-1][0] + 5
    usage = {"prompt_tokens": 30, "completion_tokens": subject.tokens, **subject.said}
    told = f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode()
    end = last + 10 + subject.usage_after_ms
    return [*body, (last + 10, chunk(finish="stop")), (end, told), (end + 1, DONE)], end + 1
