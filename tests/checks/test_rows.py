"""Whoever is shown twenty failing rows gets the others by the query beside them."""

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline import checks
from pipeline.layout import Layout

from .faults import FAULTS
from .good_night import NIGHT, Night, good_night

OTHER = date(2026, 11, 4)
PLANTED = [
    "requests.status_is_known",  # an expectation of a column
    "requests.one_row_per_request",  # twins in one column
    "events.one_row_per_event",  # twins in several, of a table without a night
    "requests.token_events_are_events",  # a pair of columns
    "calibration.calibrations_succeed",  # a null
    "requests.bytes_add_up",  # a rule over two tables
    "output_speed.follows_from_marks",
]


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Layout, checks.Result]]:
    """Every planted fault in one night, audited table by table."""
    found = {}
    for name in PLANTED:
        folder = tmp_path_factory.mktemp("planted")
        layout, night, table = Layout(folder / "data", folder / "site"), good_night(), name.partition(".")[0]
        FAULTS[name](night)
        night.write(layout)
        audit = checks.audit(layout, table, NIGHT)
        [found[name]] = [(layout, one) for one in audit.failed if f"{one.table}.{one.name}" == name]
    return found


def two_nights(layout: Layout, connection: duckdb.DuckDBPyConnection) -> None:
    """A warehouse of the bad night and of one that is worse: all its rows are those of the bad one, twice."""
    for name in good_night().rows:
        frame = pl.read_parquet(layout.table(name, NIGHT))
        elsewhere = [pl.lit(OTHER).alias("night")] if "night" in frame.columns else []
        if "request_id" in frame.columns:
            elsewhere.append(pl.concat_str(pl.lit("other "), "request_id").alias("request_id"))
        both = pl.concat([frame, frame.with_columns(elsewhere), frame.with_columns(elsewhere)])
        connection.register("incoming", both)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608 - names of our tables
        connection.unregister("incoming")


@pytest.mark.parametrize("name", PLANTED)
def test_the_query_over_staged_files_gets_the_failing_rows(
    name: str, audits: dict[str, tuple[Layout, checks.Result]], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, result = audits[name]
    sql = checks.failing_rows(layout, result, NIGHT, is_held=True, root=layout.data.parent)
    assert str(layout.data) not in sql
    monkeypatch.chdir(layout.data.parent)
    with duckdb.connect() as connection:
        assert len(connection.execute(sql).fetchall()) == result.unexpected_count


@pytest.mark.parametrize("name", PLANTED)
def test_the_query_over_the_warehouse_gets_those_of_its_night_alone(
    name: str, audits: dict[str, tuple[Layout, checks.Result]], tmp_path: Path
) -> None:
    layout, result = audits[name]
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        two_nights(layout, connection)
        sql = checks.failing_rows(layout, result, NIGHT, is_held=False)
        assert len(connection.execute(sql).fetchall()) == result.unexpected_count


def test_a_check_of_a_whole_table_counts_its_values(layout: Layout, night: Night) -> None:
    FAULTS["requests.one_night"](night)
    night.write(layout)
    [result] = [one for one in checks.audit(layout, "requests", NIGHT).failed if one.name == "one_night"]
    with duckdb.connect() as connection:
        rows = connection.execute(checks.failing_rows(layout, result, NIGHT, is_held=True)).fetchall()
    assert rows == [(NIGHT, 11), (OTHER, 1)]


def test_a_check_that_passed_has_no_query(layout: Layout, night: Night) -> None:
    night.write(layout)
    assert {one.query for one in checks.audit(layout, "limits", NIGHT).results} == {None}
