"""Everything that a folder of files holds, unpacked: what is searched for must not hide in a compressed column."""

import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import polars as pl


def holding(folder: Path, *needles: bytes) -> list[Path]:
    """Files below `folder` that hold one of these, in their bytes or in what those stand for."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    any_of_them = re.compile(b"|".join(map(re.escape, needles)))
    return [path for path in files if any(any_of_them.search(part) for part in contents(path))]


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and where it is a table or a database every row of it, its values apart by a zero byte."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        yield from _values(pl.read_parquet(path).iter_rows())
    elif path.suffix == ".duckdb":
        with duckdb.connect(path, read_only=True) as con:
            for schema, name in con.sql(
                "SELECT table_schema, table_name FROM information_schema.tables"
            ).fetchall():
                rows = con.sql(f'SELECT * FROM "{schema}"."{name}"').fetchall()  # noqa: S608 - names of a catalogue
                yield from _values(rows)
    elif path.suffix == ".db":
        with sqlite3.connect(path) as con:
            for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                yield from _values(con.execute(f'SELECT * FROM "{name}"'))  # noqa: S608 - as above
        con.close()
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from map(packed.read, packed.namelist())


def _values(rows: Iterable[tuple[object, ...]]) -> Iterator[bytes]:
    for row in rows:
        yield b"\0".join(map(_written, row))


def _written(value: object) -> bytes:
    return value + b"\0" + _inflated(value) if isinstance(value, bytes) else str(value).encode()


def _inflated(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""
