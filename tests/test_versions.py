"""What an older or a newer version left behind is read, built anew or refused with the cure: never read wrongly."""

import json
import re
from datetime import date

import duckdb
import polars as pl
import pytest

from pipeline import cli, publish, tables, trace, warehouse
from pipeline.query import run
from pipeline.trace import TraceError
from pipeline.warehouse_increment import StagedError
from tests import nights, streams

NIGHT, OTHER = streams.NIGHT, date(2026, 11, 23)


@pytest.fixture(autouse=True)
def unaudited(monkeypatch):
    """What checks say is not the subject here, and they take seconds."""
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])


@pytest.fixture
def built(layout):
    nights.record(layout)
    publish.build_night(layout, NIGHT)
    return layout


def change(layout, sql):
    """Change the published warehouse in place, as no publication does."""
    with duckdb.connect(layout.warehouse) as con:
        con.execute(sql).fetchall()


def test_the_warehouse_says_what_it_is_and_the_same_tables_give_the_same_word(built):
    publish.publish_warehouse(built)
    once = run(built, "FROM meta").to_dicts()
    (row,) = once
    assert (row["schema_version"], row["nights"], row["last_night"]) == (tables.SCHEMA_VERSION, 1, NIGHT)
    publish.build_night(built, NIGHT)
    publish.publish_warehouse(built)
    assert run(built, "FROM meta").to_dicts() == once
    nights.record(built, OTHER, requests=1)
    publish.build_night(built, OTHER)
    publish.publish_warehouse(built)
    assert run(built, "SELECT content_sha256 FROM meta").item() != row["content_sha256"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE meta", "schema 0, published by tokenclock of an older day.*tokenclock publish"),
        ("UPDATE meta SET schema_version = 0, code_version = '0.0.9'", "schema 0.*0.0.9.*tokenclock publish"),
        ("UPDATE meta SET schema_version = 99", "schema 99.*update tokenclock, or make it anew"),
    ],
)
def test_a_warehouse_of_another_schema_is_refused_with_the_cure_and_publishing_is_the_cure(
    layout, sql, said, capsys
):
    publish.publish_warehouse(layout)
    change(layout, sql)
    with pytest.raises(warehouse.WarehouseError, match=said):
        warehouse.connect(layout)
    assert cli.main(["sql", "FROM meta"]) == 1
    assert "schema" in capsys.readouterr().err
    publish.publish_warehouse(layout)
    assert run(layout, "FROM meta").height == 1


def test_a_file_that_duckdb_cannot_open_is_named_with_the_cure(layout):
    layout.data.mkdir()
    layout.warehouse.write_bytes(b"DUCK of another age" * 1000)
    with pytest.raises(warehouse.WarehouseError, match=r"cannot open it.*tokenclock publish"):
        warehouse.connect(layout)


def restage(layout, name, frame, version=None):
    said = {"tokenclock.schema_version": version} if version else None
    trace.write_parquet(frame, layout.table(name, NIGHT), said)


@pytest.mark.parametrize("age", ["a column less", "another type", "an older version", "a table less"])
def test_a_night_staged_by_an_older_version_is_built_anew_from_its_traces(built, age):
    path = built.table("ttft", NIGHT)
    before, frame = path.read_bytes(), pl.read_parquet(path)
    if age == "a column less":
        restage(built, "ttft", frame.drop("ttft_cold_ms"))
    elif age == "another type":
        restage(built, "ttft", frame.with_columns(pl.col("ttft_ms").cast(pl.Float32)))
    elif age == "an older version":
        restage(built, "ttft", frame, "0")
    else:
        path.unlink()
    done = publish.publish_warehouse(built)
    assert (done.nights, done.held) == ([NIGHT], {})
    assert path.read_bytes() == before


def test_a_night_that_was_staged_before_there_were_versions_is_of_the_first(built):
    restage(built, "ttft", pl.read_parquet(built.table("ttft", NIGHT)))
    assert tables.is_of_today(built, "ttft", NIGHT)


def test_an_old_night_whose_traces_are_gone_is_held_back_with_the_cure_and_loses_nothing(built, tmp_path):
    nights.record(built, OTHER)
    publish.build_night(built, OTHER)
    restage(built, "ttft", pl.read_parquet(built.table("ttft", NIGHT)).drop("ttft_cold_ms"))
    (run_folder,) = (built.traces / f"night={NIGHT}").glob("target=*/*")
    run_folder.rename(tmp_path / "expired")
    staged = {path: path.read_bytes() for path in built.tables.glob(f"*/night={NIGHT}.parquet")}
    done = publish.publish_warehouse(built)
    assert done.nights == [OTHER]
    assert "ttft staged by an older version" in done.held[NIGHT][0]
    assert "1 of 1 runs are gone" in done.held[NIGHT][0]
    assert {path: path.read_bytes() for path in staged} == staged


def test_a_warehouse_is_never_filled_from_an_old_night(built):
    restage(built, "ttft", pl.read_parquet(built.table("ttft", NIGHT)).drop("ttft_cold_ms"))
    with pytest.raises(StagedError, match=f"tokenclock build --night {NIGHT}"):
        warehouse.publish(built, [NIGHT], {})
    assert not built.warehouse.exists()


def older(layout):
    """Make the run of the night what a version recorded that knew less."""
    (path,) = (layout.traces / f"night={NIGHT}").glob("target=*/*/manifest.json")
    told = json.loads(path.read_bytes())
    for name, columns in {
        "requests.parquet": ["attempt", "retry_of", "clock_source"],
        "reads.parquet": ["user_ns"],
    }.items():
        trace.write_parquet(pl.read_parquet(path.with_name(name)).drop(columns), path.with_name(name))
        told["files"][name]["sha256"] = trace.sha256(path.with_name(name))
    for name in ("load", "clock", "hardware", "requests_lost"):
        del told[name]
    path.write_text(json.dumps(told))


def test_traces_of_an_older_version_are_read_and_what_nobody_recorded_is_null(layout):
    nights.record(layout)
    older(layout)
    publish.build_night(layout, NIGHT)
    publish.publish_warehouse(layout)
    assert run(layout, "SELECT DISTINCT load, attempt, clock_source FROM requests").rows() == [
        ("closed", None, None)
    ]
    assert run(layout, "SELECT median(ttft_ms) FROM ttft").item() == 300


@pytest.mark.parametrize("which", ["target=*/*/manifest.json", "targets.json", "calibration/*.json"])
def test_traces_of_a_newer_version_are_refused_by_name(layout, which):
    nights.record(layout)
    nights.calibrate(layout, NIGHT)
    (path,) = (layout.traces / f"night={NIGHT}").glob(which)
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "schema_version": 99}))
    with pytest.raises(TraceError, match=f"{re.escape(path.name)}: trace schema 99, this version reads 1"):
        publish.build_night(layout, NIGHT)
    path.write_text("{")
    with pytest.raises(TraceError, match=f"{re.escape(path.name)}: damaged.*restore it"):
        publish.build_night(layout, NIGHT)
