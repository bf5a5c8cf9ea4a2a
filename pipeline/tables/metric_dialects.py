"""One row a request × tool × metric: what the tool would have said of this very stream.

A request has rows of the tools that would have counted it as a success; they differ in that, too.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.tables import dialects
from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts

INPUTS = ("requests", "events", "event_tokens")
PARTS = Parts(by="requests", index="requests")
USES = {"requests": (*KEYS, "status", *dialects.REQUESTS), "events": dialects.EVENTS}

COLUMNS = {
    **KEYS,
    "request_id": "The request. Key with dialect and metric",
    "status": "How the request really ended",
    "dialect": "Tool whose formulas these are; its figures and another's are never one series",
    "version": "Version of the tool that has them",
    "metric": "Name that the tool gives the figure, in our spelling; it means something else in each dialect",
    "unit": "Unit of the value",
    "value": "The figure; of gaps between tokens their mean, as the tool pools those of all requests",
    "gap_count": "Gaps behind the value; null where the tool computes one figure a request",
    "token_source": "Where the tool's count of tokens is from for this request; null where the figure needs none",
}


def build(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """Every request in every dialect that counts it."""
    of_requests, said = pl.DataFrame(), []
    for alike, marks in dialects.marks_of(requests.sort("request_id"), events, event_tokens):
        of_requests = marks.select(*KEYS, "status")
        said += [figure for dialect in alike for figure in _figures(dialect, marks)]
    said.sort(key=lambda figure: (figure.dialect, figure.metric))
    is_known = np.column_stack([figure.value.is_not_null().to_numpy() for figure in said])
    rows, columns = np.nonzero(is_known)  # by request, and of each by tool and metric
    names = pl.DataFrame([figure[:4] for figure in said], schema=_Figure._fields[:4], orient="row")
    places = columns * of_requests.height + rows
    told = {
        name: pl.concat([getattr(figure, name) for figure in said]).gather(places) for name in _Figure._fields[4:]
    }
    return pl.concat([of_requests[rows], names[columns], pl.DataFrame(told)], how="horizontal").select(*COLUMNS)


class _Figure(NamedTuple):
    """What a tool computes: its name, and what that is of each request."""

    dialect: str
    version: str
    metric: str
    unit: str
    value: pl.Series
    gap_count: pl.Series
    token_source: pl.Series


def _figures(dialect: dialects.Dialect, marks: pl.DataFrame) -> Iterator[_Figure]:
    """All that a tool says; null of requests that it does not count."""
    formulas = dialects.formulas(dialect)
    values = {name: pl.when(dialect.counts).then(formula.value) for name, formula in formulas.items()}
    said = marks.select(source=dialect.tokens.source, **values)
    no_gaps, no_source = (pl.repeat(None, said.height, dtype=dtype, eager=True) for dtype in (pl.Int64, pl.String))
    for name, formula in formulas.items():
        value = said[name]
        yield _Figure(
            dialect.name,
            dialect.version,
            name,
            dialects.METRICS[name],
            value.list.mean() if formula.is_pooled else value.cast(pl.Float64),
            value.list.len().cast(pl.Int64) if formula.is_pooled else no_gaps,
            said["source"] if formula.needs_tokens else no_source,
        )
