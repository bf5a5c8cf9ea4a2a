"""Recorded nights on disk, for tests of what comes after recording."""

from datetime import date

from pipeline import trace
from pipeline.collect.recorder import Trace
from pipeline.collect.store import RunStore
from pipeline.layout import Layout
from tests import streams


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
        store.append(Trace(request, rows))
    take_census(layout, night, [about])
    return store.close("finished")


def take_census(layout: Layout, night: date, targets: list[trace.Target]) -> None:
    """Write down which targets the plan of that night had."""
    census = trace.Night(schema_version=1, night=night, plan_sha256="0", rounds=1, targets=targets)
    trace.write_json(layout.traces / f"night={night}" / "targets.json", census)
