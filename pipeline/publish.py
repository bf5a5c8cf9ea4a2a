"""Write, audit, publish: from staged tables to a warehouse, pictures and a site.

Nights whose critical checks fail stay staged and are named; what was published before stays published.
"""

import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from pipeline import (
    charts,
    checks,
    expiry,
    ledger,
    progress,
    quality,
    releases,
    renewal,
    site,
    tables,
    warehouse,
    warehouse_increment,
)
from pipeline import dictionary as dictionaries
from pipeline.dictionary import markdown
from pipeline.errors import TokenclockError
from pipeline.imports import published
from pipeline.layout import Layout
from pipeline.releases import Release
from pipeline.tables import changes


class NothingToPublishError(TokenclockError):
    """Every staged night fails a critical check; the message names night and check."""


@dataclass(frozen=True)
class Published:
    """What a publication holds: rows by table, nights in it, nights held back with the reason, recent changes.

    `releases`: those in it, and those held back, with the checks that they fail.
    """

    rows: dict[str, int]
    nights: list[date]
    held: dict[date, list[str]]
    changed: list[str]
    releases: dict[str, list[str]]


def build_night(layout: Layout, night: date) -> dict[str, int]:
    """Compute all tables of a night from its traces; return rows by table.

    Of a night whose raw reads expired: the tables that it has, which stay as they are.
    """
    rows = {}
    every = tables.tables()
    if expiry.of(layout.traces, night):
        every = {name: table for name, table in every.items() if layout.table(name, night).exists()}
    for done, (name, table) in enumerate(every.items()):
        progress.tell(progress.Step("tables", done, len(every), name))
        rows[name] = tables.build(layout, table, night).height
    progress.tell(progress.Step("tables", len(every), len(every), "done"))
    return rows


def build_releases(layout: Layout, *, again: bool = False) -> dict[str, int]:
    """Compute the tables of each release that lacks some, or `again` of all; return rows by release."""
    rows = {}
    for one in releases.carried(layout):
        if again or not one.is_built:
            rows[one.name] = sum(sum(build_night(one.layout, night).values()) for night in one.nights)
    return rows


def _audits(one: Release) -> list[checks.Audit]:
    return [audit for night in one.nights for audit in checks.ensure(one.layout, night)]


def released(layout: Layout) -> tuple[dict[str, warehouse.Extra], dict[str, list[str]]]:
    """The tables of all releases that are built and pass, and what every built release fails."""
    built = {one.name: (one, _audits(one)) for one in releases.carried(layout) if one.is_built}
    failed = {name: [check.name for check in checks.blocking(audits)] for name, (_, audits) in built.items()}
    good = [one for name, (one, _) in built.items() if not failed[name]]
    column, known = {"release": releases.NAME}, tables.tables()
    extras = {
        f"released_{name}": warehouse.Extra(
            f"Releases: {known[name].title}", releases.frame(good, name), {**column, **known[name].columns}
        )
        for name in releases.SHOWN
    }
    found = [
        checks.frame(audits).select(pl.lit(name).alias("release"), pl.all()) for name, (_, audits) in built.items()
    ]
    nothing = checks.frame([]).select(pl.lit(None, pl.String).alias("release"), pl.all())
    extras["released_check_results"] = warehouse.Extra(
        "Releases: One row a night and check: what the audit found",
        pl.concat([nothing, *found]),
        {**column, **checks.COMMENTS},
    )
    return extras, failed


def publish_warehouse(layout: Layout) -> Published:
    """Audit every staged night that has changed, then publish those without a critical failure."""
    staged = tables.nights(layout)
    refused = renewal.renew(layout, sorted(set(staged) - warehouse_increment.settled(layout, staged)))
    audits, held = [], {night: [why] for night, why in refused.items()}
    for done, night in enumerate(staged):
        if night in held:
            continue
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
    shown, releases_failed = released(layout)
    extras = beside(layout, nights, audits, shown)
    changed = [changes.sentence(row) for row in extras["changes"].frame.filter("is_recent").to_dicts()]
    return Published(warehouse.publish(layout, nights, extras), nights, held, changed, releases_failed)


def beside(
    layout: Layout, nights: list[date], audits: list[checks.Audit], shown: dict[str, warehouse.Extra]
) -> dict[str, warehouse.Extra]:
    """What the warehouse holds beside the tables of these nights; `shown` are the tables of the releases."""
    return {
        **shown,
        **extra_tables(changes.build(summaries(layout, nights)), audits, ledger.read(layout.traces)),
    }


def extra_tables(
    found: pl.DataFrame, audits: list[checks.Audit], lines: list[ledger.Line]
) -> dict[str, warehouse.Extra]:
    """The tables of the warehouse that are not derived night by night; `found` are the changes of level."""
    return {
        "changes": warehouse.Extra(changes.TITLE, found, changes.COLUMNS),
        "published_figures": warehouse.Extra(
            "One row a figure that somebody else published, with its source",
            published.load(),
            published.COMMENTS,
        ),
        "check_results": warehouse.Extra(
            "One row a night and check: what the audit found",
            checks.frame(audits),
            checks.COMMENTS,
        ),
        "ledger": warehouse.Extra(ledger.TITLE, ledger.frame(lines), ledger.COLUMNS),
    }


def summaries(layout: Layout, nights: list[date]) -> pl.DataFrame:
    """The summaries of many nights, in the columns of today."""
    nothing = tables.empty("summary")
    staged = [pl.read_parquet(layout.table("summary", night)) for night in nights[-changes.LATEST_NIGHTS :]]
    return pl.concat([nothing, *staged], how="diagonal")


def _refusal(held: dict[date, list[str]]) -> str:
    reasons = "; ".join(f"{night}: {', '.join(names)}" for night, names in held.items())
    return (
        f"no night can be published ({reasons}). They stay staged in data/tables; see data/audits for the rows "
        "that fail critical checks. What was published before stays"
    )


def dictionary() -> str:
    """The data dictionary as Markdown, of a warehouse without a night: it is the same everywhere."""
    with tempfile.TemporaryDirectory(prefix="tokenclock-") as folder:
        layout = Layout(Path(folder) / "data", Path(folder) / "site")
        warehouse.publish(layout, [], beside(layout, [], [], released(layout)[0]))
        with warehouse.connect(layout) as con:
            return markdown.text(dictionaries.read(con))


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
