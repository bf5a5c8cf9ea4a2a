"""The published DuckDB file: built aside from audited Parquet, documented, put in place in one rename.

Readers and the night never wait for each other: a reader keeps the file that it has open, and publishers wait for
one another alone.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
from filelock import FileLock

from pipeline import __version__, attach, sql, tables, trace
from pipeline import warehouse_increment as increment
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.sql import quoted
from pipeline.warehouse_increment import NOTHING, Marks, Settled

META = "meta"
META_TITLE = "One row: what this warehouse is, and what it was made from"
META_COLUMNS = {
    "schema_version": "Version of the tables; raised when a column is renamed, removed or means something else",
    "code_version": "Version of tokenclock that published it",
    "nights": "Nights in it",
    "first_night": "The oldest of them",
    "last_night": "The newest of them",
    "content_sha256": "Hash over the staged tables that it was filled from; recomputed, they give the same",
}


class WarehouseError(TokenclockError):
    """The warehouse cannot be built or opened; the message names the file and the cure."""


@dataclass(frozen=True)
class Earlier:
    """Rows that a publication before made, and that nobody need make again. `marks`: what they were made from.

    `stale` is true of the rows that are not among them, in SQL; `rows` makes them where no publication has them.
    """

    marks: Marks
    stale: str
    rows: Callable[[], pl.DataFrame]


@dataclass(frozen=True)
class Extra:
    """A table that is not derived from traces night by night.

    `frame` comes behind the rows that are there from `earlier`; `marks` are to be remembered of all of them.
    """

    title: str
    frame: pl.DataFrame
    columns: Mapping[str, str]
    earlier: Earlier | None = None
    marks: Marks = field(default_factory=dict)


def publish(
    layout: Layout, nights: Sequence[date], extras: Mapping[str, Extra], before: Settled = NOTHING
) -> dict[str, int]:
    """Build a warehouse of these nights and rename it into place; return rows by table.

    Files of the nights that are known from `before` are not looked at again.

    Readers keep the file they have open; whoever opens it next sees the new one. When anything fails,
    the warehouse that was published stays.
    """
    layout.data.mkdir(parents=True, exist_ok=True)
    with FileLock(layout.data / ".publishing.lock"):  # the system frees it when its holder is killed
        for left in layout.data.glob(f".{layout.warehouse.name}.*"):  # by a publication that was killed
            left.unlink()
        with _aside(layout.warehouse) as aside:
            rows = _build(aside, layout, nights, extras, before)
        with connect(layout) as con:
            attach.write(layout, con, nights, before.nights)
    return rows


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A name beside `path` to build at, put in place in one rename that a loss of power does not undo."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield aside
        trace.sync(aside)
        aside.replace(path)
        trace.sync(path.parent)
    finally:
        aside.unlink(missing_ok=True)
        aside.with_name(f"{aside.name}.wal").unlink(missing_ok=True)


def _meta(nights: Sequence[date], content_sha256: str) -> Extra:
    row = {
        "schema_version": tables.SCHEMA_VERSION,
        "code_version": __version__,
        "nights": len(nights),
        "first_night": min(nights, default=None),
        "last_night": max(nights, default=None),
        "content_sha256": content_sha256,
    }
    kinds = dict(zip(META_COLUMNS, (pl.Int32, pl.String, pl.Int32, pl.Date, pl.Date, pl.String), strict=True))
    return Extra(META_TITLE, pl.DataFrame([row], schema=kinds), META_COLUMNS)


def _build(
    path: Path, layout: Layout, nights: Sequence[date], extras: Mapping[str, Extra], before: Settled
) -> dict[str, int]:
    """Bring a copy of the published warehouse up to date, or build one anew where there is none fit for it."""
    made_by = increment.definitions(*sorted(extras))
    is_copy = increment.copy(layout.warehouse, path, made_by)
    with duckdb.connect(path, config=sql.OFFLINE) as con:
        con.begin()  # one transaction: else each of hundreds of comments waits for the disk
        if not is_copy:
            _create(con)
        brought = increment.bring_up_to_date(con, layout, nights, before)
        extras = {**extras, META: _meta(nights, brought.content_sha256)}
        for name, extra in extras.items():
            _put(con, name, extra, is_copy=is_copy)
        if not is_copy:
            define(con)
        rows = {name: _count(con, name) for name in (*tables.tables(), *extras)}
        marks = {name: extra.marks for name, extra in extras.items()}
        marks[increment.STAMPS] = {str(night): before.stamps[night] for night in nights if night in before.stamps}
        increment.remember(con, made_by, brought, sum(rows.values()), marks)
        con.commit()
        con.execute("CHECKPOINT").fetchall()
    return rows


def _create(con: duckdb.DuckDBPyConnection) -> None:
    """All tables of nights, empty."""
    increment.begin(con)
    for name, table in tables.tables().items():
        _fill(con, name, tables.empty(name))
        _comment(con, name, table.title, table.columns)


def _put(con: duckdb.DuckDBPyConnection, name: str, extra: Extra, *, is_copy: bool) -> None:
    """Fill a table that is of no night; rows from earlier stay where they are."""
    earlier = extra.earlier
    if earlier and is_copy and increment.is_remembered(con, name, earlier.marks):
        con.execute(f'DELETE FROM "{name}" WHERE {earlier.stale}').fetchall()
        con.register("incoming", extra.frame)
        con.execute(f'INSERT INTO "{name}" BY NAME SELECT * FROM incoming').fetchall()
        con.unregister("incoming")
        return
    _fill(con, name, pl.concat([earlier.rows(), extra.frame]) if earlier else extra.frame)
    _comment(con, name, extra.title, extra.columns)


def _fill(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    con.register("incoming", frame)
    con.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM incoming').fetchall()
    con.unregister("incoming")


def define(con: duckdb.DuckDBPyConnection) -> None:
    """Create views and macros over the tables, described to the column."""
    known = _column_comments(con)
    for one in sql.definitions():
        for statement in one.statements:
            con.execute(statement).fetchall()
        if one.kind == "view":
            known[one.name] = _inherited(con, one, known)
            _comment_columns(con, one.name, known[one.name])


def _column_comments(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    told = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
    for table, column, comment in con.execute(told).fetchall():
        found.setdefault(table, {})[column] = comment
    return found


def _inherited(
    con: duckdb.DuckDBPyConnection, view: sql.Definition, known: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """What a view's columns mean: as its file says, else as the first that it reads says of that name."""
    meanings: dict[str, str] = {}
    for column in con.sql(f'FROM "{view.name}" LIMIT 0').columns:
        said = [view.columns.get(column), *(known[name].get(column) for name in view.uses if name in known)]
        if meaning := next(filter(None, said), None):
            meanings[column] = meaning
    return meanings


