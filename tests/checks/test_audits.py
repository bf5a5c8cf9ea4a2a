"""An audit vouches for the very files it saw, and for nothing that could not be evaluated."""

import json
from pathlib import Path

import pytest

from pipeline import checks, trace
from pipeline.checks import suites
from pipeline.layout import Layout

from .faults import lose, put
from .good_night import NIGHT, Night

HEADER = "-- severity: critical\n-- note: because\n"
EARLY = "SELECT request_id, at_ns FROM events WHERE at_ns < 0"
LOST = "FROM requests WHERE request_id NOT IN (SELECT request_id FROM events)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One rule about events, one about requests that also reads events."""
    folder = tmp_path / "expectations"
    folder.mkdir()
    (folder / "events.early.sql").write_text(HEADER + EARLY)
    (folder / "requests.lost.sql").write_text(HEADER + LOST)
    return folder


def is_current(layout: Layout, table: str, folder: Path) -> bool:
    found = checks.read_audit(layout, table, NIGHT)
    assert found
    return checks.is_current(layout, found, folder)


def test_an_audit_is_read_back_as_it_was_written(layout: Layout, night: Night, folder: Path) -> None:
    put("events", row=0, at_ns=-5)(night)
    night.write(layout)
    written = checks.audit(layout, "events", NIGHT, folder)
    assert checks.read_audit(layout, "events", NIGHT) == written
    assert [path.name for path in layout.audit("events", NIGHT).parent.iterdir()] == ["night=2026-11-03.json"]


def test_an_audit_says_which_rows_failed_and_why_that_matters(layout: Layout, night: Night, folder: Path) -> None:
    put("events", row=0, at_ns=-5)(night)
    night.write(layout)
    [result] = checks.audit(layout, "events", NIGHT, folder).results
    assert (result.passed, result.unexpected_count, result.notes) == (False, 1, "because")
    assert result.sample == [{"request_id": night.rows["events"][0]["request_id"], "at_ns": -5}]


def test_a_failing_expectation_names_the_key_of_its_rows(layout: Layout, night: Night) -> None:
    put("requests", status="fine")(night)
    night.write(layout)
    found = checks.audit(layout, "requests", NIGHT)
    [result] = [one for one in found.failed if one.name == "status_is_known"]
    assert result.sample == [{"request_id": night.rows["requests"][1]["request_id"], "status": "fine"}]


def test_no_more_than_twenty_rows_are_kept(layout: Layout, night: Night, folder: Path) -> None:
    for row in range(30):
        put("events", row=row, at_ns=-5)(night)
    night.write(layout)
    [result] = checks.audit(layout, "events", NIGHT, folder).results
    assert (result.unexpected_count, len(result.sample)) == (30, 20)


