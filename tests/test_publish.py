from datetime import date

import duckdb
import polars as pl
import pytest

from pipeline import ledger, publish, sql, tables, trace, warehouse
from pipeline.checks import audit, ensure
from pipeline.query import run
from tests import nights, streams

BAD, GOOD = date(2026, 11, 23), streams.NIGHT


def spoil(layout, night):
    """Plant a row that no critical check lets pass: a first token before the first byte."""
    path = layout.table("requests", night)
    trace.write_parquet(pl.read_parquet(path).with_columns(first_token_ns=pl.lit(1, pl.Int64)), path)


def test_tables_built_twice_are_the_same_to_the_byte(layout):
    nights.record(layout)
    publish.build_night(layout, GOOD)
    once = {path: path.read_bytes() for path in layout.tables.rglob("*.parquet")}
    assert {path.parent.name for path in once} == set(tables.tables())
    for path in once:
        path.unlink()
    publish.build_night(layout, GOOD)
    assert {path: path.read_bytes() for path in layout.tables.rglob("*.parquet")} == once


def test_a_table_without_its_input_says_what_to_build_first(layout):
    with pytest.raises(tables.MissingInputError, match="`requests` of 2026-11-24 first"):
        tables.build(layout, tables.tables()["ttft"], GOOD)


def test_a_good_night_is_published_with_every_table_and_comment(layout):
    nights.published(layout, {})
    done = publish.publish_warehouse(layout)
    assert (done.nights, done.held) == ([GOOD], {})
    assert run(layout, "SELECT median(ttft_ms) AS m FROM ttft")["m"].to_list() == [300]
    undocumented = """
        SELECT table_name, column_name FROM duckdb_columns()
        WHERE comment IS NULL AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main')
        UNION ALL SELECT table_name, '' FROM duckdb_tables() WHERE comment IS NULL AND schema_name = 'main'
        UNION ALL SELECT view_name, '' FROM duckdb_views() WHERE NOT internal AND comment IS NULL"""
    assert run(layout, undocumented).rows() == []


def test_a_change_of_level_is_published_told_and_old_news_after_a_week(layout, monkeypatch):
    nights.record(layout)
    publish.build_night(layout, GOOD)
    nights.stage_more(layout, GOOD, [1.0] * 12 + [1.5] * 7)
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])
    told = [one for one in publish.publish_warehouse(layout).changed if "ttft_ms" in one]
    assert told == [
        "t, w, s: ttft_ms changed from 300 to 450 ms since the night of 2026-12-07 (× 1.500, 95 % 1.500 – 1.500)"
    ]
    assert not publish.recent_changes(layout).is_empty()
    nights.stage_more(layout, GOOD, [1.0] * 12 + [1.5] * 8)
    assert publish.publish_warehouse(layout).changed == []
    assert publish.recent_changes(layout).is_empty()
    assert "ttft_ms" in run(layout, "SELECT metric FROM changes")["metric"]


def test_a_night_that_fails_a_critical_check_stays_staged_and_the_others_are_published(layout):
    nights.published(layout, {})
    nights.record(layout, BAD)
    publish.build_night(layout, BAD)
    spoil(layout, BAD)
    done = publish.publish_warehouse(layout)
    assert done.nights == [GOOD]
    assert "time_runs_forward" in done.held[BAD]
    assert layout.table("requests", BAD).exists()
    assert run(layout, "SELECT DISTINCT night FROM requests")["night"].to_list() == [GOOD]


def test_when_no_night_passes_the_published_warehouse_stays(layout):
    nights.published(layout, {})
    before = layout.warehouse.read_bytes()
    spoil(layout, GOOD)
    with pytest.raises(publish.NothingToPublishError, match="time_runs_forward"):
        publish.publish_warehouse(layout)
    assert layout.warehouse.read_bytes() == before


