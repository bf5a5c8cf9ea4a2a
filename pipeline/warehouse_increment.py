"""One night more in a warehouse of many: a copy of what is published, in which that night's rows are replaced.

Belongs here: knowing from which staged files a warehouse was filled, and bringing a copy up to date. A file counts
as the same while its size and the time of its last change are. A warehouse that was made by other definitions, or
in which much was replaced, is not copied but built anew, which also keeps it compact.
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from pipeline import renewal, sql, tables, trace
from pipeline.errors import TokenclockError
from pipeline.layout import Layout

REPLACED_SHARE = 0.25  # of all rows: beyond it, the holes that they left are worth a warehouse built anew

Staged = dict[tuple[str, date], tuple[int, int]]
"""Size and time of last change of the file of each table and night."""

_STAGED = {
    "table_name": pl.String,
    "night": pl.Date,
    "size": pl.Int64,
    "changed_ns": pl.Int64,
    "sha256": pl.String,
}


class StagedError(TokenclockError):
    """A staged table cannot be published; the message names the file and the cure."""


@dataclass(frozen=True)
class Brought:
    """How many rows that were there left, and the hash of every file that the warehouse is filled from."""

    replaced: int
    hashes: dict[tuple[str, date], str]


def staged(layout: Layout, nights: Sequence[date]) -> Staged:
    """The files that a warehouse of these nights is filled from, as they are now."""
    found = ((name, night, layout.table(name, night)) for night in nights for name in tables.tables())
    known = {(name, night): path.stat() for name, night, path in found if path.exists()}
    return {key: (of.st_size, of.st_mtime_ns) for key, of in known.items()}


def refuse_missing(layout: Layout, nights: Sequence[date], now: Staged) -> None:
    """Raise where a table of a night is not there and should be."""
    for night in nights:
        for name in tables.tables():
            if (name, night) not in now and not renewal.is_kept(layout, name, night):
                raise StagedError(
                    f"{layout.table(name, night)}: missing; build the night anew: tokenclock build --night {night}"
                )


def definitions(*words: object) -> str:
    """A hash of what a warehouse is made of but nights: its engine, words and types of its tables, and `words`."""
    whole = hashlib.sha256(f"{duckdb.__version__} {words}".encode())
    for name, table in tables.tables().items():
        whole.update(f"{name} {table.title} {dict(table.columns)} {tables.empty(name).schema}".encode())
    for one in sql.definitions():
        whole.update(f"{one}".encode())
    return whole.hexdigest()


def settled(layout: Layout, nights: Sequence[date]) -> set[date]:
    """The nights that are published as they are staged now, by the tables of today: nothing of them has changed."""
    if not layout.warehouse.exists():
        return set()
    now = staged(layout, nights)
    try:
        with duckdb.connect(layout.warehouse, read_only=True, config=sql.OFFLINE) as con:
            before = _remembered(con)
            is_of_today = con.execute("SELECT schemas FROM internal.state").fetchall() == [(_schemas(),)]
    except duckdb.Error:  # of another version, or damaged
        return set()
    changed = {night for (name, night) in {*before, *now} if before.get((name, night)) != now.get((name, night))}
    return set(nights) - changed if is_of_today else set()


def _remembered(con: duckdb.DuckDBPyConnection) -> Staged:
    rows = con.execute("SELECT table_name, night, size, changed_ns FROM internal.staged").fetchall()
    return {(name, night): (size, changed) for name, night, size, changed in rows}


def _schemas() -> str:
    """A hash of the columns, types and version of all tables: a staged file of others is not of today."""
    known = {name: tables.empty(name).schema for name in tables.tables()}
    return hashlib.sha256(f"{tables.SCHEMA_VERSION} {known}".encode()).hexdigest()


def copy(published: Path, aside: Path, made_by: str) -> bool:
    """Copy the published warehouse, if it is fit to be brought up to date; whether it was."""
    if not published.exists():
        return False
    try:
        with duckdb.connect(published, read_only=True, config=sql.OFFLINE) as con:
            row = con.execute("SELECT made_by, replaced, kept FROM internal.state").fetchone()
    except duckdb.Error:  # of another version, without this table, or damaged: built anew, it is none of these
        return False
    if row is None or row[0] != made_by or row[1] > REPLACED_SHARE * row[2]:
        return False
    shutil.copyfile(published, aside)
    return True


def bring_up_to_date(con: duckdb.DuckDBPyConnection, now: Staged, layout: Layout) -> Brought:
    """Replace what came from files that have changed or gone; the others are not read."""
    rows = con.execute("SELECT table_name, night, size, changed_ns, sha256 FROM internal.staged").fetchall()
    before: Staged = {(name, night): (size, changed) for name, night, size, changed, _ in rows}
    hashes = {(name, night): sha256 for name, night, _, _, sha256 in rows if (name, night) in now}
    stale = [key for key, of in before.items() if now.get(key) != of]
    # Rows without a night of their own go while the requests that have it are there.
    without = {name for name in tables.tables() if "night" not in tables.tables()[name].columns}
    left = sum(
        _delete(con, *key, by_request=key[0] in without) for key in sorted(stale, key=lambda k: k[0] not in without)
    )
    for name, night in sorted(key for key, of in now.items() if before.get(key) != of):
        _append(con, layout, name, night)
        hashes[name, night] = trace.sha256(layout.table(name, night))
    return Brought(left, hashes)


def _append(con: duckdb.DuckDBPyConnection, layout: Layout, name: str, night: date) -> None:
    """Add a staged night to a table."""
    if not tables.is_of_today(layout, name, night) and not renewal.is_kept(layout, name, night):
        raise StagedError(
            f"{layout.table(name, night)}: staged by another version of tokenclock; "
            f"build the night anew: tokenclock build --night {night}"
        )
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
    con.execute(
        "CREATE TABLE internal.state (made_by VARCHAR, schemas VARCHAR, replaced BIGINT, kept BIGINT)"
    ).fetchall()
    con.register("incoming", pl.DataFrame(schema=_STAGED))
    con.execute("CREATE TABLE internal.staged AS SELECT * FROM incoming").fetchall()
    con.unregister("incoming")


def remember(con: duckdb.DuckDBPyConnection, now: Staged, made_by: str, brought: Brought, kept: int) -> None:
    """Write down what the warehouse was filled from, how many rows it holds, and how many left it so far."""
    row = con.execute("SELECT coalesce(sum(replaced), 0) FROM internal.state").fetchone()
    replaced = brought.replaced + (int(row[0]) if row else 0)
    con.execute("DELETE FROM internal.state").fetchall()
    state = [made_by, _schemas(), replaced, kept]
    con.execute("INSERT INTO internal.state VALUES (?, ?, ?, ?)", state).fetchall()
    rows = [(*key, *of, brought.hashes[key]) for key, of in now.items()]
    con.register("incoming", pl.DataFrame(rows, schema=_STAGED, orient="row"))
    con.execute("CREATE OR REPLACE TABLE internal.staged AS SELECT * FROM incoming").fetchall()
    con.unregister("incoming")
