"""A made-up night on disk, as a collector leaves it: many targets and wire formats, bursts, failures.

Streams are drawn from a pool of texts, so that a night of any size is written quickly; stamps are drawn anew for
each request. The pool is larger than what is decoded at a time, so no decoder gains by that.
"""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl

from bench.decode import night as decode_night
from bench.tables import messages
from pipeline import trace

NIGHT = date(2026, 11, 1)
TEXTS = 48  # of each shape
TOKENS = 200
SCENARIOS = {"single": 1, "busy": 32}
MS = 1_000_000

SHAPES = {name: ("openai-chat", shape) for name, shape in decode_night.SHAPES.items()}
SHAPES["anthropic"] = ("anthropic-messages", messages.anthropic)
SHAPES["ollama"] = ("ollama-chat", messages.ollama)

ERROR = b'data: {"error":{"message":"the engine died","type":"internal","code":500}}\n\n'
REFUSED = b'{"error":{"message":"slow down","type":"rate_limit","code":"429"}}'

Rng = np.random.Generator


def write(traces: Path, reads: int, *, rounds: int = 3, tokenizer: str | None = None, night: date = NIGHT) -> int:
    """Write a night of about so many reads; return how many there are."""
    pools = {name: _pool(name) for name in SHAPES}
    echoed = {name: _echoed(pool) for name, pool in pools.items()}
    mean = float(np.mean([pool.height / TEXTS for pool in pools.values()]))
    count = max(4, round(reads / (rounds * len(SHAPES) * len(SCENARIOS)) / mean))
    runs = [
        Run(night, number, name, scenario, count, tokenizer, echoed[name])
        for number in range(1, rounds + 1)
        for name in SHAPES
        for scenario in SCENARIOS
    ]
    rng = np.random.default_rng(1)
    return sum(_write(traces, run, pools[run.name], rng) for run in runs)


