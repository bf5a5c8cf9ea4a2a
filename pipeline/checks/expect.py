"""Running a suite: the one place that knows great-expectations."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
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
IN_MEMORY_BYTES = 8_000_000  # a file below is opened once, not once a query: a third of a query's time


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


_PASSED = Outcome(passed=True, unexpected_count=0, sample=[], observed=None, error=None)
_UNANSWERED = Outcome(
    passed=False, unexpected_count=None, sample=[], observed=None, error="great-expectations returned no result"
)


def run(suite: Suite, tables: Mapping[str, Path]) -> dict[str, Outcome]:
    """Evaluate a suite; return the outcome of each check, by name.

    `tables` are the Parquet files that its queries may name, its own table among them.
    """
    with _LOCK, _session().reading(tables) as connection:
        found = dict(_evaluate(suite, connection))
    return {check.name: _with_query(check, found.get(check.name, _UNANSWERED)) for check in suite.checks}


def _with_query(check: Check, found: Outcome) -> Outcome:
    return replace(found, query=None if found.passed else rows.query(check, found.query))


class _Session:
    """Great-expectations, once a process: a context takes it longer to make than a suite to evaluate.

    Its data source is a DuckDB in memory that holds nothing but the files under audit.
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
        """The tables of these files, and no others."""
        with closing(self._source.get_engine().raw_connection()) as pooled:
            connection, made = pooled.driver_connection, {}
            try:
                for name, path in tables.items():
                    made[name] = _relation(connection, name, path)
                yield connection
            finally:
                for name, kind in made.items():
                    connection.execute(f"DROP {kind} {name}")


_session = cache(_Session)
_LOCK = Lock()  # all audits of a process share those names


def _relation(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> str:
    """Put a file's rows under its name: in memory where they are few, else where they lie; return which."""
    try:
        found = connection.read_parquet(str(path), hive_partitioning=False)
        if path.stat().st_size > IN_MEMORY_BYTES:
            found.create_view(name)
            return "VIEW"
        found.create(name)
    except duckdb.Error as error:
        raise AuditError(f"{path}: not a readable Parquet file ({error}); build {name} again") from error
    return "TABLE"


def _evaluate(suite: Suite, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, Outcome]]:
    """The outcomes by name, in no order.

    Checks of rows are asked twice: whether they pass, all of a table in one query; and, only of those that do not,
    which rows break them, three queries each.
    """
    for check in suite.checks:
        _refuse_unusable(_session().gx, check)
    batch = _session().batch(suite.table)
    rules = {check.name: check.sql for check in suite.checks if check.sql is not None}
    of_rows = [check for check in suite.checks if check.name not in rules and _is_of_rows(check)]
    passed = {name for name, one in _validated(batch, suite.table, of_rows, "BOOLEAN_ONLY") if _passes(one)}
    yield from dict.fromkeys(passed, _PASSED).items()
    rest = [check for check in suite.checks if check.name not in passed]
    for name, one in _validated(batch, suite.table, rest, _format(suite)):
        yield name, _of_rule(one, rules[name], connection) if name in rules else _outcome(one)


def _is_of_rows(check: Check) -> bool:
    """Whether a check asks each row, and all of them: nothing but its passing is to be told then."""
    known = _session().gx.expectations
    kinds = (
        known.expectation.ColumnMapExpectation,
        known.expectation.ColumnPairMapExpectation,
        known.expectation.MulticolumnMapExpectation,
    )
    kind = known.registry.get_expectation_impl(check.config["type"])
    return issubclass(kind, kinds) and "mostly" not in check.config["kwargs"]


def _validated(batch: Any, table: str, checks: Sequence[Check], form: Any) -> Iterator[tuple[str, Any]]:
    """What great-expectations answers, by the checks' names."""
    if checks:
        asked = _session().gx.ExpectationSuite(name=table, expectations=[dict(check.config) for check in checks])
        for one in batch.validate(asked, result_format=form).results:
            yield one.expectation_config.id, one


def _passes(one: Any) -> bool:
    return bool(one.success) and _error(one.exception_info) is None


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


def _refuse_unusable(gx: Any, check: Check) -> None:
    """Great-expectations drops with a log line what it cannot use."""
    try:
        gx.expectations.expectation_configuration.ExpectationConfiguration(**check.config).to_domain_obj()
    except (gx.exceptions.GreatExpectationsError, ValueError, TypeError) as error:
        raise CheckError(
            f"{check.file}: great-expectations refuses {check.name}: {error}; mend its type and kwargs"
        ) from error


def _outcome(one: Any) -> Outcome:
    result, error = one.result, _error(one.exception_info)
    return Outcome(
        passed=_passes(one),
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
