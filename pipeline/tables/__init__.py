"""Derived tables: one file a table, found by listing this folder.

A table's module has `INPUTS` (names of the tables it reads, or `trace`), `COLUMNS` (name → meaning, for
comments in the warehouse) and `build(*inputs) -> pl.DataFrame`, a pure function; its docstring's first
line says what a row is. `PARTS` says how it can be built in parts (see `parts`); `USES` (input → columns) which
columns of a long input it needs, of `trace` those of reads. Modules without `INPUTS` are helpers.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from graphlib import TopologicalSorter
from itertools import chain
from typing import Any

import polars as pl

from pipeline import expiry, stamps, trace
from pipeline.layout import Layout, nights_beside
from pipeline.tables.inputs import TRACE, Inputs, MissingInputError
from pipeline.tables.parts import Parts
from pipeline.tables.recorded import Recorded

__all__ = ["TRACE", "Built", "MissingInputError", "Recorded", "Table", "build", "empty", "nights", "tables"]

FIRST_ROWS = 5

SCHEMA_VERSION = 1
"""Of all tables. Raised when a column is renamed or removed, or means something else: what an older version staged
is then built anew. A new column needs no new version."""

_VERSION = "tokenclock.schema_version"  # where a staged file says which it is of; 1 where it does not
ABOUT = {_VERSION: str(SCHEMA_VERSION)}
"""What each staged file says of itself."""


@dataclass(frozen=True)
class Table:
    """A derived table, partitioned by night."""

    name: str
    title: str
    inputs: tuple[str, ...]
    columns: Mapping[str, str]
    build: Callable[..., pl.DataFrame]
    parts: Parts | None
    uses: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Built:
    """A table of a night on disk: how many rows it has, and the first of them."""

    height: int
    first: pl.DataFrame


def tables() -> dict[str, Table]:
    """All tables, each after the tables it reads."""
    return dict(_tables())


@cache
def _tables() -> Mapping[str, Table]:
    """The folder is listed once: every file of every night asks for a table."""
    found = {one.name: one for one in map(_table, _modules())}
    order = TopologicalSorter({name: set(one.inputs) - {TRACE} for name, one in sorted(found.items())})
    return {name: found[name] for name in order.static_order()}


def _modules() -> Iterable[Any]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    loaded = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return [module for module in loaded if hasattr(module, "INPUTS")]


def _table(module: Any) -> Table:
    name = module.__name__.rsplit(".", 1)[-1]
    parts, uses = getattr(module, "PARTS", None), getattr(module, "USES", {})
    return Table(name, module.__doc__.splitlines()[0], module.INPUTS, module.COLUMNS, module.build, parts, uses)


def build(layout: Layout, table: Table, night: date) -> Built:
    """Compute one table of one night from its inputs on disk, part by part, and stage it as Parquet.

    A night whose raw reads expired keeps the tables that it has: they stay as they are.
    """
    if expiry.of(layout.traces, night):
        return _kept(layout, table, night)
    inputs = Inputs(layout, night, table.inputs, table.uses)
    last_step = table.parts.steps.then if table.parts and table.parts.steps else table.build
    frames = inputs.each_part(table.parts, lambda *given: _checked(table, last_step(*given)))
    first = next(frames)
    with stamps.touching(layout, night):
        height = trace.write_parts(chain([first], frames), layout.table(table.name, night), ABOUT)
    return Built(height, first.head(FIRST_ROWS))


def _checked(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    if undocumented := set(frame.columns) ^ set(table.columns):
        raise ValueError(f"pipeline/tables/{table.name}.py: COLUMNS and the frame differ in {sorted(undocumented)}")
    return frame


def _kept(layout: Layout, table: Table, night: date) -> Built:
    """A table that cannot be computed any more."""
    path = layout.table(table.name, night)
    if not path.exists():
        expiry.refuse(layout.traces, night, f"{path} does not exist and cannot be built")
    rows = pl.scan_parquet(path)
    return Built(rows.select(pl.len()).collect().item(), rows.head(FIRST_ROWS).collect())


def empty(name: str) -> pl.DataFrame:
    """A table without rows: what its builder makes of a night in which nothing was recorded."""
    return _empty()[name].clone()


@cache
def _empty() -> dict[str, pl.DataFrame]:
    made: dict[str, pl.DataFrame] = {}
    nothing = Recorded.nothing()
    for one in tables().values():
        made[one.name] = one.build(*(nothing if given == TRACE else made[given] for given in one.inputs))
    return made


def is_of_today(layout: Layout, name: str, night: date) -> bool:
    """Whether a table of a night is staged in the columns, types and meanings of this version."""
    path = layout.table(name, night)
    if not path.exists() or pl.read_parquet_schema(path) != empty(name).schema:
        return False
    return int(pl.read_parquet_metadata(path).get(_VERSION, "1")) == SCHEMA_VERSION


def nights(layout: Layout) -> list[date]:
    """Nights with a staged summary, oldest first: those that were computed to the end."""
    return sorted(nights_beside(layout.table("summary", date.min)))
