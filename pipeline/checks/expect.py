"""Running a suite: the one place that knows great-expectations."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
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


def run(suite: Suite, tables: Mapping[str, Path], folder: Path) -> dict[str, Outcome]:
    """Evaluate a suite; return the outcome of each check, by name.

    `tables` are the Parquet files that its queries may name, its own table among them; they are read where
    they lie. `folder` is an empty one, for a DuckDB file that holds nothing but views.
    """
    database = folder / "night.duckdb"
    with closing(duckdb.connect(database)) as connection:
        for name, path in tables.items():
            _view(connection, name, path)
    found = dict(_evaluate(suite, database))
    return {check.name: _with_query(check, found.get(check.name, _UNANSWERED)) for check in suite.checks}


def _with_query(check: Check, found: Outcome) -> Outcome:
    return replace(found, query=None if found.passed else rows.query(check, found.query))


def _view(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    try:
        connection.read_parquet(str(path), hive_partitioning=False).create_view(name)
    except duckdb.Error as error:
        raise AuditError(f"{path}: not a readable Parquet file ({error}); build {name} again") from error


def _evaluate(suite: Suite, database: Path) -> Iterator[tuple[str, Outcome]]:
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql("night", connection_string=f"{URL}:///{database}")
    asset = source.add_table_asset(suite.table, table_name=suite.table)
    batch = asset.add_batch_definition_whole_table("night").get_batch()
    try:
        for kind, result_format in _formats(suite).items():
            expectations = _expectations(gx, suite, [one for one in suite.checks if one.kind == kind])
            answer = batch.validate(expectations, result_format=result_format)
            for one in answer.results:
                yield one.expectation_config.id, _outcome(one)
    finally:
        source.get_engine().dispose()


def _great_expectations() -> Any:
    """Import it: no analytics, no deprecations of what it imports in turn, no log of what it returns anyway."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: PLC0415  # takes seconds, so only where checks run
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    registry.register(URL.replace("+", "."), "pipeline.checks.dialect", "Audit")
    return great_expectations


def _formats(suite: Suite) -> dict[str, Any]:
    """How much great-expectations tells of a failure: for rules rows, else key and value, a few of each."""
    few = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": SAMPLE_ROWS,
        "return_unexpected_index_query": True,
    }
    return {
        "expectation": {**few, "unexpected_index_column_names": list(suite.key)},
        "rule": {"result_format": "COMPLETE"},
    }


def _expectations(gx: Any, suite: Suite, checks: list[Check]) -> Any:
    """The suite as great-expectations has it. It drops with a log line what it cannot use, so ask it first."""
    for check in checks:
        _refuse_unusable(gx, check)
    return gx.ExpectationSuite(name=suite.table, expectations=[dict(check.config) for check in checks])


def _refuse_unusable(gx: Any, check: Check) -> None:
    try:
        gx.expectations.expectation_configuration.ExpectationConfiguration(**check.config).to_domain_obj()
    except (gx.exceptions.GreatExpectationsError, ValueError, TypeError) as error:
        raise CheckError(
            f"{check.file}: great-expectations refuses {check.name}: {error}; mend its type and kwargs"
        ) from error


def _outcome(one: Any) -> Outcome:
    result, error = one.result, _error(one.exception_info)
    observed = result.get("observed_value")
    is_rule = "unexpected_rows_query" in one.expectation_config.kwargs
    count = observed if is_rule else result.get("unexpected_count") or (0 if "element_count" in result else None)
    return Outcome(
        passed=bool(one.success) and error is None,
        unexpected_count=count,
        sample=_plain(_rows(one)[:SAMPLE_ROWS]),
        observed=None if is_rule else _plain(observed),
        error=error,
        query=result.get("unexpected_index_query"),
    )


def _rows(one: Any) -> list[dict[str, Any]]:
    """Failing rows: of a rule as it selects them, else key and value, else the values alone."""
    result = one.result
    found = result.get("details", {}).get("unexpected_rows") or result.get("partial_unexpected_index_list")
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
