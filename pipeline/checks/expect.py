"""Running a suite: the one place that knows great-expectations."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import msgspec
from sqlalchemy.dialects import registry

from pipeline.checks import rows
from pipeline.checks.suites import Check, CheckError, Suite
from pipeline.errors import TokenclockError

SAMPLE_ROWS = 20
URL = "duckdb+audit"


class AuditError(TokenclockError):
    """A table cannot be audited; the message names the file and the cure."""


@dataclass(frozen=True)
class Outcome:
    """What came of one check. `error`: why it could not be evaluated, which is not passing.

    `query` selects all that breaks it (`rows.query`); None where it passed.
    """

    passed: bool
    unexpected_count: int | None
    sample: list[dict[str, Any]]
    observed: Any
    error: str | None
    query: str | None = None


_UNANSWERED = Outcome(
    passed=False, unexpected_count=None, sample=[], observed=None, error="great-expectations returned no result"
)


def run(suite: Suite, tables: Mapping[str, Path]) -> dict[str, Outcome]:
    """Evaluate a suite; return the outcome of each check, by name.

    `tables` are the Parquet files that its queries may name, its own table among them; they are read where
    they lie.
    """
    with _LOCK, _session().reading(tables) as connection:
        found = dict(_evaluate(suite, connection))
    return {check.name: _with_query(check, found.get(check.name, _UNANSWERED)) for check in suite.checks}


def _with_query(check: Check, found: Outcome) -> Outcome:
    return replace(found, query=None if found.passed else rows.query(check, found.query))


class _Session:
    """Great-expectations, once a process: a context takes it longer to make than a suite to evaluate.

    Its data source is a DuckDB in memory that holds nothing but views of the files under audit.
    """

    def __init__(self) -> None:
        self.gx = _great_expectations()
        context = self.gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        self._source = context.data_sources.add_sql("night", connection_string=f"{URL}:///:memory:audit")
        self._definitions: dict[str, Any] = {}

    def batch(self, table: str) -> Any:
        """The view of a table, as great-expectations takes it."""
        if table not in self._definitions:
            asset = self._source.add_table_asset(table, table_name=table)
            self._definitions[table] = asset.add_batch_definition_whole_table("night")
        return self._definitions[table].get_batch()

    @contextmanager
    def reading(self, tables: Mapping[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
        """Views of these files, and of no others."""
        with closing(self._source.get_engine().raw_connection()) as pooled:
            connection = pooled.driver_connection
            try:
                for name, path in tables.items():
                    _view(connection, name, path)
                yield connection
            finally:
                for name in tables:
                    connection.execute(f"DROP VIEW IF EXISTS {name}")


_session = cache(_Session)
_LOCK = Lock()  # all audits of a process share those views


def _view(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    try:
        connection.read_parquet(str(path), hive_partitioning=False).create_view(name)
    except duckdb.Error as error:
        raise AuditError(f"{path}: not a readable Parquet file ({error}); build {name} again") from error


def _evaluate(suite: Suite, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, Outcome]]:
    session = _session()
    expectations = _expectations(session.gx, suite)
    answer = session.batch(suite.table).validate(expectations, result_format=_format(suite))
    rules = {check.name: check.sql for check in suite.checks if check.sql is not None}
    for one in answer.results:
        name = one.expectation_config.id
        yield name, _of_rule(one, rules[name], connection) if name in rules else _outcome(one)


def _great_expectations() -> Any:
    """Import it: no analytics, no deprecations of what it imports in turn, no log of what it returns anyway."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: PLC0415  # takes seconds, so only where checks run
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    registry.register(URL.replace("+", "."), "pipeline.checks.dialect", "Audit")
    return great_expectations


def _format(suite: Suite) -> dict[str, Any]:
    """How much great-expectations tells of a failure: key and value of a few rows, and the query of all."""
    return {
        "result_format": "SUMMARY",
        "partial_unexpected_count": SAMPLE_ROWS,
        "return_unexpected_index_query": True,
        "unexpected_index_column_names": list(suite.key),
    }


def _expectations(gx: Any, suite: Suite) -> Any:
    """The suite as great-expectations has it. It drops with a log line what it cannot use, so ask it first."""
    for check in suite.checks:
        _refuse_unusable(gx, check)
    return gx.ExpectationSuite(name=suite.table, expectations=[dict(check.config) for check in suite.checks])


def _refuse_unusable(gx: Any, check: Check) -> None:
    try:
        gx.expectations.expectation_configuration.ExpectationConfiguration(**check.config).to_domain_obj()
    except (gx.exceptions.GreatExpectationsError, ValueError, TypeError) as error:
        raise CheckError(
            f"{check.file}: great-expectations refuses {check.name}: {error}; mend its type and kwargs"
        ) from error


def _outcome(one: Any) -> Outcome:
    result, error = one.result, _error(one.exception_info)
    return Outcome(
        passed=bool(one.success) and error is None,
        unexpected_count=result.get("unexpected_count") or (0 if "element_count" in result else None),
        sample=_plain(_rows(result)[:SAMPLE_ROWS]),
        observed=_plain(result.get("observed_value")),
        error=error,
        query=result.get("unexpected_index_query"),
    )


def _of_rule(one: Any, sql: str, connection: duckdb.DuckDBPyConnection) -> Outcome:
    """Great-expectations counts the rows that a rule selects; the first of them are asked for where it fails."""
    error, passed = _error(one.exception_info), bool(one.success)
    sample = [] if passed or error else _first(connection, sql)
    return Outcome(
        passed=passed and error is None,
        unexpected_count=one.result.get("observed_value"),
        sample=_plain(sample),
        observed=None,
        error=error,
    )


def _first(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = connection.sql(f"SELECT * FROM (\n{sql}\n) AS unexpected LIMIT {SAMPLE_ROWS}")  # noqa: S608 - the rule is a query of ours
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def _rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Failing rows by their key and value, else the values alone."""
    found = result.get("partial_unexpected_index_list")
    if found is None:
        found = result.get("partial_unexpected_list", [])
    return [row if isinstance(row, dict) else {"value": row} for row in found]


def _error(info: Mapping[str, Any]) -> str | None:
    """Why a check raised; great-expectations answers by metric where it did, flat where it did not."""
    flat = [info] if "raised_exception" in info else list(info.values())
    raised = [str(one["exception_message"]) for one in flat if one["raised_exception"]]
    return raised[0].split("\n[SQL:")[0] if raised else None


def _plain(value: Any) -> Any:
    """As JSON knows it; what it does not know becomes text."""
    return msgspec.to_builtins(value, enc_hook=str, str_keys=True)
