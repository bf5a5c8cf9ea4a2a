"""Write, audit, publish: from staged tables to a warehouse, pictures and a site.

Nights whose critical checks fail stay staged and are named; what was published before stays published.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from pipeline import charts, checks, progress, quality, site, tables, warehouse
from pipeline.errors import TokenclockError
from pipeline.imports import published
from pipeline.layout import Layout
from pipeline.tables import changes


class NothingToPublishError(TokenclockError):
    """Every staged night fails a critical check; the message names night and check."""


@dataclass(frozen=True)
class Published:
    """What a publication holds: rows by table, nights in it, nights held back with the reason, recent changes."""

    rows: dict[str, int]
    nights: list[date]
    held: dict[date, list[str]]
    changed: list[str]


def build_night(layout: Layout, night: date) -> dict[str, int]:
    """Compute all tables of a night from its traces; return rows by table."""
    rows = {}
    every = tables.tables()
    for done, (name, table) in enumerate(every.items()):
        progress.tell(progress.Step("tables", done, len(every), name))
        rows[name] = tables.build(layout, table, night).height
    progress.tell(progress.Step("tables", len(every), len(every), "done"))
    return rows


def publish_warehouse(layout: Layout) -> Published:
    """Audit every staged night that has changed, then publish those without a critical failure."""
    staged = tables.nights(layout)
    audits, held = [], {}
    for done, night in enumerate(staged):
        progress.tell(progress.Step("checks", done, len(staged), str(night)))
        of_night = checks.ensure(layout, night)
        audits += of_night
        if failed := checks.blocking(of_night):
            held[night] = [check.name for check in failed]
    progress.tell(progress.Step("checks", len(staged), len(staged), "done"))
    nights = [night for night in staged if night not in held]
    if held and not nights:
        quality.publish(layout)  # the one page that shows why
        raise NothingToPublishError(_refusal(held))
    found = changes.build(_summaries(layout, nights))
    extras = {
        "changes": warehouse.Extra(changes.TITLE, found, changes.COLUMNS),
        "published_figures": warehouse.Extra(
            "One row a figure that somebody else published, with its source", published.load(), published.COMMENTS
        ),
        "check_results": warehouse.Extra(
            "One row a night and check: what the audit found", checks.frame(audits), checks.COMMENTS
        ),
    }
    changed = [changes.sentence(row) for row in found.filter("is_recent").to_dicts()]
    return Published(warehouse.publish(layout, nights, extras), nights, held, changed)


def _summaries(layout: Layout, nights: list[date]) -> pl.DataFrame:
    """The summaries of many nights, in the columns of today."""
    nothing = tables.empty("summary")
    staged = [pl.read_parquet(layout.table("summary", night)) for night in nights[-changes.LATEST_NIGHTS :]]
    return pl.concat([nothing, *staged], how="diagonal")


def _refusal(held: dict[date, list[str]]) -> str:
    reasons = "; ".join(f"{night}: {', '.join(names)}" for night, names in held.items())
    return (
        f"no night passed its critical checks ({reasons}). They stay staged in data/tables; see data/audits for "
        "the failing rows. What was published before stays"
    )


def recent_changes(layout: Layout) -> pl.DataFrame:
    """The changes in the published warehouse that are news."""
    with warehouse.connect(layout) as con:
        found: pl.DataFrame = con.sql("SELECT * FROM changes WHERE is_recent ORDER BY ALL").pl()
    return found


def stale_targets(layout: Layout, today: date) -> pl.DataFrame:
    """Targets that the latest census enables and the last two nights did not record, with their last night."""
    with warehouse.connect(layout) as con:
        found: pl.DataFrame = con.sql(
            "SELECT target, last_recorded FROM target_freshness WHERE is_enabled ORDER BY target"
        ).pl()
    fresh = pl.col("last_recorded") >= today - timedelta(days=1)
    return found.filter(~fresh.fill_null(value=False))


def draw(layout: Layout, chart: charts.Chart) -> dict[str, Path]:
    """Draw one chart from the warehouse; return its files by kind."""
    with warehouse.connect(layout) as con:
        return charts.render(chart, con, layout)


def publish_page(layout: Layout) -> Path:
    """Write the site from the warehouse, and the data-quality page beside it; return its first page."""
    quality.publish(layout)
    with warehouse.connect(layout) as con:
        return site.publish(layout, con)


def publish_site(layout: Layout) -> Path:
    """Draw every chart and write the site."""
    drawn = charts.charts()
    for done, chart in enumerate(drawn):
        progress.tell(progress.Step("charts", done, len(drawn), chart.name))
        draw(layout, chart)
    progress.tell(progress.Step("charts", len(drawn), len(drawn), "done"))
    return publish_page(layout)
