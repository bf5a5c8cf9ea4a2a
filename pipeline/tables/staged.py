"""A staged table of a night, of which parts are read: a row group at a time, and hardly any of them twice."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq

from pipeline.tables.parts import Part

AT_HAND = 3
"""Row groups that stay in memory: parts that are made at the same time lie beside each other."""


class _Group(NamedTuple):
    """Some rows side by side, and between which requests they lie; None where that is not known."""

    start: int
    rows: int
    lowest: str | None
    highest: str | None


class Staged:
    """Rows that are sorted by request, or, without requests, are few; of them the columns that are used, or all."""

    def __init__(self, path: Path, columns: Sequence[str] = ()) -> None:
        rows = pl.scan_parquet(path)
        names = rows.collect_schema().names()
        self._wanted = list(dict.fromkeys(columns)) or names
        self._is_by_request = "request_id" in names
        keys = [name for name in ("request_id", "run_id") if name in names][:1]
        self._rows = rows.select(list(dict.fromkeys([*self._wanted, *keys])))
        self._groups = _groups(pq.read_metadata(path)) if self._is_by_request else []
        self._read = lru_cache(AT_HAND)(self._collect)
        self._lock = Lock()

    def all(self) -> pl.DataFrame:
        """Every row."""
        return self._rows.select(self._wanted).collect()

    def of(self, part: Part) -> pl.DataFrame:
        """The rows that are about the requests of a part, or about its runs."""
        if not self._is_by_request:
            return part.of(self._rows).select(self._wanted).collect()
        found = [
            _between(self._group(group), low, high)
            for low, high in sorted(part.stretches)
            for group in self._groups
            if (high is None or group.lowest is None or group.lowest < high)
            and (group.highest is None or group.highest >= low)
        ]
        whole = pl.concat(found, rechunk=True) if found else self._nothing
        return whole.select(self._wanted)

    @property
    def _nothing(self) -> pl.DataFrame:
        return self._rows.collect_schema().to_frame()

    def _group(self, group: _Group) -> pl.DataFrame:
        with self._lock:
            return self._read(group.start, group.rows)

    def _collect(self, start: int, rows: int) -> pl.DataFrame:
        return self._rows.slice(start, rows).collect()


def _groups(about: pq.FileMetaData) -> list[_Group]:
    """The row groups of a file, by what it says of them."""
    place = about.schema.names.index("request_id")
    found, start = [], 0
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        known = group.column(place).statistics
        limits = (known.min, known.max) if known and known.has_min_max else (None, None)
        found.append(_Group(start, group.num_rows, *limits))
        start += group.num_rows
    return found


def _between(rows: pl.DataFrame, low: str, high: str | None) -> pl.DataFrame:
    requests = rows["request_id"]
    first = requests.search_sorted(low)
    end = rows.height if high is None else requests.search_sorted(high)
    return rows.slice(first, end - first)
