"""One row a gap between neighbouring arrivals of a request with metrics: how evenly its tokens came.

Events of one read share its stamp and are one arrival.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.tables import metrics, order
from pipeline.tables.keys import KEYS, METRICS_NEED, with_metrics
from pipeline.tables.parts import Parts

INPUTS = ("requests", "events", "event_tokens")
PARTS = Parts(by="requests", index="requests")
USES = {
    "requests": (*METRICS_NEED, "tokens", "token_source", "arrival_count"),
    "events": ("request_id", "event_index", "at_ns", "has_token"),
    "event_tokens": ("request_id", "event_index", "tokens"),
}

COLUMNS = {
    **KEYS,
    "request_id": "The request. Key with gap_index",
    "gap_index": "Position of the gap in the request, from 0",
    "gap_ns": "Time between the two arrivals, ns",
    "tokens_delivered": "Tokens that the arrival behind the gap brought; null where the tokenizer is not known",
    "tokens_per_arrival": "Tokens of the request / its arrivals",
    "token_source": "Where the tokens of the request are from: recounted or reported",
    **metrics.comments("itl"),
    "reason": "Why itl_ms is null",
}


_OF_GAPS = ("gap_index", "gap_ns", "tokens_delivered", *metrics.comments("itl"))


def build(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """The gaps of every request with metrics."""
    per_arrival = pl.col("tokens") / pl.col("arrival_count")
    too_many = pl.format(
        "{} tokens an arrival: a gap between arrivals is none between tokens", per_arrival.round(2)
    )
    is_gap_of_tokens = (per_arrival <= metrics.TOKENS_PER_ARRIVAL).fill_null(value=False)
    reason = pl.when(per_arrival.is_null()).then(pl.lit("tokens are not counted")).otherwise(too_many)
    ids, gaps = _gaps(order.by_event(events.filter("has_token")), event_tokens)
    known = (
        ids.join(with_metrics(requests), on="request_id", maintain_order="left")
        .with_columns(tokens_per_arrival=per_arrival, reason=pl.when(~is_gap_of_tokens).then(reason))
        .select("number", *(name for name in COLUMNS if name not in _OF_GAPS), "tokens", "arrival_count")
    )
    row_of = np.full(ids.height, -1)
    row_of[known["number"].to_numpy()] = np.arange(known.height)
    rows = row_of[gaps["number"].to_numpy()]
    of_requests = known.drop("number")[rows[rows >= 0]]
    of_gaps = gaps.filter(pl.Series(rows >= 0)).drop("number")
    whole = pl.concat([of_requests, of_gaps], how="horizontal")
    found: pl.DataFrame = whole.with_columns(metrics.expressions("itl")).select(*COLUMNS)
    return found


def _gaps(tokens: pl.DataFrame, event_tokens: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The requests by number, and the gaps between neighbouring stamps with the tokens that came at the later one.

    `tokens` are the events with tokens, in order.
    """
    tokens = _counted(order.numbered(tokens), event_tokens)
    number, at_ns = tokens[order.NUMBER].to_numpy(), tokens["at_ns"].to_numpy()
    if ((np.diff(at_ns) < 0) & (np.diff(number) == 0)).any():  # a clock that was set back
        tokens = tokens.sort(order.NUMBER, "at_ns")
        at_ns = tokens["at_ns"].to_numpy()
    is_first = np.diff(number, prepend=number[:1] + 1) != 0
    firsts = np.flatnonzero(is_first)
    ids = tokens.select("request_id")[firsts].with_columns(number=pl.Series(number[firsts]))
    starts = np.flatnonzero(is_first | (np.diff(at_ns, prepend=at_ns[:1]) != 0))
    of = number[starts]
    is_behind = np.diff(of, prepend=of[:1] + 1) == 0
    arrivals = np.arange(starts.size)
    before = np.maximum.accumulate(np.where(is_behind, 0, arrivals))
    columns = {
        "number": of,
        "gap_index": (arrivals - before - 1).astype(np.int64),
        "gap_ns": np.diff(at_ns[starts], prepend=at_ns[:1]),
    }
    found = pl.DataFrame(columns).with_columns(tokens_delivered=_delivered(tokens["tokens"], starts))
    return ids, found.filter(pl.Series(is_behind))


def _counted(tokens: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    if event_tokens.is_empty():
        return tokens.with_columns(tokens=pl.lit(None, pl.Int64))
    known = event_tokens.select("request_id", "event_index", "tokens")
    return tokens.join(known, on=["request_id", "event_index"], how="left", maintain_order="left")


def _delivered(tokens: pl.Series, starts: NDArray[np.intp]) -> pl.Series:
    """Tokens of each arrival; null where those of one of its events are not known."""
    if tokens.null_count() == len(tokens):
        return pl.repeat(None, starts.size, dtype=pl.Int64, eager=True)
    sums = np.add.reduceat(tokens.fill_null(0).to_numpy(), starts, dtype=np.int64)
    has_all = np.logical_and.reduceat(tokens.is_not_null().to_numpy(), starts)
    return pl.Series(sums).set(pl.Series(~has_all), None)
