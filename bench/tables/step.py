"""One step of the benchmark in a process of its own, so that its peak of memory is its own too."""

import json
import sys
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import msgspec
import numpy as np
import polars as pl

from bench.tables import night
from bench.tables.peak import peak_gib
from pipeline import checks, ledger, publish, tables, trace, warehouse
from pipeline.layout import Layout

Found = dict[str, Any]


def timed(work: Callable[[], object]) -> Found:
    """Seconds of the wall and of all processors."""
    wall, cpu = perf_counter(), process_time()
    work()
    return {"wall_s": perf_counter() - wall, "cpu_s": process_time() - cpu}


def make_night(layout: Layout, reads: int) -> Found:
    """Write a night of about so many reads."""
    return {"reads": night.write(layout.traces, reads)}


def build_night(layout: Layout, _: int) -> Found:
    """All tables of it, and what each took."""
    each: Found = {}
    for name, table in tables.tables().items():
        each[name] = timed(partial(tables.build, layout, table, night.NIGHT))
    return {
        "tables": each,
        "wall_s": sum(one["wall_s"] for one in each.values()),
        "cpu_s": sum(one["cpu_s"] for one in each.values()),
    }


def make_nights(layout: Layout, count: int) -> Found:
    """One small night computed and audited, and so many copies of its staged tables with other dates."""
    night.write(layout.traces, 3_000, rounds=1)
    publish.build_night(layout, night.NIGHT)
    publish.publish_warehouse(layout)
    staged = {name: pl.read_parquet(layout.table(name, night.NIGHT)) for name in tables.tables()}
    known = {one.table: one for one in checks.ensure(layout, night.NIGHT)}
    dates = [night.NIGHT + timedelta(days) for days in range(count)]
    for to in dates[1:]:
        _copy(layout, to, staged, known)
    hashes = trace.manifest_hashes(layout.traces, night.NIGHT)
    ledger.enter(
        layout.traces, {f"night={to}/{run}/manifest.json": of for to in dates for run, of in hashes.items()}
    )
    return {"nights": count}


def _copy(layout: Layout, to: date, staged: dict[str, pl.DataFrame], known: dict[str, checks.Audit]) -> None:
    """Stage a night like the first: its tables with another date, and its audits for their bytes."""
    hashes = {}
    rng = np.random.default_rng(to.toordinal())
    for name, frame in staged.items():
        path, copy = layout.table(name, to), _dated(frame, to)
        if name == "summary":  # so that there is something to look for changes of level in
            copy = copy.with_columns(pl.col("p50") * rng.lognormal(0, 0.02, copy.height))
        copy.write_parquet(path, compression="zstd", metadata=tables.ABOUT)
        hashes[name] = trace.sha256(path)
    for table, found in known.items():
        files = {name: hashes[name] for name in found.files}
        audit = msgspec.structs.replace(found, night=to, files=files)
        layout.audit(table, to).write_bytes(trace.json_bytes(audit))


def _dated(frame: pl.DataFrame, to: date) -> pl.DataFrame:
    old, new = str(night.NIGHT), str(to)
    ids = [one for one in ("request_id", "run_id", "retry_of") if one in frame.columns]
    frame = frame.with_columns(pl.col(ids).str.replace(old, new, literal=True))
    return frame.with_columns(night=pl.lit(to)) if "night" in frame.columns else frame


def publish_all(layout: Layout, _: int) -> Found:
    """Publish what is staged: built anew where there is no warehouse yet."""
    return timed(lambda: publish.publish_warehouse(layout))


def one_night_more(layout: Layout, _: int) -> Found:
    """Compute, audit and publish a night that came to those that are published."""
    to = tables.nights(layout)[-1] + timedelta(1)
    night.write(layout.traces, 3_000, rounds=1, night=to)
    built = timed(lambda: publish.build_night(layout, to))
    audited = timed(lambda: checks.ensure(layout, to))
    published = timed(lambda: publish.publish_warehouse(layout))
    with warehouse.connect(layout) as con:
        (nights,) = con.execute("SELECT count(DISTINCT night) FROM requests").fetchall()
    size = layout.warehouse.stat().st_size / 1e6
    return {"build": built, "audit": audited, "publish": published, "nights": nights[0], "warehouse_mb": size}


STEPS = {step.__name__: step for step in (make_night, build_night, make_nights, publish_all, one_night_more)}


def main() -> None:
    """Run the step that the command line names, and print what it found."""
    name, folder, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    found = STEPS[name](Layout(folder / "data", folder / "site"), size)
    peak = peak_gib()
    print(json.dumps({**found, "peak_gib": peak}))


if __name__ == "__main__":
    main()
