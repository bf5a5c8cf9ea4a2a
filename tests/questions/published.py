"""The fixed traces, published: what worked questions, the dictionary and other programs are tried on."""

from datetime import date, timedelta

import polars as pl

from pipeline import publish, tables, trace, warehouse
from pipeline.checks import Audit, Result
from pipeline.layout import Layout
from tests.questions import probes, traces

OLDER = [traces.BEFORE - timedelta(days=days) for days in range(12, 0, -1)]
BETWEEN = [traces.LAST - timedelta(days=days) for days in (3, 2, 1)]


def stage(layout: Layout) -> list[date]:
    """Build the two nights; of the nights around them keep summaries alone, like the night they resemble."""
    for night in (traces.BEFORE, traces.LAST):
        traces.record(layout, night)
        probes.record(layout, night)
        publish.build_night(layout, night)
    for like, others in ((traces.BEFORE, OLDER), (traces.LAST, BETWEEN)):
        for name in tables.tables():
            frame = pl.read_parquet(layout.table(name, like))
            kept = frame if name in ("summary", "targets") else frame.clear()
            for night in others:
                moved = kept.with_columns(night=pl.lit(night)) if "night" in kept.columns else kept
                trace.write_parquet(moved, layout.table(name, night))
    return tables.nights(layout)


def audits() -> list[Audit]:
    """One check that warned in the last night, and one that passed."""
    known = {
        "table": "summary",
        "severity": "warning",
        "notes": "Few values are luck.",
        "observed": None,
        "error": None,
    }
    warned = Result(name="n_is_more_than_a_handful", passed=False, unexpected_count=4, sample=[{"n": 3}], **known)
    passed = Result(name="figures_are_numbers", passed=True, unexpected_count=0, sample=[], **known)
    return [Audit(table="summary", night=traces.LAST, files={}, checks_sha256="0", results=[warned, passed])]


def published(layout: Layout) -> Layout:
    """Publish the fixed traces."""
    known = stage(layout)
    warehouse.publish(layout, known, publish.beside(layout, known, audits(), publish.released(layout)[0]))
    return layout
