"""`expectations/` is read strictly: a check that cannot run is an error, with the file and the cure in it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline import checks, tables
from pipeline.checks import suites
from pipeline.layout import Layout

from .good_night import NIGHT, Night

RULE = "-- severity: info\n-- note: because\nSELECT * FROM events WHERE false\n"


def suite(**changes: Any) -> str:
    one = {
        "type": "expect_column_values_to_not_be_null",
        "id": "at_is_known",
        "severity": "critical",
        "notes": "because",
        "kwargs": {"column": "at_ns"},
    }
    expectation = {name: value for name, value in (one | changes).items() if value is not None}
    return json.dumps({"name": "events", "meta": {"key": ["request_id"]}, "expectations": [expectation]})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"events.json": "{"}, "events.json: Input data was truncated"),
        ({"events.json": suite(notes=None)}, "missing required field `notes` - at `$.expectations[0]`"),
        ({"events.json": suite(severity=None)}, "missing required field `severity`"),
        ({"events.json": suite(severity="fatal")}, "Invalid enum value 'fatal'"),
        ({"events.json": suite(severty="info")}, "unknown field `severty`"),
        ({"events.json": suite(id="At is known")}, "[a-z0-9_]"),
        ({"events.json": suite(notes="  ")}, "notes"),
        ({"events.json": suite(type="unexpected_rows_expectation")}, "put it into events.at_is_known.sql"),
        ({"events.json": suite().replace('"events"', '"requests"')}, "name it 'events' like its file"),
        ({"event.json": suite()}, "there is no table 'event'; name one of calibration, events"),
        ({"events.yaml": ""}, "call it <table>.json or <table>.<rule>.sql"),
        ({"events.sql": RULE}, "call it <table>.json or <table>.<rule>.sql"),
        (
            {"events.json": suite(), "events.at_is_known.sql": RULE},
            "already has a check 'at_is_known' (in events.json)",
        ),
        ({"events.a.sql": "-- note: because\nSELECT 1"}, "missing required field `severity`"),
        ({"events.a.sql": "-- severity: info\nSELECT 1"}, "missing required field `note`"),
        ({"events.a.sql": "-- severity: bad\n-- note: x\nSELECT 1"}, "Invalid enum value 'bad'"),
        ({"events.a.sql": "-- table: events\n" + RULE}, "unknown field `table`"),
        ({"events.a.sql": "-- severity: info\n-- note: because\n"}, "holds no query"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_cure(
    files: dict[str, str], said: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(checks.CheckError) as error:
        checks.specs(tmp_path)
    assert said in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_two_checks_of_one_id_in_one_file_are_refused(tmp_path: Path) -> None:
    twice = json.loads(suite())
    twice["expectations"] *= 2
    (tmp_path / "events.json").write_text(json.dumps(twice))
    with pytest.raises(checks.CheckError, match="already has a check 'at_is_known'"):
        checks.specs(tmp_path)


@pytest.mark.parametrize("changes", [{"type": "expect_miracles"}, {"kwargs": {"colum": "at_ns"}}, {"kwargs": {}}])
def test_what_great_expectations_would_drop_in_silence_is_an_error(
    changes: dict[str, Any], tmp_path: Path, layout: Layout, night: Night
) -> None:
    night.write(layout)
    folder = tmp_path / "expectations"
    folder.mkdir()
    (folder / "events.json").write_text(suite(**changes))
    with pytest.raises(checks.CheckError, match=r"events.json: great-expectations refuses at_is_known"):
        checks.audit(layout, "events", NIGHT, folder)


def test_a_note_may_go_on_over_several_lines(tmp_path: Path) -> None:
    (tmp_path / "events.a.sql").write_text("-- severity: info\n-- note: because\n--   it: must\nSELECT 1;\n")
    [check] = checks.specs(tmp_path)
    assert check.notes == "because it: must"


def test_a_folder_may_hold_a_readme(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("How to add a check")
    assert checks.specs(tmp_path) == []


def test_reading_the_checks_does_not_import_great_expectations() -> None:
    code = "import sys; from pipeline import checks; checks.specs(); assert 'great_expectations' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("path", sorted(suites.EXPECTATIONS.glob("*.sql")), ids=lambda path: path.name)
def test_a_rule_runs_as_it_stands_wherever_the_tables_are(path: Path, layout: Layout, night: Night) -> None:
    night.write(layout)
    with duckdb.connect() as connection:
        for name in night.rows:
            connection.read_parquet(str(layout.table(name, NIGHT))).create_view(name)
        assert connection.execute(path.read_text()).fetchall() == []


def test_the_checks_name_only_columns_that_the_tables_have(night: Night) -> None:
    for name, schema in night.schemas.items():
        assert set(schema) <= set(tables.tables()[name].columns), name


def test_every_table_has_a_suite_with_a_key() -> None:
    assert {name for name, suite in suites.load().items() if suite.key} == set(tables.tables())
