"""Rows in the order of their requests, as they are stored, so that neither sorting nor hashing is needed."""

import polars as pl

NUMBER = "request_number"
"""Counts requests; ascending, so that grouping by it takes stretches of rows."""


def by_event(events: pl.DataFrame) -> pl.DataFrame:
    """Events by request and position; those that are in this order already are not moved."""
    return _by(events, "event_index")


def by_read(reads: pl.DataFrame) -> pl.DataFrame:
    """Reads by request and position."""
    return _by(reads, "read_index")


def _by(rows: pl.DataFrame, place: str) -> pl.DataFrame:
    request, position = pl.col("request_id"), pl.col(place)
    before = request.shift(1)
    follows = (request > before) | ((request == before) & (position > position.shift(1)))
    is_ordered = rows.select(follows.slice(1).all()).item()
    return rows if is_ordered else rows.sort("request_id", place)


def numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """With the number of its request in each row. `rows` are sorted by request."""
    return rows.with_columns(rows["request_id"].rle_id().set_sorted().alias(NUMBER))
