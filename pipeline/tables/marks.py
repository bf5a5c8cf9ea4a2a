"""Marks of requests from their events with tokens, without grouping by hashes.

Rows of one request lie side by side, so a request begins where its id differs from that of the row before.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

SCHEMA = {
    "request_id": pl.String,
    "first_token_ns": pl.Int64,
    "last_token_ns": pl.Int64,
    "token_event_count": pl.Int64,
    "arrival_count": pl.Int64,
    "events_first_arrival": pl.Int64,
}


def of_tokens(events: pl.DataFrame) -> pl.DataFrame:
    """First and last token, events with tokens, their distinct stamps, and those at the first: a row a request.

    `events` has `request_id`, `at_ns` and `has_token`, and is sorted by request.
    """
    tokens = events.filter("has_token").select("request_id", "at_ns")
    if tokens.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    is_first, at_ns = _edges(tokens)
    if (np.diff(at_ns)[~is_first[1:]] < 0).any():  # a clock that was set back
        tokens = tokens.sort("request_id", "at_ns")
        is_first, at_ns = _edges(tokens)
    starts = np.flatnonzero(is_first)
    counts = np.diff(np.append(starts, tokens.height))
    is_arrival = is_first.copy()
    is_arrival[1:] |= at_ns[1:] != at_ns[:-1]
    columns = [
        at_ns[starts],
        at_ns[starts + counts - 1],
        counts,
        np.add.reduceat(is_arrival, starts, dtype=np.int64),
        np.add.reduceat(at_ns == np.repeat(at_ns[starts], counts), starts, dtype=np.int64),
    ]
    named = zip(list(SCHEMA)[1:], columns, strict=True)
    return pl.DataFrame({"request_id": tokens["request_id"].gather(starts), **dict(named)}, schema=SCHEMA)


def _edges(tokens: pl.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each row is the first of its request, and its stamp."""
    ids = tokens["request_id"]
    return ids.ne_missing(ids.shift(1)).to_numpy(writable=True), tokens["at_ns"].to_numpy()