def test_a_publication_that_breaks_leaves_the_old_warehouse_and_no_rubbish(layout, monkeypatch):
    nights.published(layout, {})
    before = layout.warehouse.read_bytes()
    broken = sql.Definition("view", "broken", "Broken", "SELECT * FROM nowhere", {}, ())
    monkeypatch.setattr(sql, "definitions", lambda: [broken])
    with pytest.raises(duckdb.Error, match="nowhere"):
        publish.publish_warehouse(layout)
    assert layout.warehouse.read_bytes() == before
    assert [path.name for path in layout.data.glob(".warehouse*")] == []


def test_an_open_reader_keeps_its_state_while_a_new_night_is_published(layout, monkeypatch):
    nights.published(layout, {})
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])
    with warehouse.connect(layout) as reader:
        nights.record(layout, BAD)
        publish.build_night(layout, BAD)
        publish.publish_warehouse(layout)
        assert reader.sql("SELECT count(DISTINCT night) FROM ttft").fetchall() == [(1,)]
    assert run(layout, "SELECT count(DISTINCT night) AS n FROM ttft")["n"].to_list() == [2]


def test_with_nothing_recorded_the_warehouse_has_all_its_tables_and_the_published_figures(layout):
    nights.published(layout)
    rows = run(
        layout, "SELECT (SELECT count(*) FROM ttft) AS ours, (SELECT count(*) FROM published_figures) AS theirs"
    )
    assert rows["ours"].item() == 0
    assert rows["theirs"].item() > 20


def test_the_warehouse_is_read_only(layout):
    nights.published(layout)
    with pytest.raises(Exception, match="read-only"):
        run(layout, "CREATE TABLE mine AS SELECT 1")


def test_an_unchanged_night_is_not_audited_again(layout):
    nights.published(layout, {})
    stamps = {path: path.stat().st_mtime_ns for path in (layout.data / "audits").rglob("*.json")}
    publish.publish_warehouse(layout)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_what_is_published_as_it_stands_is_not_read_again_and_a_change_of_it_is_seen(layout, monkeypatch):
    nights.published(layout, {})
    nights.record(layout, BAD)
    publish.build_night(layout, BAD)
    publish.publish_warehouse(layout)
    asked = []
    monkeypatch.setattr("pipeline.checks.ensure", lambda *given, of=ensure: asked.append(given[1]) or of(*given))
    publish.publish_warehouse(layout)
    assert asked == []
    whole = [run(layout, f"SELECT * FROM {name} ORDER BY ALL") for name in ("check_results", "ledger")]  # noqa: S608
    audit(layout, "ttft", BAD)
    publish.publish_warehouse(layout)
    assert asked == [BAD]
    spoil(layout, GOOD)
    assert list(publish.publish_warehouse(layout).held) == [GOOD]
    failed = "SELECT DISTINCT night FROM check_results WHERE check_name = 'time_runs_forward' AND NOT passed"
    assert run(layout, failed)["night"].to_list() == [GOOD]
    publish.build_night(layout, GOOD)
    publish.publish_warehouse(layout)
    layout.warehouse.unlink()
    publish.publish_warehouse(layout)
    again = [run(layout, f"SELECT * FROM {name} ORDER BY ALL") for name in ("check_results", "ledger")]  # noqa: S608
    assert all(map(pl.DataFrame.equals, whole, again))


def test_entries_that_come_behind_a_published_ledger_are_added_and_a_change_in_it_is_told(layout):
    nights.published(layout, {})
    assert run(layout, "SELECT count(*) AS n FROM ledger")["n"].item() == len(ledger.read(layout.traces))
    nights.record(layout, BAD)
    publish.publish_warehouse(layout)
    lines = ledger.read(layout.traces)
    assert run(layout, "SELECT * FROM ledger ORDER BY entry").equals(ledger.frame(lines))
    path = layout.traces / ledger.NAME
    path.write_text(path.read_text().replace('"entry":1', '"entry":7'))
    with pytest.raises(ledger.LedgerError, match="entry 1 does not follow"):
        publish.publish_warehouse(layout)
