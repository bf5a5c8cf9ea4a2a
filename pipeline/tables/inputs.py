"""What a table is built from, as it lies on disk: as a whole, or in parts that are read and computed ahead."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from pipeline import trace
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.tables import parts
from pipeline.tables.parts import Part, Parts
from pipeline.tables.recorded import Recorded
from pipeline.tables.staged import Staged

TRACE = "trace"
ASKED = "trace.requests"
"""In `USES` of a table, the columns of requests as recorded."""
AT_ONCE = min(4, os.cpu_count() or 1)
"""Parts in the making: each has a processor, and holds memory."""

Build = Callable[..., pl.DataFrame]
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class MissingInputError(TokenclockError):
    """A table cannot be built yet; the message says what to build first."""


class Inputs:
    """The inputs of a table of one night; of long ones, the columns that it uses."""

    def __init__(
        self, layout: Layout, night: date, names: Sequence[str], uses: Mapping[str, Sequence[str]]
    ) -> None:
        self._layout, self._night, self._uses = layout, night, uses
        self._staged = {name: Staged(self._path(name), uses.get(name, ())) for name in names if name != TRACE}
        self._about = Recorded.about(layout.traces, night)
        self._names = names

    def each_part(self, how: Parts | None, build: Build) -> Iterator[pl.DataFrame]:
        """What `build` makes of each part, in order; of the whole where it is not built in parts.

        Of a part that is made in steps, `build` is given what came of the first.
        """
        if how is None:
            yield build(*self._whole())
            return
        index = self._index(how)
        given = parts.divide(how, index)
        if how.steps is None:
            yield from _ahead(lambda part: build(*self._of(part)), given)
            return
        first = how.steps.first
        pieces = ((number, piece) for number, part in enumerate(given) for piece in parts.pieces(part, index))
        made = _ahead(lambda one: (one[0], first(*self._of(one[1]))), pieces)
        for _, of_part in groupby(made, key=itemgetter(0)):
            yield build(pl.concat(found for _, found in of_part))

    def _index(self, how: Parts) -> pl.DataFrame:
        """The requests, or runs, of which the table can have rows."""
        if how.index == TRACE:
            found = trace.load_ids(self._layout.traces, self._about.manifests)
        else:
            rows = pl.scan_parquet(self._path(how.index))
            known = rows.collect_schema()
            found = rows.select(name for name in parts.columns(how.by) if name in known).collect()
        if how.runs is None:
            return found
        return found.filter(pl.col("run_id").is_in([one.run_id for one in self._about.manifests if how.runs(one)]))

    def _whole(self) -> list[Any]:
        asked, reads = self._of_trace
        return [
            Recorded.load(self._layout.traces, self._night, asked, reads)
            if name == TRACE
            else self._staged[name].all()
            for name in self._names
        ]

    def _of(self, part: Part) -> list[Any]:
        asked, reads = self._of_trace
        return [
            self._about.part(self._layout.traces, part, asked, reads)
            if name == TRACE
            else self._staged[name].of(part)
            for name in self._names
        ]

    @property
    def _of_trace(self) -> tuple[Sequence[str], Sequence[str]]:
        """Columns of requests as recorded, and of reads."""
        return self._uses.get(ASKED, ()), self._uses.get(TRACE, ())

    def _path(self, name: str) -> Path:
        path = self._layout.table(name, self._night)
        if not path.exists():
            raise MissingInputError(f"{path} does not exist; build (materialize) `{name}` of {self._night} first")
        return path


def _ahead(compute: Callable[[_Given], _Made], given: Iterable[_Given]) -> Iterator[_Made]:
    """Compute some parts at a time, and give what comes of them in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun: deque[Future[_Made]] = deque()
        try:
            for part in given:
                begun.append(pool.submit(compute, part))
                if len(begun) >= AT_ONCE:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for one in begun:
                one.cancel()
