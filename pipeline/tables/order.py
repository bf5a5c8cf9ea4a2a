"""Rows in the order of their requests, as they are stored, so that neither sorting nor hashing is needed."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

NUMBER = "request_number"
"""Counts requests; ascending, so that grouping by it takes stretches of rows."""


def by_event(events: pl.DataFrame) -> pl.DataFrame:
    """Events by request and position; those that are in this order already are not moved."""
    return _by(events, "event_index")


def by_read(reads: pl.DataFrame) -> pl.DataFrame:
    """Reads by request and position."""
    return _by(reads, "read_index")


def _by(rows: pl.DataFrame, place: str) -> pl.DataFrame:
    found, positions = stretches(rows["request_id"]), rows[place].to_numpy()
    goes_on = positions[1:] > positions[:-1]
    goes_on[found.starts[1:] - 1] = True  # from one request to the next
    is_ordered = goes_on.all() and bool((found.value > found.value.shift(1)).all())
    return rows if is_ordered else rows.sort("request_id", place)


def numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """With the number of its request in each row. `rows` are sorted by request."""
    numbers = pl.Series(NUMBER, stretches(rows["request_id"]).numbers())
    return rows.with_columns(numbers.set_sorted())


class Stretches(NamedTuple):
    """Rows of one value that lie side by side: the `value` of each stretch, and how many rows it has."""

    value: pl.Series
    rows: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """The row with which each begins."""
        starts: NDArray[np.int64] = np.cumsum(self.rows) - self.rows
        return starts

    def numbers(self) -> NDArray[np.uint32]:
        """The number of its stretch in each row."""
        return self.spread(np.arange(self.rows.size, dtype=np.uint32))

    def spread(self, of_stretches: NDArray[Any]) -> NDArray[Any]:
        """A value a stretch, in each row of it."""
        return np.repeat(of_stretches, self.rows)


def stretches(ids: pl.Series) -> Stretches:
    """The stretches of a column, in order."""
    found = ids.rle()
    return Stretches(found.struct.field("value"), found.struct.field("len").to_numpy().astype(np.int64))
