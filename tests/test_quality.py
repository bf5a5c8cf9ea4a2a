"""The data-quality page: what failed, in which night, which rows, and a query of all of them that runs."""

import html
import os
import re
from datetime import date

import duckdb
import pytest

from pipeline import publish, quality, trace, warehouse
from pipeline.layout import Layout
from tests import nights, streams
from tests.browser import opened
from tests.test_publish import spoil

HELD, GOOD = date(2026, 11, 23), streams.NIGHT
HIDDEN = date(2026, 11, 22)


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """A night that is held back, and a later one that is published with warnings."""
    folder = tmp_path_factory.mktemp("quality")
    made = Layout(folder / "data", folder / "site")
    for night in (HELD, GOOD):
        nights.record(made, night)
        publish.build_night(made, night)
    spoil(made, HELD)
    publish.publish_warehouse(made)
    quality.publish(made)
    return made


@pytest.fixture(scope="module")
def report(layout):
    return quality.report(layout)


def failure(report, check, night):
    [found] = [one for one in report.failures if (one.check, one.night) == (check, night)]
    return found


def test_every_check_stands_on_the_page_with_its_history(layout, report):
    assert [(one.night, bool(one.held)) for one in report.nights] == [(HELD, True), (GOOD, False)]
    [line] = [one for one in report.lines if one.check == "time_runs_forward"]
    assert [cell.mark for cell in line.cells] == ["failed", "passed"]
    page = (layout.site / "quality.html").read_text()
    for line in report.lines:
        assert f"<code>{line.check}</code>" in page
        assert html.escape(line.notes, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page


def test_a_held_night_says_for_what_and_shows_the_rows(report):
    found = failure(report, "time_runs_forward", HELD)
    assert (found.severity, found.is_held, found.count) == ("critical", True, 3)
    assert "requests.time_runs_forward" in report.nights[0].held
    assert found.columns[:2] == ["request_id", "status"]
    assert [row[0] for row in found.rows] == [f"2026-11-23.t.w.s.r01/{index:04d}" for index in range(3)]


def test_the_queries_run_where_the_page_says_that_they_do(layout, report, monkeypatch):
    monkeypatch.chdir(layout.data.parent)
    over_files = [one for one in report.failures if one.is_held]
    over_warehouse = [one for one in report.failures if not one.is_held]
    assert over_files
    assert over_warehouse
    for one in over_files:
        with duckdb.connect() as connection:
            rows = connection.execute(one.query).fetchall()
        assert one.count is None or len(rows) == one.count, one
    for one in over_warehouse:
        with warehouse.connect(layout) as connection:
            rows = connection.execute(one.query).fetchall()
        assert one.count is None or len(rows) == one.count, one


def test_the_page_names_no_folder_of_this_machine(layout):
    assert str(layout.data.parent) not in (layout.site / "quality.html").read_text()


def test_the_page_is_linked_reads_offline_and_complains_about_nothing(layout):
    publish.publish_site(layout)
    with opened((layout.site / "index.html").as_uri()) as this:
        this.page.click("nav >> text=Data quality")
        this.page.wait_for_url("**/quality.html")
        assert this.page.locator("h1").inner_text() == "Data quality"
        assert this.page.locator("article").count() == len(quality.report(layout).failures)
        assert this.errors == []
        assert all(url.startswith(("file:", "data:")) for url in this.requests)
        if folder := os.environ.get("TOKENCLOCK_SCREENSHOTS"):
            this.page.screenshot(path=f"{folder}/quality.png", full_page=True)


def test_rows_of_targets_that_may_not_be_shown_stay_off_the_page(tmp_path):
    layout = Layout(tmp_path / "data", tmp_path / "site")
    nights.record(layout, HIDDEN, "shown")
    nights.record(layout, HIDDEN, "secret", may_publish=False)
    census = [streams.target("shown"), streams.target("secret", may_publish=False)]
    nights.take_census(layout, HIDDEN, census)
    publish.build_night(layout, HIDDEN)
    spoil(layout, HIDDEN)
    with pytest.raises(publish.NothingToPublishError):
        publish.publish_warehouse(layout)
    page = (layout.site / "quality.html").read_text()
    assert "2026-11-22.shown.w.s.r01/0000" in page
    assert "2026-11-22.secret" not in re.sub(r"<pre>.*?</pre>", "", page)
    assert "3 of the first rows are not shown" in page


def test_before_anything_is_checked_the_page_says_so(tmp_path):
    page = quality.publish(Layout(tmp_path / "data", tmp_path / "site")).read_text()
    assert "No night has been checked yet." in page


def test_a_damaged_audit_is_left_out(layout, tmp_path):
    other = Layout(tmp_path / "data", tmp_path / "site")
    trace.replace(other.audit("requests", GOOD), b"{")
    assert quality.report(other).nights == []
