"""What a table is built from, as it lies on disk: as a whole, or in parts that are read and computed ahead."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from pipeline import trace
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.tables import parts
from pipeline.tables.parts import Part, Parts
from pipeline.tables.recorded import Recorded

TRACE = "trace"
AT_ONCE = min(4, os.cpu_count() or 1)
"""Parts in the making: each has a processor, and holds memory."""

Build = Callable[..., pl.DataFrame]


class MissingInputError(TokenclockError):
    """A table cannot be built yet; the message says what to build first."""


class Inputs:
    """The inputs of a table of one night; of long ones, the columns that it uses."""

    def __init__(
        self, layout: Layout, night: date, names: Sequence[str], uses: Mapping[str, Sequence[str]]
    ) -> None:
        self._layout, self._night, self._uses = layout, night, uses
        self._staged = {name: self._scan(name) for name in names if name != TRACE}
        self._names = names

    def each_part(self, how: Parts | None, build: Build) -> Iterator[pl.DataFrame]:
        """What `build` makes of each part, in order; of the whole where it is not built in parts.

        Of a part that is made in steps, `build` is given what came of the first.
        """
        if how is None:
            yield build(*self._of(None))
            return
        index = self._index(how)
        given = parts.divide(how.by, index)
        if how.steps is None:
            yield from _ahead(lambda part: build(*self._of(part)), given)
            return
        for part in given:
            yield build(pl.concat(_ahead(partial(self._made, how.steps.first), parts.pieces(part, index))))

    def _made(self, step: Build, part: Part) -> pl.DataFrame:
        return step(*self._of(part))

    def _index(self, how: Parts) -> pl.DataFrame:
        if how.index == TRACE:
            return trace.load_ids(self._layout.traces, trace.manifests(self._layout.traces, self._night))
        rows = self._scan(how.index)
        known = rows.collect_schema()
        return rows.select(name for name in parts.columns(how.by) if name in known).collect()

    def _of(self, part: Part | None) -> list[Any]:
        return [self._recorded(part) if name == TRACE else self._rows(name, part) for name in self._names]

    def _recorded(self, part: Part | None) -> Recorded:
        return Recorded.load(self._layout.traces, self._night, part, self._uses.get(TRACE, ()))

    def _rows(self, name: str, part: Part | None) -> pl.DataFrame:
        rows = part.of(self._staged[name]) if part else self._staged[name]
        uses = self._uses.get(name)
        return rows.select(uses).collect() if uses else rows.collect()

    def _scan(self, name: str) -> pl.LazyFrame:
        path = self._layout.table(name, self._night)
        if not path.exists():
            raise MissingInputError(f"{path} does not exist; build (materialize) `{name}` of {self._night} first")
        return pl.scan_parquet(path)


def _ahead(compute: Callable[[Part], pl.DataFrame], given: Iterable[Part]) -> Iterator[pl.DataFrame]:
    """Compute some parts at a time, and give what comes of them in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun: deque[Future[pl.DataFrame]] = deque()
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
