"""What is published: figures of others, releases, the warehouse with its checks, charts, the site."""

import base64
import json
from pathlib import Path
from typing import Any

import dagster as dg

from pipeline import charts, publish, releases, tables
from pipeline.assets.shown import FRESH, OWNERS, described, shape
from pipeline.collect import night as nights
from pipeline.errors import TokenclockError
from pipeline.imports import published
from pipeline.layout import Layout
from pipeline.sensors import HELD
from pipeline.tables import changes


@dg.asset(
    group_name="publication",
    description="Figures that others published, with their sources: the comparison that started this.",
    owners=OWNERS,
    kinds={"csv"},
    metadata={"dagster/column_schema": described(published.COMMENTS)},
)
def published_figures() -> dg.MaterializeResult[Any]:
    """Read and validate the figures that the package carries."""
    return dg.MaterializeResult(metadata=shape(published.load(), published.COMMENTS))


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
