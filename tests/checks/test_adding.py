"""An analyst adds a check with a file and no Python: it runs, Dagster shows it, and a critical one blocks."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from pipeline import assets, checks, publish
from pipeline.checks import suites
from pipeline.layout import Layout
from tests import nights

NIGHT = date(2026, 11, 24)
RULE = """-- severity: critical
-- note: Ours answer within a quarter of a second.
SELECT request_id, ttft_ms
FROM ttft
WHERE ttft_ms > 250
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of expectations/ in the place of the shipped one, with one suite of it, to keep the tests short."""
    copy = tmp_path / "expectations"
    shutil.copytree(suites.EXPECTATIONS, copy)
    for path in copy.iterdir():
        if path.name.partition(".")[0] not in ("ttft", "README"):
            path.unlink()
    monkeypatch.setattr(suites, "EXPECTATIONS", copy)
    return copy


def specs() -> dict[str, bool]:
    """Names of Dagster's checks of the table, and whether they block."""
    return {spec.name: spec.blocking for spec in assets.table_checks("ttft").check_specs}


def test_a_dropped_rule_runs_is_seen_in_dagster_and_blocks(folder: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data", tmp_path / "site")
    nights.record(layout, NIGHT)
    publish.build_night(layout, NIGHT)
    publish.publish_warehouse(layout)
    assert "quick_enough" not in specs()
    rule = folder / "ttft.quick_enough.sql"
    rule.write_text(RULE)
    assert specs()["quick_enough"] is True
    with pytest.raises(publish.NothingToPublishError, match="quick_enough"):
        publish.publish_warehouse(layout)
    page = (layout.site / "quality.html").read_text()
    assert "<code>ttft.quick_enough</code>" in page
    assert "Ours answer within a quarter of a second." in page
    rule.write_text(rule.read_text().replace("critical", "warning"))
    assert specs()["quick_enough"] is False
    assert publish.publish_warehouse(layout).held == {}


def test_an_entry_in_a_suite_runs_and_is_seen_in_dagster(folder: Path, tmp_path: Path) -> None:
    suite = json.loads((folder / "ttft.json").read_text())
    suite["expectations"].append(
        {
            "id": "below_a_second",
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "ttft_ms", "max_value": 100},
            "severity": "warning",
            "notes": "Nobody waits longer.",
        }
    )
    (folder / "ttft.json").write_text(json.dumps(suite))
    assert specs()["below_a_second"] is False
    layout = Layout(tmp_path / "data", tmp_path / "site")
    nights.record(layout, NIGHT)
    publish.build_night(layout, NIGHT)
    [found] = [one for one in checks.audit(layout, "ttft", NIGHT).failed if one.name == "below_a_second"]
    assert (found.unexpected_count, found.sample[0]["ttft_ms"]) == (3, 300.0)
