"""What is published against what the staged tables give: the warehouse's rows, every chart, the site's files."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipeline import charts, checks, ledger, publish, site, tables, warehouse
from pipeline.layout import Layout
from pipeline.provenance.verify.difference import ABSENT, KEYS, Cell, Difference, first, first_in_json, shown
from pipeline.provenance.verify.work import Work
from pipeline.tables import changes

CATALOG = {
    "tables and views": "SELECT table_name, table_type FROM information_schema.tables ORDER BY ALL",
    "columns": """SELECT table_name, column_name, data_type, comment FROM duckdb_columns()
                  WHERE NOT internal ORDER BY ALL""",
    "views": "SELECT view_name, sql, comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
    "macros": """SELECT function_name, macro_definition FROM duckdb_functions()
                 WHERE NOT internal AND function_type LIKE '%macro' ORDER BY ALL""",
}


def warehouse_again(this: Work, *, with_checks: bool) -> Layout:
    """A warehouse of the nights that the published one holds, from the staged tables, in the workplace."""
    again = Layout(data=this.workplace / "published", site=this.workplace / "site")
    again.data.mkdir()
    again.tables.symlink_to(this.layout.tables, target_is_directory=True)
    again.traces.symlink_to(this.layout.traces, target_is_directory=True)
    if not with_checks and (this.layout.data / "audits").exists():
        (again.data / "audits").symlink_to(this.layout.data / "audits", target_is_directory=True)
    with warehouse.connect(this.layout) as con:
        nights, audited, entries = _nights(con), _audited(con), _entries(con)
    staged = [night for night in nights if again.table("summary", night).exists()]
    audits = [one for night in audited for one in _audits(again, night, with_checks=with_checks)]
    lines = ledger.read(this.layout.traces)[:entries]
    found = changes.build(publish.summaries(again, staged))
    shown, _ = publish.released(this.layout)
    beside = publish.extra_tables(found, publish.check_results(audits), publish.ledger_entries(lines))
    warehouse.publish(again, staged, {**shown, **beside})
    left_out = sorted(set(tables.nights(this.layout)) - set(nights))
    if left_out:
        this.notes.append(f"staged and not in the warehouse: {', '.join(map(str, left_out))}")
    return again


def _nights(con: duckdb.DuckDBPyConnection) -> list[date]:
    """The nights of a warehouse."""
    known = {
        name for (name,) in con.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'").fetchall()
    }
    dated = [name for name, one in tables.tables().items() if "night" in one.columns and name in known]
    union = " UNION ".join(f'SELECT night FROM "{name}"' for name in dated)  # noqa: S608 - our own tables' names
    return [night for (night,) in con.sql(f"SELECT night FROM ({union}) ORDER BY night").fetchall()]  # noqa: S608


def _audited(con: duckdb.DuckDBPyConnection) -> list[date]:
    return [night for (night,) in con.sql("SELECT DISTINCT night FROM check_results ORDER BY night").fetchall()]


def _entries(con: duckdb.DuckDBPyConnection) -> int:
    """How long the ledger was when it was published; a warehouse from before there was one has none."""
    has = con.sql("SELECT 1 FROM duckdb_tables() WHERE table_name = 'ledger'").fetchall()
    [[count]] = con.sql("SELECT count(*) FROM ledger").fetchall() if has else [[0]]
    return int(count)


def _audits(layout: Layout, night: date, *, with_checks: bool) -> list[checks.Audit]:
    """What the checks said of a night; with `with_checks` they are run anew."""
    names = sorted({check.table for check in checks.specs() if layout.table(check.table, night).exists()})
    if with_checks:
        return [checks.audit(layout, name, night) for name in names]
    return [one for name in names if (one := checks.read_audit(layout, name, night))]


def warehouse_differences(this: Work, again: Layout) -> Iterator[Difference]:
    """The first cell of each table, and of the catalogue, that is not what the staged tables give."""
    with warehouse.connect(this.layout) as con, warehouse.connect(again) as expected:
        for name, query in CATALOG.items():
            if found := first(_catalog(con, query), _catalog(expected, query)):
                yield _in_warehouse(this, name, found)
        known = [
            {
                name
                for (name,) in one.sql(
                    "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"
                ).fetchall()
            }
            for one in (con, expected)
        ]
        for name in sorted(known[0] & known[1], key=lambda name: (name != "ledger", name)):
            query = f'SELECT * FROM "{name}"'  # noqa: S608 - a name from the catalogue
            mine, yours = con.sql(query).pl(), expected.sql(query).pl()
            this.count("rows of the warehouse", mine.height)
            if found := _first_of_rows(mine, yours):
                yield _in_warehouse(this, name, found)


def _first_of_rows(mine: pl.DataFrame, yours: pl.DataFrame) -> Cell | None:
    """The first cell that differs, whatever the order of rows: a night computed anew comes behind the others."""
    found = first(mine, yours)
    if found is None or mine.schema != yours.schema:
        return found
    flat = [name for name, kind in yours.schema.items() if not kind.is_nested()]
    by = sorted(flat, key=lambda name: name not in KEYS)  # what names a row first: a changed value moves none
    return first(mine.sort(by, maintain_order=True), yours.sort(by, maintain_order=True))


def _catalog(con: duckdb.DuckDBPyConnection, query: str) -> pl.DataFrame:
    """A part of the catalogue. DuckDB keeps the names in EXCLUDE as a set: their order says nothing."""
    rows: pl.DataFrame = con.sql(query).pl()
    if "sql" not in rows.columns:
        return rows
    sorted_ = [re.sub(r"EXCLUDE \(([^)]*)\)", _in_order, sql) for sql in rows["sql"]]
    return rows.with_columns(sql=pl.Series(sorted_, dtype=pl.String))


def _in_order(found: re.Match[str]) -> str:
    return f"EXCLUDE ({', '.join(sorted(found[1].split(', ')))})"


def _in_warehouse(this: Work, table: str, cell: Cell) -> Difference:
    name = this.layout.warehouse.name
    return Difference("warehouse", name, cell.published, cell.recomputed, table, cell.row, cell.column)


def chart_differences(this: Work, again: Layout) -> Iterator[Difference]:
    """Each file of each chart against the chart drawn anew."""
    with warehouse.connect(again) as con:
        for chart in charts.charts():
            this.count("charts redrawn")
            for path in charts.render(chart, con, again).values():
                if found := _file(this.layout, again, path, "charts"):
                    yield found


def site_differences(this: Work, again: Layout) -> Iterator[Difference]:
    """The page and each download against those written anew."""
    beside = Layout(data=this.layout.data, site=again.site)  # the page offers the very file that is published
    with warehouse.connect(again) as con:
        site.publish(beside, con)
    for path in sorted([again.site / "index.html", *(again.site / "downloads").iterdir()]):
        this.count("files of the site")
        if found := _file(this.layout, again, path, "site"):
            yield found
    for folder in ("charts", "downloads"):
        for path in sorted((this.layout.site / folder).glob("*")):
            if not (again.site / folder / path.name).exists():
                this.notes.append(f"site/{folder}/{path.name}: a file that nothing writes any more")


def _file(layout: Layout, again: Layout, path: Path, stage: Any) -> Difference | None:
    """A file as published against the one just made."""
    name = path.relative_to(again.site)
    mine = layout.site / name
    file = f"site/{name.as_posix()}"
    if not mine.exists():
        return Difference(stage, file, "the file is gone", f"{path.stat().st_size} bytes")
    if mine.read_bytes() == path.read_bytes():
        return None
    cell = _cell(mine, path)
    return Difference(stage, file, cell.published, cell.recomputed, None, cell.row, cell.column)


def _cell(mine: Path, yours: Path) -> Cell:
    """Where two files differ first, in the terms of their format."""
    found = None
    try:
        if mine.suffix == ".parquet":
            found = first(pl.read_parquet(mine), pl.read_parquet(yours))
        elif mine.suffix == ".json":
            found = first_in_json(_vega(mine), _vega(yours))
    except (ValueError, pl.exceptions.PolarsError) as error:
        return Cell(None, None, f"cannot be read ({error})", "a file that can")
    return found or _bytes(mine.read_bytes(), yours.read_bytes())


def _vega(path: Path) -> Any:
    """A chart with its datasets numbered as they are used: their names are hashes of the data."""
    text = path.read_text("utf-8")
    for number, name in enumerate(dict.fromkeys(re.findall(r'"name": "(data-[0-9a-f]+)"', text)), 1):
        text = text.replace(name, f"data-{number}")
    return json.loads(text)


def _bytes(mine: bytes, yours: bytes) -> Cell:
    """The first line in which two texts differ, or byte of what is no text."""
    at = next((i for i, (a, b) in enumerate(zip(mine, yours, strict=False)) if a != b), min(len(mine), len(yours)))
    line = mine.count(b"\n", 0, at) + 1
    pieces = [side[max(0, at - 40) : at + 40] or ABSENT.encode() for side in (mine, yours)]
    return Cell(
        f"line {line}, byte {at}", None, *(shown(piece.decode("utf-8", "backslashreplace")) for piece in pieces)
    )
