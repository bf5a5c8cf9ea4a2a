"""The query of every row that breaks a check: over the published warehouse, or over a night's staged files."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pipeline import tables
from pipeline.checks.suites import Check

_TWINS = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")


def query(check: Check, given: str | None) -> str:
    """A query of the rows that break a check, naming tables and no night.

    A rule is one. `given` is what great-expectations has for an expectation; of twins it would select what it
    compares, twice, so that they are selected here. A table as a whole has no failing rows: its values are counted.
    """
    if check.sql is not None:
        return check.sql
    asked = check.config["kwargs"]
    if check.config["type"] in _TWINS:
        columns = ", ".join(asked.get("column_list") or [asked["column"]])
        return f"SELECT * FROM {check.table} QUALIFY count(*) OVER (PARTITION BY {columns}) > 1 ORDER BY {columns}"
    if given:
        return " ".join(given.rstrip("; \n").split())
    return _counted(check.table, asked)


def _counted(table: str, asked: Mapping[str, Any]) -> str:
    if column := asked.get("column"):
        return f"SELECT {column}, count(*) AS rows FROM {table} GROUP BY {column} ORDER BY rows DESC, {column}"
    return f"SELECT count(*) AS rows FROM {table}"


def published(sql: str, night: date) -> str:
    """The same over the warehouse, one night of it."""
    return _over(sql, lambda name: f"SELECT * FROM main.{name}{_of(name, night)}")


def staged(sql: str, file: Callable[[str], Path]) -> str:
    """The same over Parquet files, in any DuckDB; `file` tells where a table of the night lies."""
    return _over(sql, lambda name: f"SELECT * FROM read_parquet({_quoted(file(name))}, hive_partitioning = false)")


def _over(sql: str, source: Callable[[str], str]) -> str:
    """Put a source under the name of each table that a query mentions."""
    words = set(re.findall(r"\w+", sql))
    named = [f"{name} AS (\n    {source(name)}\n)" for name in tables.tables() if name in words]
    return f"WITH {', '.join(named)}\nSELECT * FROM (\n{sql}\n) AS unexpected"


def _of(name: str, night: date) -> str:
    columns, day = tables.tables()[name].columns, f"night = DATE '{night}'"
    if "night" in columns:
        return f" WHERE {day}"
    return f" WHERE request_id IN (SELECT request_id FROM main.requests WHERE {day})"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
