"""Ad hoc SQL on the published warehouse, read-only: one query, or a session."""

import difflib
import sys
from pathlib import Path

import duckdb
import polars as pl

from pipeline import console, sql, warehouse
from pipeline.errors import TokenclockError
from pipeline.layout import Layout

HELP = """Type SQL and end it with a semicolon. Also:
  .tables          tables, views and macros, and what a row of each is
  .columns NAME    columns of one of them, and what each means
  .questions       worked questions, and what their answers show
  .run NAME        ask one of them
  .quit            leave (or Ctrl-D); Ctrl-C drops what you have typed"""

TABLES = """
SELECT table_name AS name, 'table' AS kind, estimated_size AS rows, comment FROM duckdb_tables()
WHERE schema_name = 'main'
UNION ALL
SELECT view_name, 'view', NULL, comment FROM duckdb_views() WHERE NOT internal
UNION ALL
SELECT function_name || '(' || array_to_string(parameters, ', ') || ')', 'macro', NULL, comment
FROM duckdb_functions() WHERE NOT internal
ORDER BY kind DESC, name
"""

COLUMNS = "SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"


class QueryError(TokenclockError):
    """The query failed; the message is DuckDB's."""


def run(layout: Layout, text: str) -> pl.DataFrame:
    """Run one or more statements; return the rows of the last."""
    with warehouse.connect(layout) as con:
        return _run(con, text)


def worked(named: str) -> str:
    """The SQL of a file, or of a worked question by its name."""
    path = Path(named)
    if path.is_file():
        return path.read_text("utf-8")
    return _question(named.removesuffix(".sql").rpartition("/")[2]).sql


def _question(name: str) -> sql.Query:
    known = {query.name: query for query in sql.queries()}
    if name not in known:
        near = difflib.get_close_matches(name, known, 3, 0.4) or list(known)
        raise QueryError(f"no file and no worked question is named {name!r}; there are {', '.join(near)}")
    return known[name]


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
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return ""


def _answer(con: duckdb.DuckDBPyConnection, text: str) -> None:
    command, _, argument = text.partition(" ")
    if command == ".help":
        console.out(HELP)
    elif command == ".tables":
        console.table(_run(con, TABLES))
    elif command == ".columns":
        console.table(_columns(con, argument.strip().rstrip(";")))
    elif command == ".questions":
        console.table(pl.DataFrame([{"name": query.name, "question": query.question} for query in sql.queries()]))
    elif command == ".run":
        _ask(con, argument.strip().rstrip(";"))
    elif text.startswith("."):
        console.out(f"{command} is unknown.\n{HELP}")
    elif text:
        console.table(_run(con, text))


def _columns(con: duckdb.DuckDBPyConnection, name: str) -> pl.DataFrame:
    found: pl.DataFrame = con.sql(COLUMNS, params=[name]).pl()
    if found.is_empty():
        raise QueryError(f"no table or view is named {name!r}; .tables lists them")
    return found


def _ask(con: duckdb.DuckDBPyConnection, name: str) -> None:
    query = _question(name)
    console.out(f"{query.question} {query.shows}")
    console.table(_run(con, query.sql))
