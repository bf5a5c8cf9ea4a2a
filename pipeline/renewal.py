"""Staged nights of an older version: built anew from their traces, or refused with the cure."""

from collections.abc import Iterable
from datetime import date

import polars as pl

from pipeline import expiry, progress, tables, trace
from pipeline.layout import Layout
from pipeline.trace import TraceError


def renew(layout: Layout, nights: Iterable[date]) -> dict[date, str]:
    """Build anew the nights whose tables are of an older schema; return those that cannot be, and why."""
    refused = {}
    for night in nights:
        if stale := [name for name in tables.tables() if not _is_good(layout, name, night)]:
            try:
                _renew(layout, night)
            except TraceError as error:
                refused[night] = (
                    f"{', '.join(stale)} staged by an older version, and its traces do not give them anew: {error}"
                )
    return refused


def _is_good(layout: Layout, name: str, night: date) -> bool:
    return tables.is_of_today(layout, name, night) or is_kept(layout, name, night)


def is_kept(layout: Layout, name: str, night: date) -> bool:
    """Whether a table of an older version holds all that there will ever be, because the night's reads expired.

    A table younger than they has no rows of that night; one with fewer columns has nulls in those that came later.
    """
    if not expiry.of(layout.traces, night):
        return False
    path, today = layout.table(name, night), tables.empty(name).schema
    return not path.exists() or pl.read_parquet_schema(path).items() <= today.items()


def _renew(layout: Layout, night: date) -> None:
    _refuse_lost_traces(layout, night)
    every = tables.tables()
    for done, (name, table) in enumerate(every.items()):
        progress.tell(progress.Step("renewal", done, len(every), f"{name} of {night}"))
        tables.build(layout, table, night)
    progress.tell(progress.Step("renewal", len(every), len(every), f"{night}: built anew from its traces"))


def _refuse_lost_traces(layout: Layout, night: date) -> None:
    """A night built from what is left of its traces would lose the rest of its rows."""
    if expired := expiry.of(layout.traces, night):
        raise TraceError(
            f"its raw reads expired ({expired.expired_at}); publish with the version that staged the night"
        )
    path = layout.table("runs", night)
    staged = set(pl.read_parquet(path, columns=["run_id"])["run_id"]) if path.exists() else set()
    if lost := sorted(staged - {one.run_id for one in trace.manifests(layout.traces, night)}):
        raise TraceError(
            f"{len(lost)} of {len(staged)} runs are gone from {layout.traces}/night={night} ({lost[0]}); "
            "restore them from a backup, or publish with the version that staged the night"
        )
