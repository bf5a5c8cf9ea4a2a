"""Releases: traces that were measured elsewhere on a stated date and are carried with the project.

Their tables are computed like those of any night, into folders of their own, and published beside ours as
`released_<table>`: the same columns, and the release. They are never a part of our nights: nothing here is
the last night, a trend or a pair of a comparison.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline import tables, trace
from pipeline.layout import Layout

SHOWN = ("targets", "runs", "summary", "throughput", "sweeps", "knees", "hardware")
"""The tables of a release that the warehouse holds; all others lie in `data/releases`, as Parquet."""

NAME = "The release: a folder of data-releases with raw traces, where its README says what they are"


@dataclass(frozen=True)
class Release:
    """A release by its folder's name; `layout` has its traces where they are carried, its tables with our data."""

    name: str
    layout: Layout

    @property
    def nights(self) -> list[date]:
        """The nights in which it was measured."""
        return trace.nights(self.layout.traces)

    @property
    def is_built(self) -> bool:
        """Whether every table of every night is there."""
        return all(self.layout.table(name, night).exists() for name in tables.tables() for night in self.nights)


def carried(layout: Layout) -> list[Release]:
    """All releases that this installation carries, by name."""
    folders = sorted(path.parent for path in layout.releases.glob("*/traces"))
    return [Release(folder.name, layout.release(folder.name)) for folder in folders]


def frame(found: list[Release], table: str) -> pl.DataFrame:
    """One table of these releases, in the columns of today."""
    nothing = tables.empty(table)
    staged = [
        pl.read_parquet(one.layout.table(table, night)).with_columns(release=pl.lit(one.name))
        for one in found
        for night in one.nights
    ]
    whole = pl.concat([nothing.with_columns(release=pl.lit(None, pl.String)), *staged], how="diagonal_relaxed")
    return whole.select("release", *nothing.columns)
