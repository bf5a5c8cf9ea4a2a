"""The data-quality page: every check, night by night, and the rows that broke it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pipeline import site
from pipeline.layout import Layout
from pipeline.trace import replace

PAGE = "quality.html"

Mark = Literal["passed", "failed", "not evaluated", "none"]


@dataclass(frozen=True)
class Night:
    """A column of the grid. `held`: checks for which the night is not published."""

    night: date
    held: Sequence[str]
    passed: int
    failed: int


@dataclass(frozen=True)
class Cell:
    """One check in one night; `rows` that broke it, where it counts rows."""

    mark: Mark
    rows: int | None = None


@dataclass(frozen=True)
class Line:
    """A row of the grid: one check, and what it said in each night."""

    table: str
    check: str
    severity: str
    notes: str
    cells: Sequence[Cell]

    @property
    def has_failed(self) -> bool:
        """Whether there is anything to look at."""
        return any(cell.mark in ("failed", "not evaluated") for cell in self.cells)


@dataclass(frozen=True)
class Failure:
    """A check that did not pass in a night, with the rows that may be shown and the query that gets all.

    `withheld`: rows of targets whose figures may not stand on the site.
    """

    night: date
    is_held: bool
    table: str
    check: str
    severity: str
    notes: str
    count: int | None
    observed: Any
    error: str | None
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    withheld: int
    query: str


@dataclass(frozen=True)
class Report:
    """All that stands on the page, nights oldest first."""

    nights: Sequence[Night]
    lines: Sequence[Line]
    failures: Sequence[Failure]
    data: str


def publish(layout: Layout, report: Report) -> Path:
    """Write the page beside the others; return its path."""
    page = layout.site / PAGE
    replace(page, site.render("quality.html", report=report).encode())
    return page
