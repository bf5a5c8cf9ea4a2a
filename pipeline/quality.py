"""What stands on the data-quality page: the audits of the latest nights, those that are held back among them."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import checks, tables
from pipeline.checks import Audit, Result
from pipeline.layout import Layout, nights_beside
from pipeline.site import quality
from pipeline.site.quality import Cell, Failure, Line, Mark, Night, Report

NIGHTS = 30

Found = dict[tuple[str, str], Result]
"""Results of a night by table and check."""


def publish(layout: Layout) -> Path:
    """Write the page; return its path. It needs no warehouse, so that a night that is held back is on it."""
    return quality.publish(layout, report(layout))


def report(layout: Layout, folder: Path | None = None) -> Report:
    """The latest nights with an audit, their checks, and each check's latest failure."""
    known = list(dict.fromkeys((check.table, check.name) for check in checks.specs(folder)))
    found = {night: _results(audits) for night in _nights(layout) if (audits := _audits(layout, night))}
    older = [key for results in found.values() for key in results if key not in known]
    names = [*known, *dict.fromkeys(older)]
    held = {night: _held(results.values()) for night, results in found.items()}
    return Report(
        nights=[_night(night, held[night], results) for night, results in found.items()],
        lines=[line for key in names if (line := _line(key, list(found.values())))],
        failures=[
            _failure(layout, night, result, is_held=bool(held[night])) for night, result in _to_show(found, held)
        ],
        data=layout.data.name,
    )


def _nights(layout: Layout) -> list[date]:
    """The latest nights that have been audited, oldest first; one is among them before all of it is computed."""
    found = {night for table in tables.tables() for night in nights_beside(layout.audit(table, date.min))}
    return sorted(found)[-NIGHTS:]


def _audits(layout: Layout, night: date) -> list[Audit]:
    read = [checks.read_audit(layout, table, night) for table in tables.tables()]
    return [one for one in read if one]


def _results(audits: Iterable[Audit]) -> Found:
    return {(result.table, result.name): result for audit in audits for result in audit.results}


def _held(results: Iterable[Result]) -> list[str]:
    return [f"{one.table}.{one.name}" for one in results if one.severity == "critical" and not one.passed]


def _night(night: date, held: Sequence[str], results: Found) -> Night:
    passed = sum(one.passed for one in results.values())
    return Night(night, held, passed, len(results) - passed)


def _line(key: tuple[str, str], nights: Sequence[Found]) -> Line | None:
    said = [results.get(key) for results in nights]
    last = next((one for one in reversed(said) if one), None)
    if last is None:
        return None
    return Line(last.table, last.name, last.severity, last.notes, [_cell(one) for one in said])


def _cell(result: Result | None) -> Cell:
    if result is None:
        return Cell("none")
    mark: Mark = "not evaluated" if result.error else "passed" if result.passed else "failed"
    return Cell(mark, result.unexpected_count)


def _to_show(found: dict[date, Found], held: dict[date, list[str]]) -> list[tuple[date, Result]]:
    """The latest failure of each check, and whatever holds a night back; latest night first, worst first."""
    seen: set[tuple[str, str]] = set()
    shown = []
    for night in sorted(found, reverse=True):
        failed = [one for one in found[night].values() if not one.passed]
        for one in sorted(failed, key=lambda one: (("critical", "warning", "info").index(one.severity), one.table)):
            key = (one.table, one.name)
            if key not in seen or f"{one.table}.{one.name}" in held[night]:
                shown.append((night, one))
            seen.add(key)
    return shown


def _failure(layout: Layout, night: date, result: Result, *, is_held: bool) -> Failure:
    columns = _columns(result)
    shown = [row for row in result.sample if _may_show(row, night, _shown_targets(layout, night))]
    return Failure(
        night=night,
        is_held=is_held,
        table=result.table,
        check=result.name,
        severity=result.severity,
        notes=result.notes,
        count=result.unexpected_count,
        observed=result.observed,
        error=result.error,
        columns=columns,
        rows=[[_shortened(row.get(name)) for name in columns] for row in shown],
        withheld=len(result.sample) - len(shown),
        query=checks.failing_rows(layout, result, night, is_held=is_held, root=layout.data.parent),
    )


def _columns(result: Result) -> list[str]:
    """In the order of the query, which an audit does not keep, and of the table where the query selects all."""
    words = re.findall(r"\w+", result.query or "")
    order = [*words, *tables.tables()[result.table].columns]
    return sorted({name for row in result.sample for name in row}, key=lambda name: _place(order, name))


def _place(order: list[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _shown_targets(layout: Layout, night: date) -> set[str] | None:
    """Targets whose rows may stand on the site; None where that is every target of the night."""
    path = layout.table("targets", night)
    if not path.exists():
        return set()
    targets = pl.read_parquet(path, columns=["target", "may_publish"])
    return None if targets["may_publish"].all() else set(targets.filter("may_publish")["target"])


def _may_show(row: dict[str, Any], night: date, shown: set[str] | None) -> bool:
    """Whether a row is of a target that may be shown: it names it, or an id that begins with it."""
    if shown is None:
        return True
    named = {row.get("target"), row.get("other")} - {None}
    if named:
        return named <= shown
    ids = [str(row[name]) for name in ("request_id", "run_id") if row.get(name)]
    return bool(ids) and any(ids[0].startswith(f"{night}.{target}.") for target in shown)


def _shortened(value: object) -> object:
    """What fits into a cell."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return value if len(text) <= 80 else f"{text[:79]}…"
