"""Marks of requests from their events with tokens, without grouping by hashes.

Rows of one request lie side by side, so a request begins where its id differs from that of the row before.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.tables import order

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
    has_token = events["has_token"]
    numbers = pl.Series(order.stretches(events["request_id"]).numbers())
    of, at_ns = numbers.filter(has_token).to_numpy(), events["at_ns"].filter(has_token).to_numpy()
    if not of.size:
        return pl.DataFrame(schema=SCHEMA)
    is_first, gaps = _edges(of, at_ns)
    if ((gaps < 0) & ~is_first[1:]).any():  # a clock that was set back
        at_ns = at_ns[np.lexsort((at_ns, of))]
        is_first, gaps = _edges(of, at_ns)
    starts = np.flatnonzero(is_first)
    ends = np.append(starts[1:], of.size)
    is_arrival = is_first  # of which nothing else is needed any more
    is_arrival[1:] |= gaps != 0
    arrivals = np.append(np.flatnonzero(is_arrival), of.size)
    first_of = np.searchsorted(arrivals, np.append(starts, of.size))
    columns = [
        at_ns[starts],
        at_ns[ends - 1],
        ends - starts,
        np.diff(first_of),
        np.minimum(arrivals[first_of[:-1] + 1], ends) - starts,
    ]
    rows = has_token.arg_true().gather(starts)
    named = zip(list(SCHEMA)[1:], columns, strict=True)
    return pl.DataFrame({"request_id": events["request_id"].gather(rows), **dict(named)}, schema=SCHEMA)


def _edges(of: NDArray[np.uint32], at_ns: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether each event is the first of its request, and the time from each to the next."""
    is_first = np.ones(of.size, bool)
    np.not_equal(of[1:], of[:-1], out=is_first[1:])
    return is_first, np.diff(at_ns)
