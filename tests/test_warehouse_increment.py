"""A warehouse that grows by nights answers like one that was built of them all at once."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline import publish, sql, tables, trace, warehouse
from pipeline import warehouse_increment as increment
from pipeline.layout import Layout
from tests import nights, streams

NIGHTS = [streams.NIGHT + timedelta(days) for days in range(4)]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Four nights, computed."""
    folder = tmp_path_factory.mktemp("nights")
    layout = Layout(folder / "data", folder / "site")
    for at, night in enumerate(NIGHTS):
        nights.record(layout, night, requests=2 + at)
        publish.build_night(layout, night)
    return layout


@pytest.fixture
def several(built, tmp_path):
    """The same, to be changed."""
    layout = Layout(tmp_path / "data", tmp_path / "site")
    for path in built.tables.rglob("*.parquet"):
        copy = layout.tables / path.relative_to(built.tables)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return layout


def extras(n=1):
    frame = pl.DataFrame({"n": [n]}, schema={"n": pl.Int64})
    nobody = Layout(Path("nowhere"), Path("nowhere"))
    known = publish.beside(nobody, [], [], publish.released(nobody)[0])
    return {**known, "more": warehouse.Extra("One row", frame, {"n": "A number"})}


def content(layout):
    """Every row of every table and view, and every comment, in order."""
    with warehouse.connect(layout) as con:
        names = [
            name
            for (name,) in con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"
            ).fetchall()
        ]
        names += [one.name for one in sql.definitions() if one.kind == "view"]
        rows = {name: con.sql(f'SELECT * FROM "{name}" ORDER BY ALL').pl() for name in sorted(names)}  # noqa: S608
        comments = con.sql(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE schema_name = 'main' ORDER BY ALL"
        ).pl()
    return {**rows, "comments of columns": comments}


def anew(layout, of):
    layout.warehouse.unlink()
    warehouse.publish(layout, of, extras())
    return content(layout)


def same(some, others):
    assert some.keys() == others.keys()
    for name, frame in some.items():
        assert frame.equals(others[name]), name


@pytest.fixture
def copies(monkeypatch):
    """How each publication went: True where it changed a copy."""
    seen = []
    monkeypatch.setattr(increment, "copy", lambda *given, of=increment.copy: seen.append(of(*given)) or seen[-1])
    return seen


def test_night_by_night_it_answers_as_one_built_at_once(several, copies):
    for count in range(1, 5):
        rows = warehouse.publish(several, NIGHTS[:count], extras(count))
    assert copies == [False, True, True, True]
    assert rows["requests"] == 2 + 3 + 4 + 5
    warehouse.publish(several, NIGHTS, extras())
    same(content(several), anew(several, NIGHTS))


def test_a_night_that_was_computed_anew_takes_the_place_of_the_old_one(several, copies):
    warehouse.publish(several, NIGHTS, extras())
    for name in tables.tables():
        frame = pl.read_parquet(several.table(name, NIGHTS[0]))
        trace.write_parquet(frame.head(1), several.table(name, NIGHTS[0]))
    rows = warehouse.publish(several, NIGHTS, extras())
    assert copies == [False, True]
    assert (rows["requests"], rows["events"]) == (1 + 3 + 4 + 5, 1 + 15 * (3 + 4 + 5))
    same(content(several), anew(several, NIGHTS))


def test_a_night_that_is_held_back_leaves(several, copies):
    warehouse.publish(several, NIGHTS, extras())
    warehouse.publish(several, NIGHTS[1:], extras())
    assert copies == [False, True]
    same(content(several), anew(several, NIGHTS[1:]))


def test_nothing_new_changes_nothing(several, copies):
    warehouse.publish(several, NIGHTS, extras())
    before = content(several)
    warehouse.publish(several, NIGHTS, extras())
    assert copies == [False, True]
    same(content(several), before)


def test_other_definitions_or_a_damaged_file_are_built_anew(several, copies, monkeypatch):
    warehouse.publish(several, NIGHTS, extras())
    monkeypatch.setattr(increment, "definitions", lambda *_: "others")
    warehouse.publish(several, NIGHTS, extras())
    several.warehouse.write_bytes(b"no warehouse")
    warehouse.publish(several, NIGHTS, extras())
    assert copies == [False, False, False]


def test_where_much_was_replaced_the_next_one_is_built_anew_and_compact(several, copies):
    for drop in (0, 2, 2, 2):
        warehouse.publish(several, NIGHTS[: 4 - drop], extras())
    assert copies == [False, True, False, True]


def test_a_definition_is_every_word():
    assert increment.definitions(["a"]) == increment.definitions(["a"])
    assert increment.definitions(["a"]) != increment.definitions(["b"])


def test_a_night_is_settled_until_a_file_of_it_changes(several):
    assert increment.settled(several, NIGHTS) == increment.NOTHING
    warehouse.publish(several, NIGHTS[:3], extras())
    assert increment.settled(several, NIGHTS).nights == set(NIGHTS[:3])
    trace.write_parquet(pl.read_parquet(several.table("ttft", NIGHTS[1])), several.table("ttft", NIGHTS[1]))
    several.table("limits", NIGHTS[2]).unlink()
    assert increment.settled(several, NIGHTS).nights == {NIGHTS[0]}
    with pytest.raises(increment.StagedError, match=r"limits.*missing; build the night anew"):
        warehouse.publish(several, NIGHTS[:3], extras())