def _pool(name: str) -> pl.DataFrame:
    """Reads of some streams of one shape: `text`, `payload`, and the events of each read (`weight`)."""
    parts = []
    for number in range(TEXTS):
        random = Random(number)
        pieces, weights = messages.reads(
            SHAPES[name][1], random, number, random.randint(TOKENS // 2, TOKENS * 3 // 2)
        )
        parts.append(
            pl.DataFrame(
                {"text": [number] * len(pieces), "payload": pieces, "weight": weights},
                schema={"text": pl.UInt32, "payload": pl.Binary, "weight": pl.Int64},
            )
        )
    return pl.concat(parts)


def _echoed(pool: pl.DataFrame) -> tuple[str, ...]:
    """The names that the streams of a pool give their model."""
    named = re.findall(rb'"model": ?"([^"]+)"', b"".join(pool["payload"]))
    return tuple(sorted({name.decode() for name in named}))


@dataclass(frozen=True)
class Run:
    """A round of one target in one scenario: so many requests."""

    night: date
    number: int
    name: str
    scenario: str
    count: int
    tokenizer: str | None
    echoed: tuple[str, ...]

    @property
    def id(self) -> str:
        """As a collector names it."""
        return f"{self.night}.r{self.number:02d}.{self.name}.chat.{self.scenario}"


def _write(traces: Path, run: Run, pool: pl.DataFrame, rng: Rng) -> int:
    folder = trace.run_folder(traces, run.night, run.name, run.id)
    folder.mkdir(parents=True)
    reads = _reads(run, pool, rng)
    files = trace.write_run(folder, [(_requests(run, reads, rng), reads)])
    trace.write_json(folder / "manifest.json", _manifest(run, files))
    return reads.height


def _reads(run: Run, pool: pl.DataFrame, rng: Rng) -> pl.DataFrame:
    """Of fifty requests one is cut short, one ends in an error, one is refused, one gets nothing."""
    picks = pl.DataFrame({"text": rng.integers(0, TEXTS, run.count)}, schema={"text": pl.UInt32}).with_row_index(
        "request"
    )
    drawn = picks.join(pool, on="text", maintain_order="left_right")
    index = pl.int_range(pl.len()).over("request")
    kind, is_last_third = pl.col("request") % 50, pl.col("place") * 3 > pl.col("size") * 2
    rows = drawn.with_columns(place=index, size=pl.len().over("request")).filter(
        (kind != 4) | (pl.col("place") == 0), kind != 5, ~(kind.is_in([2, 3]) & is_last_third)
    )
    is_end = pl.col("request") != pl.col("request").shift(-1)
    rows = rows.with_columns(
        payload=pl.when(kind == 4)
        .then(pl.lit(REFUSED))
        .when((kind == 3) & is_end.fill_null(value=True))
        .then(pl.lit(ERROR))
        .otherwise("payload")
    )
    gaps = rng.gamma(2.0, 8.0 * (1 + 0.05 * run.number) * MS / 2, rows.height) * np.maximum(
        rows["weight"].to_numpy(), 1
    )
    first = rows["place"].to_numpy() == 0
    gaps[first] = rng.lognormal(np.log(300 * MS), 0.3, int(first.sum()))
    at = pl.Series("at", gaps.astype(np.int64))
    at_ns = rows.select("request", at).select(pl.col("at").cum_sum().over("request")).to_series()
    return rows.select(
        request_id=pl.lit(f"{run.id}/") + pl.col("request").cast(pl.String).str.zfill(4),
        read_index=pl.col("place").cast(pl.Int32),
        at_ns=at_ns,
        user_ns=at_ns + 20_000,
        wire_bytes=pl.col("payload").bin.size().cast(pl.Int32),
        payload="payload",
    )


def _requests(run: Run, reads: pl.DataFrame, rng: Rng) -> pl.DataFrame:
    sizes = reads.group_by("request_id").agg(
        end=pl.col("at_ns").max(),
        read_count=pl.len().cast(pl.Int32),
        body=pl.col("wire_bytes").sum().cast(pl.Int64),
    )
    kind, streams = pl.col("request_index") % 50, SCENARIOS[run.scenario]
    sent = pl.Series(np.arange(run.count) // streams * 3_000 * MS + rng.integers(0, 100 * MS, run.count))
    label = "application/x-ndjson" if SHAPES[run.name][0] == "ollama-chat" else "text/event-stream; charset=utf-8"
    headers = [{"name": "content-type", "value": label}, {"name": "x-request-id", "value": "abc"}]
    frame = pl.DataFrame({"request_index": pl.Series(range(run.count), dtype=pl.Int32)}).with_columns(
        request_id=pl.lit(f"{run.id}/") + pl.col("request_index").cast(pl.String).str.zfill(4)
    )
    known = frame.join(sizes, on="request_id", how="left", maintain_order="left").with_columns(
        run_id=pl.lit(run.id),
        night=pl.lit(run.night),
        target=pl.lit(run.name),
        workload=pl.lit("chat"),
        scenario=pl.lit(run.scenario),
        round=pl.lit(run.number, pl.Int32),
        attempt=pl.lit(1, pl.Int32),
        is_warmup=pl.col("request_index") == 0,
        dialect=pl.lit(SHAPES[run.name][0]),
        model=pl.lit("m"),
        url=pl.lit("http://127.0.0.1/v1/chat/completions"),
        request_body=pl.lit(b'{"messages":[]}'),
        tokens_requested=pl.lit(TOKENS * 2, pl.Int64),
        scheduled_ns=sent,
        sent_ns=sent + 50_000,
        is_connection_reused=pl.lit(value=True),
        http_status=pl.when(kind == 4).then(429).when(kind != 5).then(200).cast(pl.Int32),
        response_headers=pl.lit(headers, trace.REQUESTS["response_headers"]),
        end_ns=pl.col("end").fill_null(5 * MS),
        outcome=pl.when(kind == 5).then(pl.lit("broken_off")).otherwise(pl.lit("ended")),
        read_count=pl.col("read_count").fill_null(0),
        body_bytes=pl.col("body").fill_null(0),
        clock_source=pl.lit("kernel"),
    )
    missing = [pl.lit(None, kind).alias(n) for n, kind in trace.REQUESTS.items() if n not in known.columns]
    return known.with_columns(missing).select(pl.col(n).cast(kind) for n, kind in trace.REQUESTS.items())


def _manifest(run: Run, files: dict[str, trace.File]) -> trace.Manifest:
    facts: dict[str, Any] = dict.fromkeys(("engine", "url", "hardware", "region", "precision"))
    target = trace.Target(
        **facts,
        name=run.name,
        title=run.name,
        kind="hosted",
        provider=run.name,
        provider_title=run.name,
        model="m",
        model_title="M",
        model_id="m",
        family="f",
        tokenizer=run.tokenizer,
        dialect=SHAPES[run.name][0],
        provenance="simulated",
        echoed_as=list(run.echoed),
        usd_per_million_input=0.5,
        usd_per_million_output=1.5,
        price_source="made up",
    )
    return trace.Manifest(
        schema_version=trace.SCHEMA_VERSION,
        run_id=run.id,
        night=run.night,
        workload="chat",
        scenario=run.scenario,
        round=run.number,
        concurrency=SCENARIOS[run.scenario],
        load={"scenario": {"kind": "closed"}, "workload": {}, "slo": {"ttft_ms": 400, "tpot_ms": 20}},
        target=target,
        requests_planned=run.count - 1,
        warmup_planned=1,
        requests_recorded=run.count,
        requests_lost=0,
        outcome="finished",
        error=None,
        started_at=f"{run.night}T02:00:00+00:00",
        anchor_monotonic_ns=0,
        anchor_unix_ns=0,
        plan_sha256="0",
        code_version="0",
        code_commit=None,
        host={"cpu": "made up", "cpu_count": 2},
        engine=None,
        files=files,
    )
