"""Write, audit, publish: from staged tables to a warehouse, pictures and a site.

Nights whose critical checks fail stay staged and are named; what was published before stays published.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import msgspec
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
    sql,
    stamps,
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
from pipeline.warehouse_increment import Settled


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


def build_night(layout: Layout, night: date, wanted: Mapping[str, tables.Table] | None = None) -> dict[str, int]:
    """Compute all tables of a night from its traces, or those `wanted`; return rows by table.

    Of a night whose raw reads expired: the tables that it has, which stay as they are.
    """
    rows = {}
    every = wanted or tables.tables()
    if expiry.of(layout.traces, night):
        every = {name: table for name, table in every.items() if layout.table(name, night).exists()}
    for done, (name, table) in enumerate(every.items()):
        progress.tell(progress.Step("tables", done, len(every), name))
        rows[name] = tables.build(layout, table, night).height
    progress.tell(progress.Step("tables", len(every), len(every), "done"))
    return rows


def build_releases(layout: Layout, *, again: bool = False) -> dict[str, int]:
    """Compute the tables of each release that lacks some or has others' traces now, or `again` of all.

    Returns rows by release.
    """
    rows = {}
    for one in releases.carried(layout):
        if again or not one.is_built:
            wanted = releases.needed()
            rows[one.name] = sum(sum(build_night(one.layout, night, wanted).values()) for night in one.nights)
            one.stamp()
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
    """Audit every staged night that has changed, then publish those without a critical failure.

    What is published as it is staged, and as its audits stand, is not looked at again: one night more costs the
    same behind any number of them.
    """
    staged = tables.nights(layout)
    stamps.complete(layout, set(staged))
    before = _before(layout, staged)
    fresh = [night for night in staged if night not in before.nights]
    refused = renewal.renew(layout, fresh)
    audits, held = [], {night: [why] for night, why in refused.items()}
    for done, night in enumerate(fresh):
        if night in held:
            continue
        progress.tell(progress.Step("checks", done, len(fresh), str(night)))
        of_night = checks.ensure(layout, night)
        audits += of_night
        if failed := checks.blocking(of_night):
            held[night] = [check.name for check in failed]
    progress.tell(progress.Step("checks", len(fresh), len(fresh), "done"))
    before = _audited(layout, fresh, before)
    nights = [night for night in staged if night not in held]
    if held and not nights:
        quality.publish(layout)  # the one page that shows why
        raise NothingToPublishError(_refusal(held))
    shown, releases_failed = released(layout)
    extras = beside(layout, nights, audits, shown, before)
    changed = [changes.sentence(row) for row in extras["changes"].frame.filter("is_recent").to_dicts()]
    return Published(warehouse.publish(layout, nights, extras, before), nights, held, changed, releases_failed)


def _before(layout: Layout, staged: list[date]) -> Settled:
    """The nights whose tables and audits are published as they are, and what was remembered of the latter."""
    found = warehouse_increment.settled(layout, staged)
    marks, by_checks = checks.marks(layout, found.nights - found.unopened), checks.by_checks()
    of_checks = {
        str(night): mark
        for night in found.nights
        if (mark := found.marks.get("check_results", {}).get(str(night)))
        and (mark.endswith(by_checks) if night in found.unopened else mark == marks.get(night))
    }
    known = frozenset(map(date.fromisoformat, of_checks))
    return replace(found, nights=known, marks={**found.marks, "check_results": of_checks})


def _audited(layout: Layout, fresh: list[date], before: Settled) -> Settled:
    """With the stamps that fresh nights bear now that they are audited."""
    now = stamps.of(layout)
    return replace(before, stamps={**before.stamps, **{night: now[night] for night in fresh if night in now}})


def beside(
    layout: Layout,
    nights: list[date],
    audits: list[checks.Audit],
    shown: dict[str, warehouse.Extra],
    before: Settled = warehouse_increment.NOTHING,
) -> dict[str, warehouse.Extra]:
    """What the warehouse holds beside the tables of these nights; `shown` are the tables of the releases.

    `audits` are those of nights that are not known from `before`.
    """
    found = changes.build(summaries(layout, nights, before.nights))
    return {**shown, **extra_tables(found, _check_results(layout, audits, before), _ledger(layout, before))}


def extra_tables(
    found: pl.DataFrame, check_results: warehouse.Extra, entries: warehouse.Extra
) -> dict[str, warehouse.Extra]:
    """The tables of the warehouse that are not derived night by night; `found` are the changes of level."""
    return {
        "changes": warehouse.Extra(changes.TITLE, found, changes.COLUMNS),
        "published_figures": warehouse.Extra(
            "One row a figure that somebody else published, with its source",
            published.load(),
            published.COMMENTS,
        ),
        "check_results": check_results,
        "ledger": entries,
    }


def check_results(audits: list[checks.Audit]) -> warehouse.Extra:
    """The table of what the checks said."""
    return warehouse.Extra("One row a night and check: what the audit found", checks.frame(audits), checks.COMMENTS)


def _check_results(layout: Layout, audits: list[checks.Audit], before: Settled) -> warehouse.Extra:
    """The same, where what they said of the nights from `before` is published already."""
    known, now = before.marks.get("check_results", {}), checks.marks(layout, {one.night for one in audits})
    earlier = warehouse.Earlier(
        known,
        f"night NOT IN ({', '.join(map(sql.quoted, known))})",
        lambda: checks.frame(one for night in sorted(before.nights) for one in checks.ensure(layout, night)),
    )
    marks = {str(one.night): now[one.night] for one in audits if one.night in now}
    return replace(check_results(audits), earlier=earlier if known else None, marks={**known, **marks})


def ledger_entries(lines: list[ledger.Line]) -> warehouse.Extra:
    """The table of what the ledger holds."""
    return warehouse.Extra(ledger.TITLE, ledger.frame(lines), ledger.COLUMNS)


def _ledger(layout: Layout, before: Settled) -> warehouse.Extra:
    """The same, where its first entries are published: not read again while no byte of them changes."""
    marks = before.marks.get("ledger", {})
    known = msgspec.json.decode(marks["lines"], type=ledger.Known) if marks else None
    lines, now, is_known = ledger.read_on(layout.traces, known)
    remembered = {"lines": msgspec.json.encode(now).decode()}
    if known is None or not is_known:
        return replace(ledger_entries(lines), marks=remembered)
    earlier = warehouse.Earlier(
        marks,
        f"entry > {known.entries}",
        lambda: ledger.frame(ledger.read(layout.traces)[: known.entries]),
    )
    return replace(ledger_entries(lines), earlier=earlier, marks=remembered)


def summaries(layout: Layout, nights: list[date], known: frozenset[date] = frozenset()) -> pl.DataFrame:
    """What changes are looked for in: medians of the latest of these nights; of those `known`, as published."""
    latest = nights[-changes.LATEST_NIGHTS :]
    nothing = tables.empty("summary")
    found = [nothing.select(changes.USES)]
    if published := [night for night in latest if night in known]:
        with warehouse.connect(layout) as con:
            asked = f"SELECT {', '.join(changes.USES)} FROM summary WHERE night IN (SELECT unnest(?))"  # noqa: S608 - names of columns
            found.append(con.sql(asked, params=[published]).pl())
    if paths := [layout.table("summary", night) for night in latest if night not in known]:
        staged = pl.scan_parquet(paths, schema=nothing.schema, missing_columns="insert", extra_columns="ignore")
        found.append(staged.select(changes.USES).collect())
    return pl.concat(found)


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