def _comment(con: duckdb.DuckDBPyConnection, name: str, title: str, columns: Mapping[str, str]) -> None:
    con.execute(f'COMMENT ON TABLE "{name}" IS {quoted(title)}').fetchall()
    _comment_columns(con, name, columns)


def _comment_columns(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str]) -> None:
    for column, text in columns.items():
        con.execute(f'COMMENT ON COLUMN "{name}"."{column}" IS {quoted(text)}').fetchall()


def _count(con: duckdb.DuckDBPyConnection, name: str) -> int:
    [[rows]] = con.execute(f'SELECT count(*) FROM "{name}"').fetchall()
    return int(rows)


def connect(layout: Layout) -> duckdb.DuckDBPyConnection:
    """Open the published warehouse read-only; one that this version cannot read is an error with the cure."""
    if not layout.warehouse.exists():
        raise WarehouseError(
            f"{layout.warehouse}: no warehouse yet; `make demo` (or `tokenclock publish`) makes one"
        )
    # The macro raw_reads names files as they lie in the data folder.
    config = {**sql.OFFLINE, "file_search_path": str(layout.data)}
    try:
        con = duckdb.connect(layout.warehouse, read_only=True, config=config)
    except duckdb.Error as error:
        raise WarehouseError(
            f"{layout.warehouse}: DuckDB {duckdb.__version__} cannot open it ({_first_line(error)}); "
            "make it anew from the staged tables: tokenclock publish"
        ) from error
    try:
        _refuse_other_versions(layout, con)
    except WarehouseError:
        con.close()
        raise
    return con


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _refuse_other_versions(layout: Layout, con: duckdb.DuckDBPyConnection) -> None:
    try:
        [[version, code]] = con.execute(f"SELECT schema_version, code_version FROM {META}").fetchall()
    except duckdb.CatalogException:  # older than the versions
        version, code = 0, "of an older day"
    if version < tables.SCHEMA_VERSION:
        cure = "make it anew from the staged tables: tokenclock publish"
    elif version > tables.SCHEMA_VERSION:
        cure = "update tokenclock, or make it anew with this version: tokenclock build, then tokenclock publish"
    else:
        return
    raise WarehouseError(
        f"{layout.warehouse}: schema {version}, published by tokenclock {code}; this version reads schema "
        f"{tables.SCHEMA_VERSION}. Readers of DuckDB alone may still open it; {cure}"
    )
