"""Formulas that several tools share; each is built from the marks that the tool measures from and to."""

import polars as pl

from pipeline.tables.dialects._contract import Formula, Tokens
from pipeline.tables.dialects._marks import FIRST, GAPS, TOKENS_BESIDE


def ms(ns: pl.Expr) -> pl.Expr:
    """Nanoseconds as milliseconds."""
    return ns / 1e6


def ttft(start: pl.Expr, text: str) -> Formula:
    """First token - start."""
    return Formula(f"first token − {text}", ms(FIRST - start))


def e2e(start: pl.Expr, end: pl.Expr, text: str) -> Formula:
    """End - start."""
    return Formula(text, ms(end - start))


def after_first(end: pl.Expr, tokens: Tokens, text: str = "(E2E − TTFT) / (tokens − 1)") -> Formula:
    """Time after the first token over the tokens after it; null without any."""
    return Formula(text, pl.when(tokens.value > 1).then(ms(end - FIRST) / (tokens.value - 1)))


def gaps() -> Formula:
    """Time between neighbouring token-bearing events, per event, pooled over all requests."""
    return Formula("gap between neighbouring token-bearing events, per event; pooled", GAPS, is_pooled=True)


def token_gaps() -> Formula:
    """The same per token: the first token of an event has the event's gap, every other one 0."""
    text = "gap between neighbouring tokens: the first of an event has the event's gap, the others 0; pooled"
    both = pl.concat_list(GAPS, pl.lit(0.0).repeat_by(TOKENS_BESIDE))
    return Formula(text, pl.when(TOKENS_BESIDE.is_not_null()).then(both), is_pooled=True)
