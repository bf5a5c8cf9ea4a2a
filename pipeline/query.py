"""Ad hoc SQL on the published warehouse, read-only: one query, or a session."""

import sys
from pathlib import Path

import duckdb
import polars as pl

from pipeline import console, warehouse
from pipeline.errors import TokenclockError
from pipeline.layout import Layout

HELP = """Type SQL and end it with a semicolon. Also:
  .tables          tables and views, and what a row of each is
  .columns NAME    columns of one of them, and what each means
  .quit            leave (or Ctrl-D)"""

TABLES = """
SELECT table_name AS name, 'table' AS kind, estimated_size AS rows, comment FROM duckdb_tables()
WHERE schema_name = 'main'
UNION ALL
SELECT view_name, 'view', NULL, comment FROM duckdb_views() WHERE NOT internal
ORDER BY kind, name
"""

COLUMNS = "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"


class QueryError(TokenclockError):
    """The query failed; the message is DuckDB's."""


def run(layout: Layout, text: str) -> pl.DataFrame:
    """Run one or more statements; return the rows of the last."""
    with warehouse.connect(layout) as con:
        return _run(con, text)


def _run(con: duckdb.DuckDBPyConnection, text: str) -> pl.DataFrame:
    rows = pl.DataFrame()
    try:
        for statement in con.extract_statements(text):
            result = con.sql(statement)
            rows = pl.DataFrame() if result is None else result.pl()
    except duckdb.Error as error:
        raise QueryError(str(error)) from error
    return rows


def interactive(layout: Layout) -> None:
    """Read statements from the terminal until it ends. Readers never block the night: the file is read-only."""
    with warehouse.connect(layout) as con:
        sys.stderr.write(f"{layout.warehouse} (read-only). .help for help.\n")
        _remember_lines(layout.data / ".sql_history")
        while (text := _read()) is not None:
            try:
                _answer(con, text)
            except QueryError as error:
                sys.stderr.write(f"{error}\n")


def _remember_lines(history: Path) -> None:
    """Line editing and history where the platform has readline."""
    try:
        import atexit  # noqa: PLC0415 - only a session needs it
        import readline  # noqa: PLC0415 - not on every platform
    except ImportError:
        return
    if history.exists():
        readline.read_history_file(history)
    atexit.register(readline.write_history_file, history)


def _read() -> str | None:
    """One statement or dot command; None at the end."""
    lines: list[str] = []
    try:
        while True:
            lines.append(input("   ...> " if lines else "tokenclock> "))
            text = "\n".join(lines).strip()
            if text in (".quit", ".exit"):
                return None
            if not text or text.startswith(".") or text.endswith(";"):
                return text
    except EOFError:
        return None


def _answer(con: duckdb.DuckDBPyConnection, text: str) -> None:
    command, _, argument = text.partition(" ")
    if command == ".help":
        console.out(HELP)
    elif command == ".tables":
        console.table(_run(con, TABLES))
    elif command == ".columns":
        console.table(con.sql(COLUMNS, params=[argument.strip().rstrip(";")]).pl())
    elif text.startswith("."):
        console.out(f"{command} is unknown.\n{HELP}")
    elif text:
        console.table(_run(con, text))
