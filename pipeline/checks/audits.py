"""What the checks said of a table and night, kept beside it and valid as long as what it vouches for."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from pipeline import stamps, trace
from pipeline.checks import expect, rows
from pipeline.checks.expect import AuditError
from pipeline.checks.suites import Severity, Suite, load
from pipeline.layout import Layout

COMMENTS = {
    "night": "UTC date on which the night began",
    "table_name": "Table that was checked",
    "check_name": "Check: an id in expectations/<table>.json, or a file expectations/<table>.<check>.sql. "
    "Key with night, table_name",
    "severity": "critical: the night is not published; warning and info: it is, and this says so",
    "passed": "False also where the check could not be evaluated",
    "unexpected_count": "Rows that break it; null where it is about the table as a whole, or raised",
    "sample": f"Up to {expect.SAMPLE_ROWS} of them, as JSON",
    "notes": "Why it must hold",
    "error": "Why it could not be evaluated",
    "query": "Selects all rows that break it, of every night in the tables it names; null where it passed",
}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one check. `observed`: the figure it judged, where it judges the table as a whole.

    `query` selects all rows that break it, by the names of the tables and of any night; None where it passed.
    """

    table: str
    name: str
    severity: Severity
    notes: str
    passed: bool
    unexpected_count: int | None
    sample: list[dict[str, Any]]
    observed: Any
    error: str | None
    query: str | None = None


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of one table and night, and the hashes of all that the verdict rests on.

    `files`: sha256 of the audited Parquet file and of those its rules read, by table.
    """

    table: str
    night: date
    files: dict[str, str]
    checks_sha256: str
    results: list[Result]

    @property
    def failed(self) -> list[Result]:
        """Checks that did not pass, whatever their severity."""
        return [result for result in self.results if not result.passed]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The audits of a night, and the state of the files that they were current for."""

    seen: dict[str, str]
    audits: list[Audit]


def audit(layout: Layout, table: str, night: date, folder: Path | None = None) -> Audit:
    """Run the checks of one table on one night's file, keep the verdict beside it and return it."""
    suite = _suite(table, folder)
    if not layout.table(table, night).exists():
        raise AuditError(
            f"{layout.table(table, night)} does not exist; build (materialize) {table} of {night} first"
        )
    files = _files(layout, suite, night)
    readable = {name: layout.table(name, night) for name in files}
    outcomes = expect.run(suite, readable)
    results = [
        Result(
            table=table,
            name=check.name,
            severity=check.severity,
            notes=check.notes,
            **vars(outcomes[check.name]),
        )
        for check in suite.checks
    ]
    found = Audit(table=table, night=night, files=files, checks_sha256=suite.sha256, results=results)
    with stamps.touching(layout, night):
        trace.write_json(layout.audit(table, night), found)
        layout.verdict(night).unlink(missing_ok=True)  # it is of the audit before this one
    return found


def _suite(table: str, folder: Path | None) -> Suite:
    known = load(folder)
    if table not in known:
        raise AuditError(
            f"no checks for {table!r}; there are some for {', '.join(known)}: add expectations/{table}.json"
        )
    return known[table]


def _files(layout: Layout, suite: Suite, night: date) -> dict[str, str]:
    paths = {name: layout.table(name, night) for name in (suite.table, *suite.reads)}
    return {name: trace.sha256(path) for name, path in paths.items() if path.exists()}


def read_audit(layout: Layout, table: str, night: date) -> Audit | None:
    """The last audit of a table and night, current or not; None where there is none that can be read."""
    try:
        return msgspec.json.decode(layout.audit(table, night).read_bytes(), type=Audit)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def is_current(layout: Layout, found: Audit, folder: Path | None = None) -> bool:
    """Whether neither the tables that an audit read nor the checks have changed since."""
    suite = load(folder).get(found.table)
    if suite is None or suite.sha256 != found.checks_sha256:
        return False
    return _files(layout, suite, found.night) == found.files


