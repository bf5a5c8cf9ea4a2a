"""What a dialect is: another tool's definitions, as expressions over the marks of one request."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipeline.tables.dialects._percentiles import Percentile


@dataclass(frozen=True)
class Formula:
    """A quantity as the tool computes it: in words, and as an expression over the marks of `_marks`.

    Where `is_pooled`, the expression gives a list with one value a gap: the tool pools the gaps of all requests.
    """

    text: str
    value: pl.Expr
    is_pooled: bool = False

    @property
    def needs_tokens(self) -> bool:
        """Whether it depends on a count of tokens."""
        return any("tokens" in column for column in self.value.meta.root_names())


@dataclass(frozen=True)
class Tokens:
    """The count of output tokens that a tool uses: in words, the count, and where it is from for this request."""

    text: str
    value: pl.Expr
    source: pl.Expr


@dataclass(frozen=True)
class Dialect:
    """How a tool, in a version, computes what it prints.

    `is_token`: which events it takes for tokens (an expression over a row of `events`); `counts`: which requests
    it takes for successes (over the marks); `ddof`: of its standard deviation, where it prints one.
    """

    name: str
    version: str
    is_token: pl.Expr
    tokens: Tokens
    counts: pl.Expr
    formulas: Mapping[str, Formula]
    percentile: Percentile
    note: str
    ddof: int | None = None
