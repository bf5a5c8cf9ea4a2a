"""What all assets have in common: who owns them, the night that a run is about, how a frame is shown."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

FIRST_NIGHT = "2026-11-01"
NIGHTLY = dg.DailyPartitionsDefinition(start_date=FIRST_NIGHT, end_offset=1)
OWNERS = ["team:tokenclock"]
PREVIEW_ROWS = 5
FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=30), fail_window=timedelta(hours=48))
"""A night comes every day: one that is missing warns, two are a failure."""


def night_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> date:
    """The partition, as a date."""
    return date.fromisoformat(context.partition_key)


def described(columns: Any) -> dg.TableSchema:
    """Columns with their meanings."""
    return dg.TableSchema(columns=[dg.TableColumn(name, description=text) for name, text in columns.items()])


def shape(frame: pl.DataFrame, columns: Any, rows: int | None = None) -> dict[str, Any]:
    """Row count, column types and the first rows."""
    schema = [dg.TableColumn(name, str(kind), columns[name]) for name, kind in frame.schema.items()]
    return {
        "dagster/row_count": frame.height if rows is None else rows,
        "dagster/column_schema": dg.TableSchema(columns=schema),
        "first rows": dg.MetadataValue.md(markdown(frame.head(PREVIEW_ROWS))),
    }


def markdown(frame: pl.DataFrame) -> str:
    """A frame as a Markdown table."""
    head = f"| {' | '.join(frame.columns)} |\n|{'---|' * frame.width}"
    rows = ("| " + " | ".join(_cell(value) for value in row) + " |" for row in frame.iter_rows())
    return "\n".join([head, *rows])


def _cell(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")[:80]
