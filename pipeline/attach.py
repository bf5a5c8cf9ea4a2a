"""The same tables without this project: `attach.sql` lays views over the staged Parquet files.

Any DuckDB since 1.2 runs it; names, columns, comments, views and macros are those of the warehouse. Paths are
relative, so that the data folder can be copied, served or mounted anywhere.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import duckdb
import polars as pl

from pipeline import sql, tables, trace
from pipeline.layout import Layout, nights_beside
from pipeline.sql import quoted

HEAD = """\
-- The tables of tokenclock for any DuckDB, straight from the Parquet files beside this script.
-- Written at publication, with the nights that were published then.
-- In this folder:   duckdb -init attach.sql
-- From elsewhere:   SET file_search_path = '…/data'; then run this script
"""

TABLES = """
SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = 'main' ORDER BY table_oid
"""

COLUMNS = """
SELECT table_name, column_name, data_type, comment FROM duckdb_columns()
WHERE NOT internal AND schema_name = 'main' ORDER BY table_name, column_index
"""

GROWING = ("check_results",)
"""Tables that are of no night, have one in each row, and are written night by night: years of them are long."""

Columns = dict[str, list[tuple[str, str, str | None]]]
"""Of each table and view: name, type and comment."""


def write(
    layout: Layout, con: duckdb.DuckDBPyConnection, nights: Sequence[date], before: Collection[date] = ()
) -> None:
    """Write `attach.sql` for these nights, and Parquet of the tables that are of no night. `con`: the warehouse.

    Of `GROWING`, what was written of the nights from `before` stays.
    """
    found = con.execute(TABLES).fetchall()
    columns: Columns = {}
    for name, *column in con.execute(COLUMNS).fetchall():
        columns.setdefault(name, []).append((column[0], column[1], column[2]))
    files = {name: _files(layout, con, name, nights, before) for name, _ in found}
    views = [line for name, title in found for line in _view(name, title, columns, files[name])]
    trace.replace(layout.attach, "\n".join([HEAD, *views, *_definitions(columns)]).encode())


def _files(
    layout: Layout, con: duckdb.DuckDBPyConnection, name: str, nights: Sequence[date], before: Collection[date]
) -> list[str]:
    """The Parquet files of a table, as seen from the data folder; those of no night are written here."""
    if name in GROWING:
        nights = _grown(layout, con, name, before)
    elif name not in tables.tables():
        trace.write_parquet(con.sql(f'SELECT * FROM "{name}"').pl(), layout.of_no_night(name))
        return [layout.of_no_night(name).relative_to(layout.data).as_posix()]
    folder, one = layout.table(name, date.min).parent.relative_to(layout.data).as_posix(), "night={}.parquet"
    return [f"{folder}/{one.format(night)}" for night in nights]


def _grown(layout: Layout, con: duckdb.DuckDBPyConnection, name: str, before: Collection[date]) -> list[date]:
    """Write the nights of a table that are new or may have changed; return all that it has."""
    nights = [night for (night,) in con.execute(f'SELECT DISTINCT night FROM "{name}" ORDER BY night').fetchall()]
    there = set(nights_beside(layout.table(name, date.min)))
    for gone in there - set(nights):
        layout.table(name, gone).unlink(missing_ok=True)
    for night in set(nights) - (there & set(before)):
        rows: pl.DataFrame = con.sql(f'SELECT * FROM "{name}" WHERE night = ?', params=[night]).pl()
        trace.write_parquet(rows, layout.table(name, night))
    return nights


def _view(name: str, title: str, columns: Columns, files: list[str]) -> Iterator[str]:
    if files:
        listed = ", ".join(f'"{column}"' for column, _, _ in columns[name])
        paths = ",\n    ".join(map(quoted, files))
        source = f"{listed}\nFROM read_parquet([\n    {paths}\n], hive_partitioning = false)"
    else:  # nothing was recorded yet: a table without rows
        source = ", ".join(f'NULL::{kind} AS "{column}"' for column, kind, _ in columns[name]) + " WHERE false"
    yield f'CREATE OR REPLACE VIEW "{name}" AS SELECT {source};'
    yield f'COMMENT ON VIEW "{name}" IS {quoted(title)};'
    yield from _comments(name, columns)


def _definitions(columns: Columns) -> Iterator[str]:
    for one in sql.definitions():
        yield from (f"{statement};" for statement in one.statements)
        yield from _comments(one.name, columns)


def _comments(name: str, columns: Columns) -> Iterator[str]:
    """Comments of columns; macros have none."""
    for column, _, comment in columns.get(name, []):
        if comment:
            yield f'COMMENT ON COLUMN "{name}"."{column}" IS {quoted(comment)};'
