"""A staged table of a night, of which parts are read: only their own rows, wherever they lie in the file."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq

from pipeline.tables.parts import Part, Stretch


class _Group(NamedTuple):
    """A row group: where it lies, and between which requests; None where that is not known."""

    start: int
    rows: int
    lowest: str | None
    highest: str | None

    def meets(self, low: str, high: str | None) -> bool:
        """Whether it can have rows of a stretch."""
        is_above = high is not None and self.lowest is not None and self.lowest >= high
        return not is_above and (self.highest is None or self.highest >= low)

    def lies_in(self, low: str, high: str | None) -> bool:
        """Whether it has rows of a stretch alone."""
        if self.lowest is None or self.highest is None:
            return False
        return self.lowest >= low and (high is None or self.highest < high)


class Staged:
    """Rows that are sorted by request, or, without requests, are few; of them the columns that are used, or all."""

    def __init__(self, path: Path, columns: Sequence[str] = ()) -> None:
        self._all = pl.scan_parquet(path)
        names = self._all.collect_schema().names()
        self._rows = self._all.select(list(dict.fromkeys(columns)) or names)
        self._groups = _groups(pq.read_metadata(path)) if "request_id" in names else None
        self._requests_of = lru_cache(maxsize=4)(self._requests)  # parts that follow on one another share a group

    def all(self) -> pl.DataFrame:
        """Every row."""
        return self._rows.collect()

    def of(self, part: Part) -> pl.DataFrame:
        """The rows that are about the requests of a part, or about its runs."""
        if self._groups is None:
            return part.of(self._all).select(self._rows.collect_schema().names()).collect()
        found = [self._rows.slice(start, rows).collect() for start, rows in self._places(sorted(part.stretches))]
        return pl.concat(found or [self._rows.collect_schema().to_frame()]).rechunk()

    def _places(self, stretches: Sequence[Stretch]) -> Iterator[tuple[int, int]]:
        """Where rows of stretches lie, and how many; rows side by side at once."""
        begin = end = 0
        for low, high in stretches:
            for group in self._groups or ():
                if group.meets(low, high):
                    start, rows = self._place(group, low, high)
                    if start != end:
                        yield from [(begin, end - begin)] if end > begin else []
                        begin = start
                    end = start + rows
        yield from [(begin, end - begin)] if end > begin else []

    def _place(self, group: _Group, low: str, high: str | None) -> tuple[int, int]:
        """The rows of a stretch in a group."""
        if group.lies_in(low, high):
            return group.start, group.rows
        requests = self._requests_of(group)
        first = requests.search_sorted(low)
        last = group.rows if high is None else requests.search_sorted(high)
        return group.start + first, last - first

    def _requests(self, group: _Group) -> pl.Series:
        return self._all.select("request_id").slice(group.start, group.rows).collect().to_series().rechunk()


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
