"""The Dagster skin: each asset calls one function of the modules below and shows what came of it."""

import base64
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from pipeline import (
    charts,
    checks,
    elsewhere,
    expiry,
    inbox,
    plan,
    progress,
    publish,
    quality,
    releases,
    tables,
    trace,
)
from pipeline.collect import night as nights
from pipeline.collect.environment import environment
from pipeline.collect.remote.line import LineCutError
from pipeline.errors import TokenclockError
from pipeline.imports import published
from pipeline.layout import Layout
from pipeline.plan import Plan
from pipeline.sensors import HELD
from pipeline.tables import changes

FIRST_NIGHT = "2026-11-01"
NIGHTLY = dg.DailyPartitionsDefinition(start_date=FIRST_NIGHT, end_offset=1)
OWNERS = ["team:tokenclock"]
PREVIEW_ROWS = 5
FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=30), fail_window=timedelta(hours=48))
"""A night comes every day: one that is missing warns, two are a failure."""
INTERRUPTED = "interrupted; finished requests are kept, and the next run goes on from there"
RETRY_S = 10  # before a night that failed for now is tried again
POOL = "collect"
"""Of one place: collections on this instance take turns. Those outside of Dagster, a file lock holds apart."""
WAIT_S = 6 * 3600.0  # for another collection to end; what waits too long is not tonight any more


def traces_key(target: str) -> dg.AssetKey:
    """The asset of one target's traces."""
    return dg.AssetKey(["traces", target.replace("-", "_")])


def night_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> date:
    """The partition, as a date."""
    return date.fromisoformat(context.partition_key)


# ------------------------------------------------------------------ traces


def traces(this: Plan, host: str | None = None) -> dg.AssetsDefinition:
    """One asset a target that runs on a host, or here. All share a step, so that they take turns in each round."""
    of_key = {traces_key(name): name for name, one in this.targets.items() if one.host == host}

    @dg.multi_asset(
        name=f"collect_on_{host.replace('-', '_')}" if host else "collect",
        specs=[_traces_spec(this, name) for name in of_key.values()],
        can_subset=True,
        partitions_def=NIGHTLY,
        pool=POOL,
        retry_policy=dg.RetryPolicy(max_retries=2, delay=RETRY_S),
    )
    def collect(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        """Record tonight's runs of the selected targets."""
        night, layout = night_of(context), Layout.from_environment()
        keys = {of_key[key]: key for key in sorted(context.selected_asset_keys)}
        collection, seen = nights.Collection(this, layout, night, environment(), wait_s=WAIT_S), elsewhere.Seen()
        try:
            with progress.listening(_log_and_pass_on(context)):
                if host is None:
                    recorded = nights.collect(collection, list(keys))
                else:
                    recorded, seen = elsewhere.collect(context, collection, host, keys)
        except LineCutError as error:
            raise dg.RetryRequested(max_retries=2, seconds_to_wait=RETRY_S) from error
        except TokenclockError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError) as error:
            # Dagster would retry an interrupted step by its policy; whoever interrupts wants it to end.
            raise dg.Failure(INTERRUPTED, allow_retries=False) from error
        failed = [one for one in recorded if one.outcome == "failed"]
        if failed and context.retry_number < 2:
            raise dg.RetryRequested(max_retries=2, seconds_to_wait=RETRY_S) from RuntimeError(failed[0].error)
        for name, key in keys.items():
            runs = [one for one in recorded if one.target.name == name]
            about = {**seen.get(name, {}), **_traces_metadata(layout, night, name, runs)}
            yield dg.MaterializeResult(key, metadata=about)

    return collect


def _traces_spec(this: Plan, name: str) -> dg.AssetSpec:
    one = this.targets[name]
    today = nights.tonight()
    reason = plan.skip_reason(this, name, today, environment())
    state = f"\n\n**Skipped**: {reason}." if reason else "\n\nEnabled."
    return dg.AssetSpec(
        traces_key(name),
        group_name="traces",
        description=f"Raw streams of {one.title}, {this.models[one.model].title}: bytes and nanoseconds.{state}",
        owners=OWNERS,
        kinds={"parquet", "openvino" if one.engine else "http"},
        tags={"family": this.models[one.model].family, "provider": one.provider},
        metadata={
            "target": name,
            "model_id": one.model_id,
            "host": one.host or "here",
            "enabled": reason is None,
            "reason": reason or "—",
        },
        freshness_policy=None if reason else FRESH,
    )


def _log_and_pass_on(context: dg.AssetExecutionContext) -> progress.Listener:
    """Log each new text, and pass every step on to who listens already."""
    texts: set[str] = set()

    def listen(step: progress.Step) -> None:
        outer(step)
        if step.text not in texts:
            texts.add(step.text)
            context.log.info(f"{step.text} ({step.done} of {step.total} {step.phase} done)")

    outer = progress.current()
    return listen