@pytest.mark.parametrize("sql", ["SELECT nonsense FROM events", "SELECT * FROM nowhere", "SELEC 1"])
def test_a_rule_that_raises_has_failed(sql: str, layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    (folder / "events.broken.sql").write_text(HEADER + sql)
    found = checks.audit(layout, "events", NIGHT, folder)
    [failed] = checks.blocking([found])
    assert failed.name == "broken"
    assert failed.error
    assert failed.unexpected_count is None


def test_an_expectation_about_a_missing_column_has_failed(layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    expectation = {
        "type": "expect_column_values_to_be_unique",
        "id": "unknown_column",
        "severity": "warning",
        "notes": "because",
        "kwargs": {"column": "nonsense"},
    }
    suite = {"name": "events", "meta": {"key": ["request_id"]}, "expectations": [expectation]}
    (folder / "events.json").write_text(json.dumps(suite))
    [failed] = checks.audit(layout, "events", NIGHT, folder).failed
    assert failed.name == "unknown_column"
    assert "nonsense" in (failed.error or "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM events WHERE content = '{not a placeholder}'",
        "SELECT * FROM events WHERE content LIKE '%:word'",
        "SELECT * FROM events WHERE at_ns::DOUBLE < 0;",
        "SELECT * FROM events WHERE at_ns < 0 -- a remark at the end",
        "SELECT request_id, request_id FROM events WHERE at_ns < 0",
    ],
)
def test_a_rule_may_be_any_query(sql: str, layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    (folder / "events.any.sql").write_text(HEADER + sql)
    assert checks.audit(layout, "events", NIGHT, folder).failed == []


def test_an_audit_is_current_until_its_table_changes(layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    checks.audit(layout, "events", NIGHT, folder)
    assert is_current(layout, "events", folder)
    lose("events")(night)
    night.write(layout)
    assert not is_current(layout, "events", folder)


def test_an_audit_is_current_until_a_table_that_its_rules_read_changes(
    layout: Layout, night: Night, folder: Path
) -> None:
    night.write(layout)
    checks.audit(layout, "requests", NIGHT, folder)
    lose("ttft")(night)
    night.write(layout)
    assert is_current(layout, "requests", folder)
    lose("events")(night)
    night.write(layout)
    assert not is_current(layout, "requests", folder)


def test_an_audit_is_current_until_its_checks_change(layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    checks.audit(layout, "events", NIGHT, folder)
    (folder / "requests.another.sql").write_text(HEADER + "SELECT 1 WHERE false")
    assert is_current(layout, "events", folder)
    (folder / "events.another.sql").write_text(HEADER + "SELECT 1 WHERE false")
    assert not is_current(layout, "events", folder)


def test_ensure_audits_again_only_what_has_changed(layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    assert [audit.table for audit in checks.ensure(layout, NIGHT, folder)] == ["events", "requests"]
    before = {table: layout.audit(table, NIGHT).stat().st_ino for table in ("events", "requests")}
    (folder / "requests.another.sql").write_text(HEADER + "SELECT 1 WHERE false")
    checks.ensure(layout, NIGHT, folder)
    after = {table: layout.audit(table, NIGHT).stat().st_ino for table in ("events", "requests")}
    assert before["events"] == after["events"]
    assert len(checks.ensure(layout, NIGHT, folder)[1].results) == 2


def test_a_damaged_audit_is_none(layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    checks.audit(layout, "events", NIGHT, folder)
    layout.audit("events", NIGHT).write_text("{")
    assert checks.read_audit(layout, "events", NIGHT) is None


def test_a_table_that_was_not_built_cannot_be_audited(layout: Layout, folder: Path) -> None:
    with pytest.raises(checks.AuditError, match=r"build \(materialize\) events"):
        checks.audit(layout, "events", NIGHT, folder)
    assert checks.ensure(layout, NIGHT, folder) == []


def test_a_table_that_is_no_parquet_file_is_named(layout: Layout, folder: Path) -> None:
    path = layout.table("events", NIGHT)
    path.parent.mkdir(parents=True)
    path.write_text("no parquet")
    with pytest.raises(checks.AuditError, match=r"night=2026-11-03.parquet: not a readable Parquet file"):
        checks.audit(layout, "events", NIGHT, folder)


def test_a_table_without_checks_is_an_error_not_a_pass(layout: Layout, folder: Path) -> None:
    with pytest.raises(checks.AuditError, match="no checks for 'summary'"):
        checks.audit(layout, "summary", NIGHT, folder)


def test_only_critical_failures_block(layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    for severity in ("critical", "warning", "info"):
        rule = f"-- severity: {severity}\n-- note: because\nSELECT 1"
        (folder / f"events.{severity}.sql").write_text(rule)
    found = checks.audit(layout, "events", NIGHT, folder)
    assert [result.name for result in checks.blocking([found])] == ["critical"]
    assert len(found.failed) == 3


def test_the_frame_has_one_documented_row_a_check(layout: Layout, night: Night, folder: Path) -> None:
    put("events", row=0, at_ns=-5)(night)
    night.write(layout)
    frame = checks.frame(checks.ensure(layout, NIGHT, folder))
    assert frame.columns == list(checks.COMMENTS)
    assert frame.select("night", "table_name", "check_name", "passed", "unexpected_count").rows() == [
        (NIGHT, "events", "early", False, 1),
        (NIGHT, "requests", "lost", True, 0),
    ]
    assert json.loads(frame["sample"][0])[0]["at_ns"] == -5
    assert checks.frame([]).schema == frame.schema


def test_every_shipped_check_says_why_it_holds() -> None:
    for suite in suites.load().values():
        assert all(len(check.notes) > 15 for check in suite.checks), suite.table


def test_a_night_that_nobody_touched_is_not_hashed_again(
    layout: Layout, night: Night, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.write(layout)
    first = checks.ensure(layout, NIGHT, folder)
    hashed: list[Path] = []
    monkeypatch.setattr("pipeline.trace.sha256", lambda path, of=trace.sha256: hashed.append(path) or of(path))
    assert checks.ensure(layout, NIGHT, folder) == first
    assert hashed == []


def test_it_is_asked_anew_when_a_table_an_audit_or_a_check_changes(
    layout: Layout, night: Night, folder: Path
) -> None:
    night.write(layout)
    checks.ensure(layout, NIGHT, folder)
    put("events", row=0, at_ns=-5)(night)
    night.write(layout)
    assert checks.blocking(checks.ensure(layout, NIGHT, folder))
    layout.audit("events", NIGHT).unlink()
    checks.ensure(layout, NIGHT, folder)
    assert layout.audit("events", NIGHT).exists()
    (folder / "events.early.sql").write_text(HEADER.replace("critical", "warning") + EARLY)
    assert not checks.blocking(checks.ensure(layout, NIGHT, folder))


def test_a_damaged_memory_of_a_night_is_no_verdict(layout: Layout, night: Night, folder: Path) -> None:
    night.write(layout)
    first = checks.ensure(layout, NIGHT, folder)
    layout.verdict(NIGHT).write_bytes(b"{")
    assert checks.ensure(layout, NIGHT, folder) == first
