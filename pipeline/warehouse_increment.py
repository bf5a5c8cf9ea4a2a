"""One night more in a warehouse of many: a copy of what is published, in which that night's rows are replaced.

Belongs here: knowing from which staged files a warehouse was filled, and bringing a copy up to date. A file counts
as the same while its size and the time of its last change are; those of nights before the latest ones are not even
looked at while the night bears the stamp that is remembered. A warehouse that was made by other definitions, or in
which much was replaced, is not copied but built anew, which also keeps it compact.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from pipeline import copies, renewal, sql, stamps, tables, trace
from pipeline.errors import TokenclockError
from pipeline.layout import Layout

REPLACED_SHARE = 0.25  # of all rows: beyond it, the holes that they left are worth a warehouse built anew

LOOKED_AT = 30
"""The latest nights, of which each file is looked at: what was written past us is found there."""

STAMPS = "stamps"
"""Under which name the stamps of nights are remembered, beside the marks of tables."""

_FILES = pl.Schema({"table_name": pl.String, "night": pl.Date, "size": pl.Int64, "changed_ns": pl.Int64})
_KEY = ["table_name", "night"]
_STAGED = pl.Schema([*_FILES.items(), ("sha256", pl.String)])
_MARKS = pl.Schema({"table_name": pl.String, "key": pl.String, "mark": pl.String})

Marks = Mapping[str, str]
"""What a publication remembers of what rows of a table were made from, by parts of it."""


class StagedError(TokenclockError):
    """A staged table cannot be published; the message names the file and the cure."""


@dataclass(frozen=True)
class Brought:
    """How many rows that were there left, and the files that the warehouse is filled from, with their hashes."""

    replaced: int
    files: pl.DataFrame

    @property
    def content_sha256(self) -> str:
        """One hash of all staged tables, by those of their files."""
        line = pl.concat_str(pl.col("table_name"), pl.lit(" "), pl.col("night"), pl.lit(" "), pl.col("sha256"))
        lines = self.files.sort(_KEY).select(line + "\n").to_series()
        return hashlib.sha256(lines.str.join().item().encode()).hexdigest()


@dataclass(frozen=True)
class Settled:
    """Nights that are published as they are staged now, and what was remembered of tables that are of no night.

    `files` are those of these nights. `unopened`: of the nights, those that their stamps alone vouch for.
    `stamps`: those that nights bear now.
    """

    nights: frozenset[date]
    marks: Mapping[str, Marks]
    files: pl.DataFrame
    unopened: frozenset[date] = frozenset()
    stamps: Mapping[date, str] = field(default_factory=dict)


NOTHING = Settled(frozenset(), {}, _FILES.to_frame())


def staged(layout: Layout, nights: Collection[date]) -> pl.DataFrame:
    """The files that a warehouse of these nights is filled from, as they are now."""
    found = [(name, *of) for name in tables.tables() for of in _states(layout, name, nights)]
    columns = zip(_FILES.items(), zip(*found, strict=True) if found else [[]] * len(_FILES), strict=True)
    return pl.DataFrame([pl.Series(name, values, kind) for (name, kind), values in columns])


def _states(layout: Layout, name: str, nights: Collection[date]) -> Iterator[tuple[date, int, int]]:
    """Night, size and time of last change (ns) of the files of a table."""
    for night in nights:
        with suppress(FileNotFoundError):
            of = layout.table(name, night).stat()
            yield night, of.st_size, of.st_mtime_ns


def _refuse_missing(layout: Layout, nights: Sequence[date], now: pl.DataFrame, before: pl.DataFrame) -> None:
    """Raise where a table of a night is not there and should be; one published without it may lack it again."""
    counts = now.group_by("night").len()
    whole = {night for night, count in counts.iter_rows() if count == len(tables.tables())}
    known = set(before["night"]) - _changed(before, now)
    for night in (one for one in nights if one not in whole and one not in known):
        there = set(now.filter(night=night)["table_name"])
        for name in tables.tables():
            if name not in there and not renewal.is_kept(layout, name, night):
                raise StagedError(
                    f"{layout.table(name, night)}: missing; build the night anew: tokenclock build --night {night}"
                )


def _changed(before: pl.DataFrame, now: pl.DataFrame) -> set[date]:
    """The nights with a file that came, went or changed."""
    return {
        night
        for one, other in ((before, now), (now, before))
        for night in one.join(other, on=_FILES.names(), how="anti")["night"].unique()
    }


def definitions(*words: object) -> str:
    """A hash of what a warehouse is made of but nights: its engine, words and types of its tables, and `words`."""
    whole = hashlib.sha256(f"{duckdb.__version__} {words}".encode())
    for name, table in tables.tables().items():
        whole.update(f"{name} {table.title} {dict(table.columns)} {tables.empty(name).schema}".encode())
    for one in sql.definitions():
        whole.update(f"{one}".encode())
    return whole.hexdigest()


def settled(layout: Layout, nights: Sequence[date]) -> Settled:
    """The nights that are published as they are staged now, by the tables of today: nothing of them has changed."""
    bearing = stamps.of(layout)  # before any file is looked at: whoever touches a night now is found the next time
    if not layout.warehouse.exists():
        return replace(NOTHING, stamps=bearing)
    try:
        with duckdb.connect(layout.warehouse, read_only=True, config=sql.OFFLINE) as con:
            before = _remembered(con).select(_FILES.names())
            is_of_today = con.execute("SELECT schemas FROM internal.state").fetchall() == [(_schemas(),)]
            marks = _marks(con)
    except duckdb.Error:  # of another version, or damaged
        return replace(NOTHING, stamps=bearing)
    remembered = marks.get(STAMPS, {})
    unopened = {night for night in nights[:-LOOKED_AT] if bearing.get(night, "") == remembered.get(str(night))}
    as_published = before.filter(pl.col("night").is_in(unopened))
    now = pl.concat([as_published, staged(layout, [night for night in nights if night not in unopened])])
    known = set(nights) - _changed(before, now) if is_of_today else set()
    return Settled(frozenset(known), marks, now, frozenset(unopened & known), bearing)


def _remembered(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    found: pl.DataFrame = con.sql(f"SELECT {', '.join(_STAGED)} FROM internal.staged").pl()
    return found.cast(_STAGED)


def _marks(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, key, mark in con.execute("SELECT table_name, key, mark FROM internal.marks").fetchall():
        found.setdefault(name, {})[key] = mark
    return found


def is_remembered(con: duckdb.DuckDBPyConnection, name: str, marks: Marks) -> bool:
    """Whether a table has the rows that these marks stand for: another publication may have changed them since."""
    return marks.items() <= _marks(con).get(name, {}).items()


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
    copies.copy(published, aside)
    return True


def bring_up_to_date(
    con: duckdb.DuckDBPyConnection, layout: Layout, nights: Sequence[date], settled: Settled
) -> Brought:
    """Replace what came from files that have changed or gone; the others are not read.

    Files of settled nights are taken for what they were: what has changed since is of the next publication.
    """
    known = settled.files.filter(pl.col("night").is_in(settled.nights & set(nights)))
    before, now = _remembered(con), pl.concat([known, staged(layout, set(nights) - settled.nights)])
    _refuse_missing(layout, nights, now, before)
    same = now.join(before, on=_FILES.names(), how="inner")
    stale = before.join(now, on=_FILES.names(), how="anti").select(_KEY).rows()
    fresh = now.join(before, on=_FILES.names(), how="anti").sort(_KEY)
    # Rows without a night of their own go while the requests that have it are there.
    without = {name for name in tables.tables() if "night" not in tables.tables()[name].columns}
    left = sum(
        _delete(con, *key, by_request=key[0] in without) for key in sorted(stale, key=lambda k: k[0] not in without)
    )
    hashes = []
    for name, night in fresh.select(_KEY).iter_rows():
        _append(con, layout, name, night)
        hashes.append(trace.sha256(layout.table(name, night)))
    brought = fresh.with_columns(sha256=pl.Series(hashes, dtype=pl.String))
    return Brought(left, pl.concat([same, brought]).select(_STAGED.names()))


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
    _keep(con, "staged", _STAGED.to_frame())
    _keep(con, "marks", _MARKS.to_frame())


def remember(
    con: duckdb.DuckDBPyConnection, made_by: str, brought: Brought, kept: int, marks: Mapping[str, Marks]
) -> None:
    """Write down what the warehouse was filled from, how many rows it holds, and how many left it so far."""
    row = con.execute("SELECT coalesce(sum(replaced), 0) FROM internal.state").fetchone()
    replaced = brought.replaced + (int(row[0]) if row else 0)
    con.execute("DELETE FROM internal.state").fetchall()
    state = [made_by, _schemas(), replaced, kept]
    con.execute("INSERT INTO internal.state VALUES (?, ?, ?, ?)", state).fetchall()
    _keep(con, "staged", brought.files)
    rows = [(name, key, mark) for name, of in marks.items() for key, mark in of.items()]
    _keep(con, "marks", pl.DataFrame(rows, schema=_MARKS, orient="row"))


def _keep(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    con.register("incoming", frame)
    con.execute(f"CREATE OR REPLACE TABLE internal.{name} AS SELECT * FROM incoming").fetchall()
    con.unregister("incoming")
