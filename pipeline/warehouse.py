"""The published DuckDB file: built aside from audited Parquet, documented, put in place in one rename."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipeline import tables
from pipeline import warehouse_increment as increment
from pipeline.errors import TokenclockError
from pipeline.layout import Layout, shipped

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class WarehouseError(TokenclockError):
    """The warehouse cannot be built or opened; the message names the file and the cure."""


@dataclass(frozen=True)
class Extra:
    """A table that is not derived from traces night by night."""

    title: str
    frame: pl.DataFrame
    columns: Mapping[str, str]


@dataclass(frozen=True)
class View:
    """A view: its file's name, its leading comment, its SELECT."""

    name: str
    title: str
    sql: str


def publish(layout: Layout, nights: Sequence[date], extras: Mapping[str, Extra]) -> dict[str, int]:
    """Build a warehouse of these nights and rename it into place; return rows by table.

    Readers keep the file they have open; whoever opens it next sees the new one. When anything fails,
    the warehouse that was published stays.
    """
    layout.data.mkdir(parents=True, exist_ok=True)
    aside = layout.warehouse.with_name(f".{layout.warehouse.name}.{os.getpid()}")
    for left in layout.data.glob(f".{layout.warehouse.name}.*"):  # by a publication that was killed
        left.unlink()
    try:
        rows = _build(aside, layout, nights, extras)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.replace(layout.warehouse)
    finally:
        aside.unlink(missing_ok=True)
        aside.with_name(f"{aside.name}.wal").unlink(missing_ok=True)
    return rows


def _build(path: Path, layout: Layout, nights: Sequence[date], extras: Mapping[str, Extra]) -> dict[str, int]:
    """Bring a copy of the published warehouse up to date, or build one anew where there is none fit for it."""
    now, made_by = increment.staged(layout, nights), increment.definitions(sorted(extras), views())
    is_copy = increment.copy(layout.warehouse, path, made_by, CONFIG)
    with duckdb.connect(path, config=CONFIG) as con:
        con.begin()  # one transaction: else each of hundreds of comments waits for the disk
        if not is_copy:
            _create(con)
        replaced = increment.bring_up_to_date(con, now, layout)
        for name, extra in extras.items():
            con.register("incoming", extra.frame)
            con.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM incoming').fetchall()
            con.unregister("incoming")
            _comment(con, name, extra.title, extra.columns)
        if not is_copy:
            _create_views(con)
        rows = {name: _count(con, name) for name in (*tables.tables(), *extras)}
        increment.remember(con, now, made_by, replaced, sum(rows.values()))
        con.commit()
        con.execute("CHECKPOINT").fetchall()
    return rows


def _create(con: duckdb.DuckDBPyConnection) -> None:
    """All tables of nights, empty."""
    increment.begin(con)
    for name, table in tables.tables().items():
        con.register("incoming", tables.empty(name))
        con.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming').fetchall()
        con.unregister("incoming")
        _comment(con, name, table.title, table.columns)


def _create_views(con: duckdb.DuckDBPyConnection) -> None:
    for view in views():
        con.execute(f'CREATE VIEW "{view.name}" AS {view.sql}').fetchall()
        con.execute(f'COMMENT ON VIEW "{view.name}" IS {_quoted(view.title)}').fetchall()


def _comment(con: duckdb.DuckDBPyConnection, name: str, title: str, columns: Mapping[str, str]) -> None:
    con.execute(f'COMMENT ON TABLE "{name}" IS {_quoted(title)}').fetchall()
    for column, text in columns.items():
        con.execute(f'COMMENT ON COLUMN "{name}"."{column}" IS {_quoted(text)}').fetchall()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _count(con: duckdb.DuckDBPyConnection, name: str) -> int:
    row = con.execute(f'SELECT count(*) FROM "{name}"').fetchone()
    return int(row[0]) if row else 0


def views(folder: Path | None = None) -> list[View]:
    """The views of `sql/views`, each after those it selects from."""
    found = {view.name: view for view in _read_views(folder or shipped("sql") / "views")}
    uses = {name: _tables_in(view.sql) & set(found) for name, view in found.items()}
    try:
        return [found[name] for name in TopologicalSorter(uses).static_order()]
    except CycleError as error:
        raise WarehouseError(f"sql/views: these views select from each other: {error.args[1]}") from error


def _tables_in(sql: str) -> set[str]:
    """Names of the tables and views that a SELECT reads, by DuckDB's own parser."""
    with duckdb.connect(config=CONFIG) as con:
        row = con.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {}
    if tree.get("error"):
        raise WarehouseError(f"sql/views: {tree['error_message']} in: {sql}")
    return set(_base_tables(tree))


def _base_tables(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("type") == "BASE_TABLE":
            yield node["table_name"]
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _base_tables(child)


def _read_views(folder: Path) -> Iterator[View]:
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text("utf-8")
        title = " ".join(line.removeprefix("--").strip() for line in _leading_comment(text))
        if not title:
            raise WarehouseError(f"{path}: begin with a comment that says what a row is (`-- One row a …`)")
        yield View(path.stem, title, text.strip().rstrip(";"))


def _leading_comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("--"):
            return
        yield line


def connect(layout: Layout) -> duckdb.DuckDBPyConnection:
    """Open the published warehouse read-only."""
    if not layout.warehouse.exists():
        raise WarehouseError(
            f"{layout.warehouse}: no warehouse yet; `make demo` (or `tokenclock publish`) makes one"
        )
    return duckdb.connect(layout.warehouse, read_only=True, config=CONFIG)
