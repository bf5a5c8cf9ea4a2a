"""What a dialect is: another tool's definitions, as expressions over the marks of one request."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipeline.tables.dialects._percentiles import Percentile


@dataclass(frozen=True)
class Formula:
    """A quantity as the tool computes it: in words, and as an expression over `_marks.MARKS`.

    An expression that gives a list holds one value a gap: the tool pools the gaps of all requests.
    """

    text: str
    value: pl.Expr


@dataclass(frozen=True)
class Dialect:
    """How a tool, in a version, computes what it prints.

    `is_token`: which events it takes for tokens (an expression over a row of `events`); `counts`: which requests
    it takes for successes (over the marks); `ddof`: of its standard deviation.
    """

    name: str
    version: str
    is_token: pl.Expr
    counts: pl.Expr
    formulas: Mapping[str, Formula]
    percentile: Percentile
    note: str
    ddof: int = 0
