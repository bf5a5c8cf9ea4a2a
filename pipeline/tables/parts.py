"""A night in parts, so that tables of any length are built in bounded memory.

A table whose rows follow from one request, one run or one series alone says so in `PARTS`: what a part is, and the
input that lists them. It is then built part by part, and is the concatenation of its parts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from pipeline.trace import Manifest

READS_A_PART = 250_000
"""About so many socket reads are decoded at a time, or one run, or one series, where that has more."""

LIKELY_READS = 100
"""Of a request, where nothing says how many it had."""
READS_OF_A_REQUEST = 5
"""For so many it counts where neither reads nor events are looked at."""

SERIES = ("target", "model", "family", "workload", "scenario", "provenance")

Stretch = tuple[str, str | None]
"""Request ids from the first on and below the second; None where no id is behind them."""


@dataclass(frozen=True)
class Steps:
    """How a part that may be all of a night is made: `first` of some requests at a time, `then` of what came."""

    first: Callable[..., pl.DataFrame]
    then: Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Parts:
    """`by`: requests, runs or series; `index`: the input whose rows say which there are.

    `runs`: which of them a table can have rows of, where that is known. `has_reads`: reads or events are looked at.
    """

    by: str
    index: str
    steps: Steps | None = None
    runs: Callable[[Manifest], bool] | None = None
    has_reads: bool = True


@dataclass(frozen=True)
class Part:
    """Some requests: the runs that they belong to, and where their ids lie."""

    runs: tuple[str, ...]
    stretches: tuple[Stretch, ...]

    def of(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows that are about these requests, or about their runs."""
        if "request_id" not in rows.collect_schema():
            return rows.filter(pl.col("run_id").is_in(self.runs))
        return rows.filter(pl.any_horizontal(pl.lit(value=False), *map(_lies_in, self.stretches)))


def _lies_in(stretch: Stretch) -> pl.Expr:
    request_id, (low, high) = pl.col("request_id"), stretch
    return request_id >= pl.lit(low) if high is None else request_id.is_between(pl.lit(low), pl.lit(high), "left")


def columns(by: str) -> tuple[str, ...]:
    """What an index has to have, where it can."""
    return ("run_id", "request_id", "read_count", "requests_recorded", *(SERIES if by == "series" else ()))


def divide(how: Parts, index: pl.DataFrame) -> list[Part]:
    """The parts of a night, in the order of their rows; one without requests where there are none."""
    of = {"requests": _by_requests, "runs": _by_runs, "series": _by_series}
    if not how.has_reads:
        index = index.with_columns(read_count=pl.lit(READS_OF_A_REQUEST))
    return list(of[how.by](index)) if not index.is_empty() else [Part((), ())]


def _by_requests(index: pl.DataFrame) -> Iterator[Part]:
    """Neighbouring requests."""
    return _neighbours(_counted(index).with_columns(part=pl.col("reads") // READS_A_PART))


def _by_runs(index: pl.DataFrame) -> Iterator[Part]:
    """Neighbouring runs."""
    if "request_id" not in index.columns:
        return _by_requests_of_runs(index)
    at_end = pl.col("reads").last().over("run_id")
    return _neighbours(_counted(index).with_columns(part=at_end // READS_A_PART))


def _by_requests_of_runs(index: pl.DataFrame) -> Iterator[Part]:
    """The same of an index that does not say how much they read."""
    reads = pl.col("requests_recorded").cast(pl.Int64).fill_null(0).cum_sum() * LIKELY_READS
    numbered = index.sort("run_id").with_columns(part=reads // READS_A_PART)
    for _, of in numbered.group_by("part", maintain_order=True):
        yield Part(tuple(of["run_id"]), tuple(map(_stretch, of["run_id"])))


def _counted(index: pl.DataFrame) -> pl.DataFrame:
    """With the reads up to each request, from 0."""
    reads = pl.col("read_count").fill_null(0).cum_sum() - 1
    return index.sort("request_id").with_columns(reads=reads.clip(0))


def _by_series(index: pl.DataFrame) -> Iterator[Part]:
    """All rounds of what makes rows of a summary; neighbouring series where they are short."""
    reads = pl.col("read_count").fill_null(0).sum()
    runs = index.group_by(*SERIES, "run_id").agg(reads=reads).sort(*SERIES, "run_id")
    at_end = (pl.col("reads") - 1).last().over(SERIES)
    numbered = runs.with_columns(pl.col("reads").cum_sum()).with_columns(part=at_end // READS_A_PART)
    for _, of in numbered.group_by("part", maintain_order=True):
        names = tuple(of["run_id"])
        yield Part(names, tuple(map(_stretch, names)))


def pieces(part: Part, index: pl.DataFrame) -> list[Part]:
    """The requests of a part, some at a time."""
    mine = index.filter(pl.col("run_id").is_in(part.runs))
    lows = (
        _counted(mine)
        .group_by("run_id", pl.col("reads") // READS_A_PART, maintain_order=True)
        .agg(low=pl.col("request_id").first())
        .with_columns(high=pl.col("low").shift(-1).over("run_id"))
    )
    found: dict[int, list[tuple[str, Stretch]]] = {}
    for run, number, low, high in lows.iter_rows():
        found.setdefault(number, []).append((run, (low, high or _stretch(run)[1])))
    return [Part(*map(tuple, zip(*of, strict=True))) for of in found.values()] or [part]


def _stretch(run: str) -> Stretch:
    """Where the ids of a run's requests lie, which begin with `<run>/`: 0 is the next character."""
    return f"{run}/", f"{run}0"


def _neighbours(numbered: pl.DataFrame) -> Iterator[Part]:
    found = numbered.group_by("part", maintain_order=True).agg(
        pl.col("run_id").unique(maintain_order=True), low=pl.col("request_id").first()
    )
    lows = found["low"].to_list()
    for runs, low, high in zip(found["run_id"], lows, [*lows[1:], None], strict=True):
        yield Part(tuple(runs), ((low, high),))