def ensure(layout: Layout, night: date, folder: Path | None = None) -> list[Audit]:
    """One current audit for each table that has checks and was built that night; runs only those it must.

    A night in which no file was touched since it was asked for last is not hashed again: years of nights are
    asked for at every publication.
    """
    suites = load(folder)
    known = _read_verdict(layout, night)
    if known and known.seen == _seen(layout, night, suites):
        return known.audits
    built = [table for table in suites if layout.table(table, night).exists()]
    audits = [_current(layout, table, night, folder) for table in built]
    seen = _seen(layout, night, suites)
    trace.write_json(layout.verdict(night), Verdict(seen=seen, audits=audits))
    return audits


def marks(layout: Layout, nights: Iterable[date], folder: Path | None = None) -> dict[date, str]:
    """What tells a night's verdict from any later one, by today's checks: while it is the same, so are the audits.

    As long as the night's tables are the same too: those are the business of whoever asks. A new audit takes the
    verdict away.
    """
    found = ((night, layout.verdict(night)) for night in nights)
    states = {night: path.stat() for night, path in found if path.exists()}
    by = by_checks(folder)
    return {night: f"{of.st_size} {of.st_mtime_ns} {by}" for night, of in states.items()}


def by_checks(folder: Path | None = None) -> str:
    """What a mark ends with: a hash of all checks."""
    return hashlib.sha256("".join(suite.sha256 for suite in load(folder).values()).encode()).hexdigest()


def _read_verdict(layout: Layout, night: date) -> Verdict | None:
    try:
        return msgspec.json.decode(layout.verdict(night).read_bytes(), type=Verdict)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def vouched(layout: Layout, night: date) -> list[Audit]:
    """The audits of a night as they were when it was asked for last; none after a new one."""
    known = _read_verdict(layout, night)
    return known.audits if known else []


def _seen(layout: Layout, night: date, suites: Mapping[str, Suite]) -> dict[str, str]:
    """Size and last change of the night's tables and audits, and the hash of each suite."""
    tables = {
        name: layout.table(name, night) for name in {*suites, *(one for s in suites.values() for one in s.reads)}
    }
    audits = {f"audit of {name}": layout.audit(name, night) for name in suites}
    stats = {name: path.stat() for name, path in sorted((tables | audits).items()) if path.exists()}
    hashes = {f"checks of {name}": suite.sha256 for name, suite in suites.items()}
    return {name: f"{of.st_size} {of.st_mtime_ns}" for name, of in stats.items()} | hashes


def _current(layout: Layout, table: str, night: date, folder: Path | None) -> Audit:
    found = read_audit(layout, table, night)
    return found if found and is_current(layout, found, folder) else audit(layout, table, night, folder)


def failing_rows(layout: Layout, result: Result, night: date, *, is_held: bool, root: Path | None = None) -> str:
    """A query of all rows that broke a check: over the warehouse, or over the staged files of a night that is held.

    `root`: a folder that the files are named from; without it their paths are whole.
    """
    sql = result.query or f"SELECT * FROM {result.table}"  # noqa: S608 - of an audit that is older than its query
    if not is_held:
        return rows.published(sql, night)
    return rows.staged(sql, lambda name: _from(root, layout.table(name, night)))


def _from(root: Path | None, path: Path) -> Path:
    return path.relative_to(root) if root else path


def blocking(audits: Iterable[Audit]) -> list[Result]:
    """Critical checks that did not pass: a night with one is not published."""
    return [result for found in audits for result in found.failed if result.severity == "critical"]


def frame(audits: Iterable[Audit]) -> pl.DataFrame:
    """The table check_results: one row a night, table and check."""
    schema = {
        **dict.fromkeys(COMMENTS, pl.String),
        "night": pl.Date,
        "passed": pl.Boolean,
        "unexpected_count": pl.Int64,
    }
    of_checks = [_row(found, result) for found in audits for result in found.results]
    return pl.DataFrame(of_checks, schema=schema, orient="row").sort("night", "table_name", "check_name")


def _row(found: Audit, result: Result) -> dict[str, object]:
    return {
        "night": found.night,
        "table_name": result.table,
        "check_name": result.name,
        "severity": result.severity,
        "passed": result.passed,
        "unexpected_count": result.unexpected_count,
        "sample": msgspec.json.encode(result.sample, order="deterministic").decode(),
        "notes": result.notes,
        "error": result.error,
        "query": result.query,
    }