def _traces_metadata(layout: Layout, night: date, name: str, runs: list[trace.Manifest]) -> dict[str, Any]:
    folder = layout.traces / f"night={night}" / f"target={name}"
    errors = sorted({one.error for one in runs if one.error})
    return {
        "dagster/row_count": sum(one.requests_recorded for one in runs),
        "runs": len(runs),
        "failed runs": sum(one.outcome in ("failed", "refused") for one in runs),
        "rounds": sorted({one.round for one in runs}),
        "folder": dg.MetadataValue.path(folder),
        "errors": dg.MetadataValue.md("\n\n".join(f"```\n{error}\n```" for error in errors) or "none"),
    }


@dg.asset(
    group_name="traces",
    partitions_def=NIGHTLY,
    description="Results of collections elsewhere from the inbox: verified, then part of the night's traces.",
    owners=OWNERS,
    kinds={"parquet"},
)
def received(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Open the night's letters. A refused one is put aside and told; it holds nobody up."""
    night, layout = night_of(context), Layout.from_environment()
    waiting = inbox.waiting(layout, settled=True)
    opened = [inbox.open_letter(layout, path) for path in waiting if inbox.night_of(path) == night]
    refused = [f"{one.path}: {one.refused}" for one in opened if one.refused]
    for reason in refused:
        context.log.error(reason)
    if refused and not trace.manifests(layout.traces, night):
        raise dg.Failure("\n".join(refused), allow_retries=False)
    return dg.MaterializeResult(
        metadata={
            "new runs": dg.MetadataValue.json([run for one in opened for run in one.runs]),
            "files": dg.MetadataValue.json([str(one.path) for one in opened]),
            "refused": dg.MetadataValue.md("\n".join(f"* {reason}" for reason in refused) or "none"),
        }
    )


# ------------------------------------------------------------------ tables


def table(this: Plan, one: tables.Table) -> dg.AssetsDefinition:
    """One derived table."""
    upstream = {name: [name] for name in one.inputs if name != tables.TRACE}
    recorded = [received.key, *map(traces_key, this.targets)] if tables.TRACE in one.inputs else []

    @dg.asset(
        name=one.name,
        deps=[*recorded, *upstream],
        group_name="tables",
        partitions_def=NIGHTLY,
        description=one.title,
        owners=OWNERS,
        kinds={"polars", "parquet"},
        tags={"grain": _grain(one.columns)},
        freshness_policy=FRESH,
        metadata={"dagster/column_schema": _described(one.columns)},
    )
    def build(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        night, layout = night_of(context), Layout.from_environment()
        try:
            built = tables.build(layout, one, night)
        except TokenclockError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        if gone := expiry.of(layout.traces, night):
            context.log.warning(f"{one.name} of {night} is kept as it was built, {gone.said}")
        path = layout.table(one.name, night)
        return dg.MaterializeResult(
            metadata={**_shape(built.first, one.columns, built.height), "file": dg.MetadataValue.path(path)}
        )

    return build


def _grain(columns: Any) -> str:
    """What a row of a table is about, to select assets by."""
    return next((name for name in ("event", "request", "run") if f"{name}_id" in columns), "target")


def _described(columns: Any) -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(name, description=text) for name, text in columns.items()])


def _shape(frame: pl.DataFrame, columns: Any, rows: int | None = None) -> dict[str, Any]:
    """Row count, column types and the first rows."""
    schema = [dg.TableColumn(name, str(kind), columns[name]) for name, kind in frame.schema.items()]
    return {
        "dagster/row_count": frame.height if rows is None else rows,
        "dagster/column_schema": dg.TableSchema(columns=schema),
        "first rows": dg.MetadataValue.md(_markdown(frame.head(PREVIEW_ROWS))),
    }


def _markdown(frame: pl.DataFrame) -> str:
    head = f"| {' | '.join(frame.columns)} |\n|{'---|' * frame.width}"
    rows = ("| " + " | ".join(_cell(value) for value in row) + " |" for row in frame.iter_rows())
    return "\n".join([head, *rows])


