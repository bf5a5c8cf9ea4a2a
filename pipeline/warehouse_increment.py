"""One night more in a warehouse of many: a copy of what is published, in which that night's rows are replaced.

Belongs here: knowing from which staged files a warehouse was filled, and bringing a copy up to date. A file counts
as the same while its size and the time of its last change are. A warehouse that was made by other definitions, or
in which much was replaced, is not copied but built anew, which also keeps it compact.
"""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from pipeline import tables
from pipeline.layout import Layout

REPLACED_SHARE = 0.25  # of all rows: beyond it, the holes that they left are worth a warehouse built anew

Staged = dict[tuple[str, date], tuple[int, int]]
"""Size and time of last change of the file of each table and night."""

_MEMORY = {
    "state": {
        "made_by": ("VARCHAR", "Hash of the definitions that it was made by"),
        "replaced": ("BIGINT", "Rows that left it since it was built anew"),
        "kept": ("BIGINT", "Rows in it"),
    },
    "staged": {
        "table_name": ("VARCHAR", "Table"),
        "night": ("DATE", "Night"),
        "size": ("BIGINT", "Bytes of the staged file that its rows are from"),
        "changed_ns": ("BIGINT", "When that file was changed last, ns since 1970"),
    },
}


def staged(layout: Layout, nights: Sequence[date]) -> Staged:
    """The files that a warehouse of these nights is filled from, as they are now."""
    names = tables.tables()
    found = {(name, night): layout.table(name, night).stat() for night in nights for name in names}
    return {key: (of.st_size, of.st_mtime_ns) for key, of in found.items()}


def definitions(*words: object) -> str:
    """A hash of what a warehouse is made of but nights: its engine, words and types of its tables, and `words`."""
    whole = hashlib.sha256(f"{duckdb.__version__} {words}".encode())
    for name, table in tables.tables().items():
        whole.update(f"{name} {table.title} {dict(table.columns)} {tables.empty(name).schema}".encode())
    return whole.hexdigest()


def copy(
    published: Path, aside: Path, made_by: str, config: Mapping[str, str | bool | int | float | list[str]]
) -> bool:
    """Copy the published warehouse, if it is fit to be brought up to date; whether it was."""
    if not published.exists():
        return False
    try:
        with duckdb.connect(published, read_only=True, config=dict(config)) as con:
            row = con.execute("SELECT made_by, replaced, kept FROM internal.state").fetchone()
    except duckdb.Error:  # of another version, without this table, or damaged: built anew, it is none of these
        return False
    if row is None or row[0] != made_by or row[1] > REPLACED_SHARE * row[2]:
        return False
    shutil.copyfile(published, aside)
    return True


def bring_up_to_date(con: duckdb.DuckDBPyConnection, now: Staged, layout: Layout) -> int:
    """Replace what came from files that have changed or gone; return how many rows that were there left."""
    rows = con.execute("SELECT table_name, night, size, changed_ns FROM internal.staged").fetchall()
    before: Staged = {(name, night): (size, changed) for name, night, size, changed in rows}
    stale = [key for key, of in before.items() if now.get(key) != of]
    # Rows without a night of their own go while the requests that have it are there.
    without = {name for name in tables.tables() if "night" not in tables.tables()[name].columns}
    left = sum(
        _delete(con, *key, by_request=key[0] in without) for key in sorted(stale, key=lambda k: k[0] not in without)
    )
    for name, night in sorted(key for key, of in now.items() if before.get(key) != of):
        append(con, layout, name, night)
    return left


def append(con: duckdb.DuckDBPyConnection, layout: Layout, name: str, night: date) -> None:
    """Add a staged night to a table."""
    con.execute(
        f'INSERT INTO "{name}" BY NAME SELECT * FROM read_parquet(?, hive_partitioning = false)',
        [str(layout.table(name, night))],
    ).fetchall()


def _delete(con: duckdb.DuckDBPyConnection, name: str, night: date, *, by_request: bool) -> int:
    of_night = "request_id IN (SELECT request_id FROM requests WHERE night = ?)" if by_request else "night = ?"
    row = con.execute(f'DELETE FROM "{name}" WHERE {of_night}', [night]).fetchone()
    return int(row[0]) if row else 0


def begin(con: duckdb.DuckDBPyConnection) -> None:
    """In a new warehouse, make room for what it remembers of itself."""
    con.execute("CREATE SCHEMA internal").fetchall()
    for name, columns in _MEMORY.items():
        kinds = ", ".join(f"{column} {kind}" for column, (kind, _) in columns.items())
        con.execute(f"CREATE TABLE internal.{name} ({kinds})").fetchall()
        con.execute(
            f"COMMENT ON TABLE internal.{name} IS 'For the next publication; no business of yours'"
        ).fetchall()
        for column, (_, text) in columns.items():
            con.execute(f"COMMENT ON COLUMN internal.{name}.{column} IS '{text}'").fetchall()


def remember(con: duckdb.DuckDBPyConnection, now: Staged, made_by: str, replaced: int, kept: int) -> None:
    """Write down what the warehouse was filled from, how many rows it holds, and how many left it so far."""
    before = con.execute("SELECT coalesce(sum(replaced), 0) FROM internal.state").fetchone()
    con.execute("DELETE FROM internal.state").fetchall()
    con.execute(
        "INSERT INTO internal.state VALUES (?, ?, ?)", [made_by, replaced + (int(before[0]) if before else 0), kept]
    ).fetchall()
    rows = [(name, night, size, changed) for (name, night), (size, changed) in now.items()]
    schema = dict(zip(_MEMORY["staged"], (pl.String, pl.Date, pl.Int64, pl.Int64), strict=True))
    con.register("incoming", pl.DataFrame(rows, schema=schema, orient="row"))
    con.execute("DELETE FROM internal.staged").fetchall()
    con.execute("INSERT INTO internal.staged SELECT * FROM incoming").fetchall()
    con.unregister("incoming")
