"""Recorded nights on disk, for tests of what comes after recording."""

import hashlib
import json
import shutil
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
from filelock import FileLock

from pipeline import ledger, publish, tables, trace
from pipeline.collect.recorder import Trace
from pipeline.collect.store import RunStore
from pipeline.layout import Layout
from tests import streams

shelf = Path()  # where published nights of this session stand, for all its workers; conftest.py says where


def published(layout: Layout, *targets: dict[str, Any], site: bool = False, audited: bool = True) -> Path:
    """Publish the golden night of these targets (none: before anything was recorded); return the first page's path.

    Publishing takes seconds, so a night is made once a session and copied from then on. Its checks are most
    of that: what does not look at them leaves them out.
    """
    folder = shelf / hashlib.sha256(json.dumps([targets, site, audited]).encode()).hexdigest()[:16]
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            with nullcontext() if audited else patch("pipeline.checks.ensure", lambda *_: []):
                _publish(Layout(folder / "data", folder / "site"), targets, site=site)
            (folder / "done").touch()
    for made, wanted in (("data", layout.data), ("site", layout.site)):
        if (folder / made).exists():
            shutil.copytree(folder / made, wanted, dirs_exist_ok=True)
    return layout.site / "index.html"


def _publish(layout: Layout, targets: tuple[dict[str, Any], ...], *, site: bool) -> None:
    for about in targets:
        record(layout, **about)
    if targets:
        publish.build_night(layout, streams.NIGHT)
    publish.publish_warehouse(layout)
    if site:
        publish.publish_site(layout)


def record(
    layout: Layout, night: date = streams.NIGHT, target: str = "t", requests: int = 3, **more
) -> trace.Manifest:
    """Record a finished run of golden streams; every keyword changes the target."""
    run_id = f"{night}.{target}.w.s.r01"
    about = streams.target(target, **more)
    store = RunStore(layout.traces, streams.manifest(run_id, night=night, target=about, requests_planned=requests))
    for index in range(requests):
        rows = streams.reads(streams.GOLDEN, f"{run_id}/{index:04d}")
        start = (1000 + 1100 * index) * streams.MS
        request = streams.request(
            index, run_id, night=night, target=target, sent_ns=start, scheduled_ns=start, end_ns=1050 * streams.MS,
            read_count=len(rows), body_bytes=sum(len(row["payload"]) for row in rows),
        )  # fmt: skip
        store.append(Trace(request, streams.columns(rows)))
    take_census(layout, night, [about])
    return store.close("finished")


def stage_more(layout: Layout, night: date, factors: list[float]) -> None:
    """Stage the nights after a built one: the same tables, with the figures of their summary times a factor."""
    figures = [pl.col(name) for name in ("mean", "p10", "p25", "p50", "p75", "p90", "p95", "p99")]
    for days, factor in enumerate(factors, 1):
        another = night + timedelta(days=days)
        for name in tables.tables():
            frame = pl.read_parquet(layout.table(name, night))
            if "night" in frame.columns:
                frame = frame.with_columns(night=pl.lit(another))
            if name == "summary":
                frame = frame.with_columns(figure * factor for figure in figures)
            trace.write_parquet(frame, layout.table(name, another))


def take_census(layout: Layout, night: date, targets: list[trace.Target]) -> None:
    """Write down which targets the plan of that night had."""
    census = trace.Night(schema_version=1, night=night, plan_sha256="0", rounds=1, targets=targets)
    path = layout.traces / f"night={night}" / "targets.json"
    trace.write_json(path, census)
    ledger.enter(layout.traces, {path.relative_to(layout.traces).as_posix(): trace.sha256(path)})


def calibrate(layout: Layout, night: date, number: int = 1, concurrency: int = 1, **found: float) -> None:
    """Keep one calibration before a round."""
    known = {
        "clock_source": "kernel", "scheduling": "ordinary", "streams": concurrency, "events": 104, "reads": 104,
        "stamp_error_p50_ns": 9_000.0, "stamp_error_p99_ns": 17_000.0, "stamp_error_max_ns": 40_000.0,
        "ttft_error_p50_ns": 17_000.0, "ttft_error_max_ns": 17_000.0, "shared_read_share": 0.0,
        "loop_lag_p50_ns": 0.0, "loop_lag_max_ns": 1_000_000.0, "cpu_share": 0.02, "pacing_error_p50_ns": 2_000.0,
    }  # fmt: skip
    one = trace.Calibration(
        schema_version=1, night=night, round=number, moment="before", measured_at=f"{night}T02:00:00.000+00:00",
        concurrency=concurrency, tok_s=200.0, found={**known, **found}, error=None,
    )  # fmt: skip
    trace.write_calibration(layout.traces, one)


def enter(layout: Layout) -> None:
    """Enter in the ledger what a collection would have entered."""
    ledger.enter_missing(layout.traces)