def _cell(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")[:80]


# ------------------------------------------------------------------ checks


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
        told["first rows"] = dg.MetadataValue.md(_markdown(sample))
    told["all rows"] = _sql(checks.failing_rows(layout, result, night, is_held=True))
    if result.severity != "critical":
        told["all rows, once published"] = _sql(checks.failing_rows(layout, result, night, is_held=False))
    return told


def _sql(query: str) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(f"```sql\n{query}\n```")


# ------------------------------------------------------------------ publication


@dg.asset(
    group_name="publication",
    description="Figures that others published, with their sources: the comparison that started this.",
    owners=OWNERS,
    kinds={"csv"},
    metadata={"dagster/column_schema": _described(published.COMMENTS)},
)
def published_figures() -> dg.MaterializeResult[Any]:
    """Read and validate the figures that the package carries."""
    return dg.MaterializeResult(metadata=_shape(published.load(), published.COMMENTS))


@dg.asset(
    name="releases",
    group_name="publication",
    description="Traces measured elsewhere, on a stated date, and carried along: their tables, computed here.",
    owners=OWNERS,
    kinds={"polars", "parquet"},
)
def released() -> dg.MaterializeResult[Any]:
    """Compute the tables of releases that are new; those that are there stay."""
    layout = Layout.from_environment()
    built = publish.build_releases(layout)
    found = {one.name: [str(night) for night in one.nights] for one in releases.carried(layout)}
    return dg.MaterializeResult(
        metadata={"releases": dg.MetadataValue.json(found), "rows built now": dg.MetadataValue.json(built)}
    )


@dg.asset(
    deps=[published_figures, released, *tables.tables()],
    group_name="publication",
    description="The DuckDB file that analysts open: audited nights, commented columns, one atomic rename.",
    owners=OWNERS,
    kinds={"duckdb"},
    freshness_policy=FRESH,
)
def warehouse(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Audit what has changed and publish every night that passes."""
    layout = Layout.from_environment()
    try:
        done = publish.publish_warehouse(layout)
    except TokenclockError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for night, names in done.held.items():
        context.log.warning(f"night {night} is held back: {', '.join(names)}")
    return dg.MaterializeResult(
        metadata={
            "file": dg.MetadataValue.path(layout.warehouse),
            "dagster/row_count": sum(done.rows.values()),
            "rows by table": dg.MetadataValue.json(done.rows),
            "nights": len(done.nights),
            "recent changes": dg.MetadataValue.md("\n".join(f"* {one}" for one in done.changed) or "none"),
            "releases": dg.MetadataValue.json(
                {name: failed or "published" for name, failed in done.releases.items()}
            ),
            HELD: dg.MetadataValue.json({str(night): names for night, names in done.held.items()}),
        }
    )


@dg.asset_check(asset=warehouse, description=f"No level of a target changed lately. {changes.TITLE}.")
def levels_are_steady() -> dg.AssetCheckResult:
    """Warn of each recent change with before, after, interval and night."""
    found = publish.recent_changes(Layout.from_environment())
    return dg.AssetCheckResult(
        passed=found.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(changes.sentence(row) for row in found.to_dicts()) or "every level is steady",
        metadata={"changes": dg.MetadataValue.json(json.loads(found.write_json()))},
    )


@dg.asset_check(
    asset=warehouse, description="Every target that the plan enables was recorded in the last two nights."
)
def targets_are_fresh() -> dg.AssetCheckResult:
    """Warn of each target whose latest figure is an old one."""
    found = publish.stale_targets(Layout.from_environment(), nights.tonight())
    return dg.AssetCheckResult(
        passed=found.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        description=", ".join(f"{one} (last: {when or 'never'})" for one, when in found.iter_rows())
        or "every enabled target is fresh",
        metadata={"stale targets": dg.MetadataValue.json(json.loads(found.write_json()))},
    )


def chart(one: charts.Chart) -> dg.AssetsDefinition:
    """One chart: SVG, PNG and Vega-Lite, drawn from the warehouse alone."""

    @dg.asset(
        key=["charts", one.name],
        deps=[warehouse],
        group_name="charts",
        description=f"{one.title}. {one.description}",
        owners=OWNERS,
        kinds={"altair", "svg"},
        freshness_policy=FRESH,
    )
    def draw() -> dg.MaterializeResult[Any]:
        layout = Layout.from_environment()
        files = publish.draw(layout, one)
        return dg.MaterializeResult(
            metadata={
                "preview": dg.MetadataValue.md(_picture(layout.charts / f"{one.name}.png", one.title)),
                **{Path(path).suffix.lstrip("."): dg.MetadataValue.path(path) for path in files.values()},
            }
        )

    return draw


def _picture(png: Path, title: str) -> str:
    return f"![{title}](data:image/png;base64,{base64.b64encode(png.read_bytes()).decode()})"


def site(drawn: list[charts.Chart]) -> dg.AssetsDefinition:
    """The static site."""

    @dg.asset(
        name="site",
        deps=[["charts", one.name] for one in drawn],
        group_name="publication",
        description="One page, readable offline: charts, tables, definitions, downloads.",
        owners=OWNERS,
        kinds={"html"},
        freshness_policy=FRESH,
    )
    def write() -> dg.MaterializeResult[Any]:
        layout = Layout.from_environment()
        page = publish.publish_page(layout)
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.path(page),
                "open": dg.MetadataValue.url(page.as_uri()),
                "data quality": dg.MetadataValue.url(page.with_name("quality.html").as_uri()),
                "bytes": page.stat().st_size,
            }
        )

    return write
