"""One row a night × target × workload × scenario × tool × metric: the figures that the tool would have printed.

Each tool's own way with percentiles, and its own idea of which requests count.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from pipeline.tables import dialects
from pipeline.tables.parts import Parts, Steps

INPUTS = ("requests", "events", "event_tokens")

GRAIN = ("night", "target", "model", "family", "workload", "scenario", "provenance")
USES = {"requests": ("request_id", *GRAIN, *dialects.REQUESTS), "events": dialects.EVENTS}
PERCENTILES = (50, 90, 95, 99)

COLUMNS = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "provenance": "measured, imported, published or simulated; never drawn alike",
    "dialect": "Tool whose formulas these are; its figures and another's are never one series",
    "version": "Version of the tool that has them",
    "metric": "Name that the tool gives the figure, in our spelling; it means something else in each dialect",
    "unit": "Unit of the figures of this row",
    "requests_sent": "Requests that were sent, warm-up left out",
    "requests_counted": "Requests of them that the tool has this figure of",
    "n": "Values behind this row: requests, or gaps where the tool pools those of all requests",
    "mean": "Arithmetic mean",
    "std": "Standard deviation, with the tool's degrees of freedom; null where it prints none",
    **{f"p{p}": f"{p}th percentile by the tool's own rule" for p in PERCENTILES},
    "percentile_rule": "That rule. It is the tool's: ours needs n >= 100 for a p99, theirs do not",
    "token_source": "Where the tool's counts of tokens are from; mixed where from several",
}


def build(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """What each tool would have printed for every target and scenario of the night."""
    return printed(said(requests, events, event_tokens))


_OF_TOOL = ("dialect", "version", "metric")
_SENT = "requests_sent"


def said(requests: pl.DataFrame, events: pl.DataFrame, event_tokens: pl.DataFrame) -> pl.DataFrame:
    """What each tool takes from some requests: a row a request, and in others how many were sent.

    A column for each of its metrics (see `_column`), null where it does not count the request, and one that says
    where its count of tokens is from.
    """
    sent = requests.filter(~pl.col("is_warmup")).group_by(GRAIN).agg(pl.len().cast(pl.Int64).alias(_SENT))
    marks = dialects.marks_of(requests, events, event_tokens)
    taken = [of_tools.select(*GRAIN, *chain.from_iterable(map(_taken, alike))) for alike, of_tools in marks]
    columns = [taken[0], *(one.drop(GRAIN) for one in taken[1:])]
    return pl.concat([pl.concat(columns, how="horizontal"), sent], how="diagonal")


def _taken(dialect: dialects.Dialect) -> Iterator[pl.Expr]:
    for name, formula in dialects.formulas(dialect).items():
        value = formula.value if formula.is_pooled else formula.value.cast(pl.Float64)
        yield pl.when(dialect.counts).then(value).alias(_column(dialect, name))
    yield dialect.tokens.source.cast(pl.String).alias(_column(dialect, "source"))


def _column(dialect: dialects.Dialect, name: str) -> str:
    return f"{dialect.name} {name}"


def printed(found: pl.DataFrame) -> pl.DataFrame:
    """The table, from what tools took."""
    told = [(dialect, *one) for dialect in dialects.known().values() for one in dialects.formulas(dialect).items()]
    series = found.group_by(GRAIN).agg(pl.col(_SENT).sum(), *(part for one in told for part in _of_series(*one)))
    about = series.select(*GRAIN, _SENT).rows()
    rows = [(*key, *row) for one in told for key, row in zip(about, _rows(series, *one[:2]), strict=True) if row]
    schema: dict[str, Any] = {**{name: found.schema[name] for name in (*GRAIN, _SENT)}, **_FIGURES}
    return pl.DataFrame(rows, schema=schema, orient="row").select(*COLUMNS).sort(*GRAIN, *_OF_TOOL)


PARTS = Parts(by="series", index="requests", steps=Steps(said, printed))

_FIGURES = {
    **dict.fromkeys((*_OF_TOOL, "unit"), pl.String),
    **dict.fromkeys(("requests_counted", "n"), pl.Int64),
    **dict.fromkeys(("mean", "std", *(f"p{p}" for p in PERCENTILES)), pl.Float64),
    **dict.fromkeys(("percentile_rule", "token_source"), pl.String),
}

_PARTS = ("counted", "values", "sources")


def _of_series(dialect: dialects.Dialect, name: str, formula: dialects.Formula) -> Iterator[pl.Expr]:
    """Of how many requests a tool has a metric, its values, and where the tokens that it needs were counted."""
    value, source = pl.col(_column(dialect, name)), pl.col(_column(dialect, "source"))
    is_known = value.list.len() > 0 if formula.is_pooled else value.is_not_null()
    values = value.explode() if formula.is_pooled else value
    sources = source.filter(is_known).drop_nulls().unique() if formula.needs_tokens else source.head(0)
    for part, of_series in zip(_PARTS, (is_known.sum().cast(pl.Int64), values, sources), strict=True):
        yield of_series.alias(f"{_column(dialect, name)} {part}")


def _rows(series: pl.DataFrame, dialect: dialects.Dialect, name: str) -> Iterator[tuple[Any, ...]]:
    """What a tool prints of a metric of each series, in the order of `_FIGURES`; empty where it has none."""
    named = (dialect.name, dialect.version, name, dialects.METRICS[name])
    parts = (series[f"{_column(dialect, name)} {part}"] for part in _PARTS)
    for counted, values, sources in zip(*parts, strict=True):
        if counted:
            source = "mixed" if sources.len() > 1 else sources.first()
            yield (*named, counted, *_of_values(dialect, values), dialect.percentile.name, source)
        else:
            yield ()


def _of_values(dialect: dialects.Dialect, values: pl.Series) -> tuple[Any, ...]:
    """Their number, mean, standard deviation and percentiles, as a tool prints them; nulls are none."""
    ordered = np.sort(values.to_numpy())[: values.len() - values.null_count()]  # nulls are numpy's last
    known = pl.Series(ordered)
    std = None if dialect.ddof is None else known.std(dialect.ddof)
    percentiles = (float(dialects.at(dialect.percentile, ordered, p / 100)) for p in PERCENTILES)
    return ordered.size, known.mean(), std, *percentiles
