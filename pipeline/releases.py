"""Releases: traces that were measured elsewhere on a stated date and are carried with the project.

Their tables are computed like those of any night, into folders of their own, and published beside ours as
`released_<table>`: the same columns, and the release. They are never a part of our nights: nothing here is
the last night, a trend or a pair of a comparison.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pipeline import tables, trace
from pipeline.layout import Layout

SHOWN = ("targets", "runs", "summary", "throughput", "sweeps", "knees", "hardware")
"""The tables of a release that the warehouse holds; those that they rest on lie in `data/releases`, as Parquet."""

ERROR = "instrument"
"""The recorder's own error beside its figures: computed and checked with them."""

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
        """Whether every table of every night is there, and of the traces as they are carried now."""
        built = (self.layout.table(name, night) for name in needed() for night in self.nights)
        return self._stamp.exists() and self._stamp.read_text() == self._traces() and all(map(Path.exists, built))

    def stamp(self) -> None:
        """Say that the tables are those of the traces as they are now."""
        self._stamp.write_text(self._traces())

    @property
    def _stamp(self) -> Path:
        return self.layout.data / "built_from.sha256"

    def _traces(self) -> str:
        """A hash of all manifests, which hold the hashes of all files."""
        found = sorted(self.layout.traces.glob("night=*/target=*/*/manifest.json"))
        return hashlib.sha256(b"".join(path.read_bytes() for path in found)).hexdigest()


def needed() -> dict[str, tables.Table]:
    """Tables of which those of a release are made, each after the tables it reads.

    A release has no more: tables that nobody is shown would be the most of what a first night takes.
    """
    every, wanted = tables.tables(), {*SHOWN, ERROR}
    for name, table in reversed(every.items()):
        wanted |= set(table.inputs) - {tables.TRACE} if name in wanted else set()
    return {name: table for name, table in every.items() if name in wanted}


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
