"""The fixed traces that every worked question is asked of: two nights a week apart, by hand, to the nanosecond.

alpha is cheap and answers late; beta is fast and dear, brings three tokens an event and its usage late; gamma is an
engine of our own at three levels of load; delta has no key. Evenings are slower, first requests open a connection,
some requests fail, and in the second night beta has become slow.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import trace
from pipeline.layout import Layout
from tests import nights, streams
from tests.streams import DONE, ERROR, MS, ROLE, chunk

BEFORE, LAST = date(2026, 11, 17), date(2026, 11, 24)
ROUNDS = {1: ("02:00", 1.0), 2: ("10:00", 1.05), 3: ("18:00", 1.4)}  # when, and how much slower than at night
JITTER_MS = (0, 6, -4, 11, 2, -7, 3)
SLO = {"ttft_ms": 330, "tpot_ms": 20}


@dataclass(frozen=True)
class Subject:
    """A target and how it answers: times of a request that is alone, tokens, tokens an event, when usage comes."""

    target: trace.Target
    ttft_ms: float
    tpot_ms: float
    tokens: int
    tokens_an_event: int = 1
    usage_after_ms: float = 20
    loads: Mapping[str, int] = field(default_factory=lambda: {"single": 1})
    failures: Mapping[tuple[int, int], str] = field(default_factory=dict)  # (round, index) → how
    slower: float = 1.0  # in the last night
    headers: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, float] = field(default_factory=dict)


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

    def failure(self, index: int) -> str | None:
        return self.subject.failures.get((self.round, index)) if self.scenario == "single" else None


def subjects(tokenizer: str) -> list[Subject]:
    hosted = {"family": "llama-8b", "model": "llama-3.1-8b", "model_title": "Llama 3.1 8B"}
    alpha = streams.target(
        "alpha", title="Alpha", provider="alpha", usd_per_million_input=0.05, usd_per_million_output=0.08,
        price_source="made up", tokenizer=tokenizer, **hosted,
    )  # fmt: skip
    beta = streams.target(
        "beta", title="Beta", provider="beta", usd_per_million_input=0.4, usd_per_million_output=0.9,
        price_source="made up", **hosted,
    )  # fmt: skip
    gamma = streams.target(
        "gamma", title="Gamma", kind="local", provider="local", engine="vllm", hardware="NVIDIA H100 80GB HBM3",
        precision="bf16", **hosted,
    )  # fmt: skip
    limits = {
        "x-ratelimit-limit-requests": "14400", "x-ratelimit-remaining-requests": "14000",
        "x-ratelimit-reset-requests": "2m0s", "x-groq-region": "yul",
    }  # fmt: skip
    return [
        Subject(
            alpha, 240, 14, 24, failures={(2, 3): "refused", (3, 5): "in_band_error"}, headers=limits,
            said={"queue_time": 0.02, "prompt_time": 0.15, "completion_time": 0.33, "total_time": 0.48},
        ),
        Subject(
            beta, 120, 12, 25, 3, 400, {"single": 1, "open": 8}, slower=1.5,
            failures={(1, 4): "truncated", (3, 2): "not_connected"},
        ),
        Subject(gamma, 60, 8, 20, loads={"sweep-1": 1, "sweep-4": 4, "sweep-16": 16}),
    ]  # fmt: skip


def words(folder: Path) -> str:
    """A tokenizer for which every word of these streams is a token."""
    path = folder / "tokenizer.json"
    model = {"type": "WordLevel", "vocab": {"one": 0, "two": 1, "?": 2}, "unk_token": "?"}
    parts = dict.fromkeys(("normalizer", "post_processor", "decoder"))
    split = {"type": "WhitespaceSplit"}
    path.write_text(
        json.dumps({"version": "1.0", "added_tokens": [], **parts, "pre_tokenizer": split, "model": model})
    )
    return f"hf:{path}"


def record(layout: Layout, night: date) -> None:
    """Write the traces of one of the nights."""
    layout.data.mkdir(parents=True, exist_ok=True)
    known = subjects(words(layout.data))
    for subject in known:
        for scenario, at_once in subject.loads.items():
            for number in ROUNDS:
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
    requests = pl.DataFrame([request for request, _ in rows], schema=trace.REQUESTS)
    reads = pl.DataFrame([read for _, of_one in rows for read in of_one], schema=trace.READS)
    folder = trace.run_folder(layout.traces, run.night, target.name, run.id)
    folder.mkdir(parents=True)
    kind = {"kind": "open", "rate_req_s": 8.0, "arrivals": "constant"} if run.is_open else {"kind": "closed"}
    sweep = {"sweep": "sweep"} if run.scenario.startswith("sweep") else {}
    manifest = streams.manifest(
        run.id, night=run.night, workload="chat", scenario=run.scenario, round=run.round, concurrency=run.at_once,
        target=target, requests_planned=len(rows) - 1, warmup_planned=1, requests_recorded=len(rows),
        load={"scenario": {**kind, **sweep}, "workload": {"unique_prompts": True}, "slo": SLO},
        engine={"name": "vllm", "version": "0.33.0"} if target.engine else None,
        started_at=f"{run.night}T{ROUNDS[run.round][0]}:00+00:00",
        files=trace.write_run(folder, [(requests, reads)]),
    )  # fmt: skip
    trace.write_json(folder / "manifest.json", manifest)


def _requests(run: Run) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """A warm-up, then six requests of each stream (closed), or one each 125 ms (open)."""
    free = [1000.0] * run.at_once  # when each stream may ask again, ms from the anchor
    for index in range(1 + (12 if run.is_open else 6 * run.at_once)):
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
    load = 1 + 0.12 * (run.at_once - 1)
    evening = ROUNDS[run.round][1] if subject.target.kind == "hosted" else 1.0
    first = (subject.ttft_ms * slower * evening + JITTER_MS[index % 7] + (index % 5)) * load
    step = subject.tpot_ms * subject.tokens_an_event * (1 + 0.05 * (run.at_once - 1)) * (1 + 0.01 * (index % 3))
    if failure == "refused":
        return [(12.0, b'{"error":{"message":"rate limit reached","code":"rate_limit"}}')], 12.0
    if failure == "not_connected":
        return [], 3000.0
    events = (subject.tokens - 1) // subject.tokens_an_event
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
