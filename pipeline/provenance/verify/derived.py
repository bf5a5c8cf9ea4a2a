"""The staged tables of a night against the same tables, computed anew from its traces in another folder."""

import shutil
from collections.abc import Iterator
from datetime import date

import msgspec
import polars as pl

from pipeline import checks, expiry, publish, tables, trace
from pipeline.layout import Layout
from pipeline.provenance.verify.difference import ABSENT, Difference, first, first_in_json
from pipeline.provenance.verify.work import Work


def table_differences(this: Work, night: date) -> Iterator[Difference]:
    """The first cell of each table that is not what the traces give; of an expired night, files that changed."""
    if gone := expiry.of(this.layout.traces, night):
        yield from _kept(this, night, gone)
        return
    again = _recomputed(this, night)
    this.count("tables recomputed", len(tables.tables()))
    staged = [name for name in tables.tables() if this.layout.table(name, night).exists()]
    if not staged:
        this.notes.append(f"{night}: recomputed, and no table is staged to compare with")
        return
    for name in tables.tables():
        if found := _difference(this.layout, again, name, night):
            yield found
    shutil.rmtree(again.tables)


def audit_differences(this: Work, night: date) -> Iterator[Difference]:
    """Audits that are not what the checks left: they are kept twice, and a hand changes one."""
    for kept in checks.vouched(this.layout, night):
        path = this.layout.audit(kept.table, night)
        file = path.relative_to(this.layout.data).as_posix()
        this.count("audits")
        found = checks.read_audit(this.layout, kept.table, night)
        if found is None:
            yield Difference("audits", file, "gone, or no audit", "what the checks said", kept.table)
        elif cell := first_in_json(*map(msgspec.to_builtins, (found, kept))):
            yield Difference("audits", file, cell.published, cell.recomputed, kept.table, cell.row)


def strays(this: Work) -> Iterator[Difference]:
    """Staged files of nights that were never recorded: they follow from nothing."""
    recorded = {night.isoformat() for night in trace.nights(this.layout.traces)}
    for path in sorted(this.layout.tables.glob("*/night=*.parquet")):
        if path.parent.name in tables.tables() and path.stem.removeprefix("night=") not in recorded:
            name = path.relative_to(this.layout.data).as_posix()
            yield Difference("tables", name, "a table", f"{ABSENT}: no traces of that night", path.parent.name)


def _recomputed(this: Work, night: date) -> Layout:
    """All tables of a night in the workplace, from the very traces."""
    again = Layout(data=this.workplace, site=this.workplace / "site")
    if not again.traces.exists():
        again.traces.symlink_to(this.layout.traces, target_is_directory=True)
    publish.build_night(again, night)
    return again


def _difference(layout: Layout, again: Layout, name: str, night: date) -> Difference | None:
    path = layout.table(name, night)
    file = path.relative_to(layout.data).as_posix()
    if not path.exists():
        return Difference("tables", file, "the file is gone", "a table", name)
    if trace.sha256(path) == trace.sha256(again.table(name, night)):
        return None
    try:
        published = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        return Difference("tables", file, f"no Parquet file ({error})", "a table", name)
    cell = first(published, pl.read_parquet(again.table(name, night)))
    if cell is None:
        hashes = (
            f"sha256 {trace.sha256(path)}",
            f"sha256 {trace.sha256(again.table(name, night))}, of the same rows",
        )
        return Difference("tables", file, *hashes, name)
    return Difference("tables", file, cell.published, cell.recomputed, name, cell.row, cell.column)


def _kept(this: Work, night: date, gone: expiry.Expired) -> Iterator[Difference]:
    """Tables that nothing can compute any more, against their hashes from the day on which the reads expired."""
    this.notes.append(f"{night}: {gone.said}; its tables are compared with their hashes of that day")
    for name, sha256 in gone.tables.items():
        path = this.layout.table(name, night)
        file = path.relative_to(this.layout.data).as_posix()
        this.count("tables kept from before their reads expired")
        if not path.exists():
            yield Difference("tables", file, "the file is gone", f"sha256 {sha256} by the tombstone", name)
        elif (found := trace.sha256(path)) != sha256:
            yield Difference("tables", file, f"sha256 {found}", f"sha256 {sha256} by the tombstone", name)
