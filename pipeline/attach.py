"""The same tables without this project: `attach.sql` lays views over the staged Parquet files.

Any DuckDB since 1.2 runs it; names, columns, comments, views and macros are those of the warehouse. Paths are
relative, so that the data folder can be copied, served or mounted anywhere.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import duckdb

from pipeline import sql, tables, trace
from pipeline.layout import Layout
from pipeline.sql import quoted

HEAD = """\
-- The tables of tokenclock for any DuckDB, straight from the Parquet files beside this script.
-- Written at publication, with the nights that were published then.
-- In this folder:   duckdb -init attach.sql
-- From elsewhere:   SET file_search_path = '…/data'; then run this script
"""

RELATIONS = """
SELECT table_name, comment FROM duckdb_tables() ORDER BY table_oid
"""

COLUMNS = """
SELECT column_name, data_type, comment FROM duckdb_columns()
WHERE NOT internal AND table_name = ? ORDER BY column_index
"""


def write(layout: Layout, con: duckdb.DuckDBPyConnection, nights: Sequence[date]) -> None:
    """Write `attach.sql` for these nights, and Parquet of the tables that are of no night. `con`: the warehouse."""
    derived = tables.tables()
    found = con.execute(RELATIONS).fetchall()
    for name, _ in found:
        if name not in derived:
            trace.write_parquet(con.sql(f'SELECT * FROM "{name}"').pl(), layout.of_no_night(name))
    text = "\n".join([HEAD, *_script(layout, con, nights, found)])
    trace.replace(layout.attach, text.encode())


def _script(
    layout: Layout, con: duckdb.DuckDBPyConnection, nights: Sequence[date], found: list[tuple[str, str]]
) -> Iterator[str]:
    derived = tables.tables()
    for name, title in found:
        paths = [layout.table(name, night) for night in nights] if name in derived else [layout.of_no_night(name)]
        yield from _view(con, name, title, [path.relative_to(layout.data).as_posix() for path in paths])
    for one in sql.definitions():
        yield from (f"{statement};" for statement in one.statements)
        yield from _comments(con, one.name)


def _view(con: duckdb.DuckDBPyConnection, name: str, title: str, paths: list[str]) -> Iterator[str]:
    columns = con.execute(COLUMNS, [name]).fetchall()
    if paths:
        listed = ", ".join(f'"{column}"' for column, _, _ in columns)
        files = ",\n    ".join(map(quoted, paths))
        yield (
            f'CREATE OR REPLACE VIEW "{name}" AS SELECT {listed}\n'
            f"FROM read_parquet([\n    {files}\n], hive_partitioning = false);"
        )
    else:  # nothing was recorded yet: a table without rows
        listed = ", ".join(f'NULL::{kind} AS "{column}"' for column, kind, _ in columns)
        yield f'CREATE OR REPLACE VIEW "{name}" AS SELECT {listed} WHERE false;'
    yield f'COMMENT ON VIEW "{name}" IS {quoted(title)};'
    yield from _comments(con, name)


def _comments(con: duckdb.DuckDBPyConnection, name: str) -> Iterator[str]:
    """Comments of columns; macros have none."""
    for column, _, comment in con.execute(COLUMNS, [name]).fetchall():
        if comment:
            yield f'COMMENT ON COLUMN "{name}"."{column}" IS {quoted(comment)};'
