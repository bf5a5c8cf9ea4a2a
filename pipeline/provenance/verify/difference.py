"""A difference between what is published and what follows from the traces, and how the first one is found."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

import polars as pl

Stage = Literal["ledger", "traces", "tables", "audits", "warehouse", "charts", "site"]

KEYS = (
    *("night", "request_id", "run_id", "target", "other", "provider", "file", "workload", "scenario", "round"),
    *(
        "moment",
        "concurrency",
        "dialect",
        "benchmark",
        "metric",
        "limit",
        "event_index",
        "gap_index",
        "measured_at",
    ),
    *("table_name", "column_name", "view_name", "function_name", "check_name", "figure_id", "entry"),
)
"""Columns by which a row is named, where a table has them."""

ABSENT = "(nothing)"
MOST_SHOWN = 200


@dataclass(frozen=True)
class Difference:
    """Where it is: a file, in it a table, row and column; and what stands there, published against recomputed."""

    stage: Stage
    file: str
    published: str
    recomputed: str
    table: str | None = None
    row: str | None = None
    column: str | None = None

    @property
    def said(self) -> str:
        """The same in words."""
        parts = [("table", self.table), ("row", self.row), ("column", self.column)]
        where = "".join(f"\n  {name:<11} {value}" for name, value in parts if value is not None)
        return f"{self.stage}: {self.file}{where}\n  published   {self.published}\n  recomputed  {self.recomputed}"


@dataclass(frozen=True)
class Cell:
    """The first cell in which two frames differ."""

    row: str | None
    column: str | None
    published: str
    recomputed: str


def first(published: pl.DataFrame, recomputed: pl.DataFrame) -> Cell | None:
    """Where two frames differ first; None where they are the same, row by row in the same order."""
    if named := sorted(set(published.columns) ^ set(recomputed.columns)):
        has = named[0] in published.columns
        return Cell(None, named[0], *(("a column", ABSENT) if has else (ABSENT, "a column")))
    for name, kind in recomputed.schema.items():
        if published.schema[name] != kind:
            return Cell(None, name, str(published.schema[name]), str(kind))
    if published.height != recomputed.height:
        return _unmatched(published, recomputed)
    found = [
        (at, name) for name in recomputed.columns if (at := _differs_at(published[name], recomputed[name])) >= 0
    ]
    if not found:
        return None
    at, name = min(found, key=lambda one: one[0])
    return Cell(key(recomputed, at), name, shown(published[name][at]), shown(recomputed[name][at]))


def _differs_at(one: pl.Series, other: pl.Series) -> int:
    """The first place where two columns differ; -1 where there is none."""
    if one.dtype.is_nested():
        one, other = (
            pl.Series([repr(value) for value in column.to_list()], dtype=pl.String) for column in (one, other)
        )
    differs = one.ne_missing(other)
    return int(differs.arg_max() or 0) if differs.any() else -1


def _unmatched(published: pl.DataFrame, recomputed: pl.DataFrame) -> Cell:
    """The first row that only one of two frames of different length has."""
    counts = (f"{published.height} rows", f"{recomputed.height} rows")
    names = [name for name in KEYS if name in recomputed.columns] or recomputed.columns
    for mine, yours, says in (
        (recomputed, published, (ABSENT, "a row")),
        (published, recomputed, ("a row", ABSENT)),
    ):
        alone = mine.join(yours, on=names, how="anti", nulls_equal=True, maintain_order="left")
        if not alone.is_empty():
            return Cell(
                key(alone, 0), None, *(f"{text} ({count})" for text, count in zip(says, counts, strict=True))
            )
    return Cell(None, None, *counts)


def key(frame: pl.DataFrame, at: int) -> str:
    """What names a row."""
    row = frame.row(at, named=True)
    names = [name for name in KEYS if name in row and row[name] is not None]
    if "request_id" in names or "run_id" in names:  # these say night, target, workload, scenario, round
        implied = ("night", "target", "provider", "workload", "scenario", "round", "concurrency")
        names = [name for name in names if name not in implied and not (name == "run_id" and "request_id" in names)]
    return ", ".join(f"{name} = {row[name]}" for name in names) or f"number {at + 1}"


def shown(value: object) -> str:
    """A value for people, not too long."""
    text = "null" if value is None else repr(value) if isinstance(value, str | bytes) else str(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def first_in_json(published: Any, recomputed: Any, at: str = "") -> Cell | None:
    """Where two JSON values differ first, and the way to it."""
    steps: list[tuple[str, Any, Any]] = []
    if isinstance(published, dict) and isinstance(recomputed, dict):
        names = sorted({*published, *recomputed})
        steps = [(f".{name}", published.get(name, ABSENT), recomputed.get(name, ABSENT)) for name in names]
    elif isinstance(published, list) and isinstance(recomputed, list):
        both = enumerate(zip_longest(published, recomputed, fillvalue=ABSENT))
        steps = [(f"[{number}]", mine, yours) for number, (mine, yours) in both]
    elif published != recomputed:
        return Cell(at.lstrip("."), None, shown(published), shown(recomputed))
    found = (first_in_json(mine, yours, f"{at}{step}") for step, mine, yours in steps)
    return next(filter(None, found), None)
