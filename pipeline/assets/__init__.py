"""The Dagster skin: each asset calls one function of the modules below and shows what came of it."""

from pipeline.assets.audits import checked_tables, table_checks
from pipeline.assets.publication import (
    chart,
    levels_are_steady,
    published_figures,
    released,
    site,
    targets_are_fresh,
    warehouse,
)
from pipeline.assets.recording import INTERRUPTED, POOL, received, traces, traces_key
from pipeline.assets.shown import FIRST_NIGHT, NIGHTLY
from pipeline.assets.tables import table

__all__ = [
    "FIRST_NIGHT",
    "INTERRUPTED",
    "NIGHTLY",
    "POOL",
    "chart",
    "checked_tables",
    "levels_are_steady",
    "published_figures",
    "received",
    "released",
    "site",
    "table",
    "table_checks",
    "targets_are_fresh",
    "traces",
    "traces_key",
    "warehouse",
]
