"""Checks of tables, as asset checks: one a line of a suite."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from pipeline import checks, quality, tables
from pipeline.assets.shown import markdown, night_of
from pipeline.layout import Layout


def checked_tables() -> list[str]:
    """Tables that have a suite."""
    return sorted({check.table for check in checks.specs()})


def table_checks(name: str) -> dg.AssetChecksDefinition:
    """The checks of one table: one a line of its suite, critical ones block what is downstream."""
    of_table = [check for check in checks.specs() if check.table == name]

    @dg.multi_asset_check(
        name=f"{name}_checks",
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=name,
                description=check.notes,
                blocking=check.severity == "critical",
                metadata={"severity": check.severity},
            )
            for check in of_table
        ],
    )
    def audit(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        layout = Layout.from_environment()
        night = night_of(context) if context.has_partition_key else tables.nights(layout)[-1]
        found = checks.audit(layout, name, night)
        if checks.blocking([found]):
            quality.publish(
                layout
            )  # what follows is skipped, and the page is where its reader looks for the reason
        for result in found.results:
            yield dg.AssetCheckResult(
                check_name=result.name,
                asset_key=name,
                passed=result.passed,
                severity=dg.AssetCheckSeverity.ERROR
                if result.severity == "critical"
                else dg.AssetCheckSeverity.WARN,
                description=result.notes,
                metadata=_check_metadata(layout, night, result),
            )

    return audit


def _check_metadata(layout: Layout, night: date, result: checks.Result) -> dict[str, Any]:
    """What came of a check: of one that failed the first rows, and how to get the others."""
    told: dict[str, Any] = {
        "severity": result.severity,
        "failing rows": result.unexpected_count if result.unexpected_count is not None else "—",
    }
    if result.error:
        told["error"] = result.error
    if result.passed:
        return told
    if result.observed is not None:
        told["found"] = str(result.observed)
    if result.sample:
        sample = pl.DataFrame(result.sample, infer_schema_length=None, strict=False)
        told["first rows"] = dg.MetadataValue.md(markdown(sample))
    told["all rows"] = _sql(checks.failing_rows(layout, result, night, is_held=True))
    if result.severity != "critical":
        told["all rows, once published"] = _sql(checks.failing_rows(layout, result, night, is_held=False))
    return told


def _sql(query: str) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"```sql\n{query}\n```")
