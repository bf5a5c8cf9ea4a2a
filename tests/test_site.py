import re
from html.parser import HTMLParser

import duckdb
import polars as pl
import pytest

from pipeline import charts, publish, site, warehouse
from pipeline.tables import dialects
from pipeline.tables.metrics import METRICS
from tests import nights, streams
from tests.browser import opened

OF_ONE_NIGHT = [chart for chart in charts.on_page() if chart.group != "trend"]
HOSTILE = "<script>alert(1)</script></script>"
LOCAL = {"kind": "local", "family": "smollm2-135m", "engine": "an-engine", "model_title": "Small model"}
HOSTED = {"family": "llama-8b", "title": "Somebody"}


@pytest.fixture
def page(layout):
    """The site of a night with a hosted and a local target."""
    return nights.published(layout, {"target": "hosted", **HOSTED}, {"target": "local", **LOCAL}, site=True)


@pytest.fixture
def empty(layout):
    """The site before anything was measured."""
    return nights.published(layout, site=True)


@pytest.fixture
def unaudited(monkeypatch):
    """Without its checks a night of its own is published in a third of the time."""
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])


class Text(HTMLParser):
    """The words of a page, and the addresses that it would load."""

    def __init__(self, path):
        super().__init__()
        self.words, self.loads, self.inside = [], [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.inside.append(tag)
        named = dict(attrs)
        if tag != "a":
            self.loads += [named[name] for name in ("src", "href", "xlink:href", "data", "poster") if name in named]

    def handle_endtag(self, tag):
        if tag in self.inside:
            del self.inside[len(self.inside) - 1 - self.inside[::-1].index(tag) :]

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.words.append(data)


def words(path):
    return " ".join(" ".join(Text(path).words).split())


def test_the_page_says_what_was_measured_when_and_on_what(page):
    said = words(page)
    assert "Night of 2026-11-24: 6 requests in 1 rounds" in said
    assert "first request at 2026-11-24 02:00 UTC" in said
    assert "Small model on an-engine" in said


def test_figures_on_the_page_are_the_warehouses(page):
    said = words(page)
    assert "300.0 [ 300.0 – 300.0 ]" in said.replace("[300", "[ 300").replace("300.0]", "300.0 ]")
    assert "60.0" in said
    assert "100.0 %" in said


def test_the_page_shows_what_other_tools_would_have_said_of_the_same_requests(page):
    said = words(page)
    section = said[
        said.index("The same requests in other tools' words") : said.index("What was not measured or is")
    ]
    assert "sglang 0.5.23 3 of 3 300.0 50.00 25.00 1,050.0 31.0 reported linear" in section
    assert "tokenclock" in section[: section.index("aiperf 0.13")]
    for dialect in dialects.known().values():
        assert dialect.note in section


def test_without_a_calibration_the_page_says_that_the_error_is_unknown(page):
    assert "the error of its figures is unknown, not zero" in words(page)


@pytest.mark.usefixtures("unaudited")
def test_the_instruments_error_stands_beside_the_figures(layout):
    nights.record(layout, target="hosted", **HOSTED)
    nights.calibrate(layout, streams.NIGHT, stamp_error_p99_ns=21_000.0)
    publish.build_night(layout, streams.NIGHT)
    publish.publish_warehouse(layout)
    said = words(publish.publish_site(layout))
    assert "± 0.021 instrument" in said
    assert "1 200.0 – 1 kernel 9.0 21.0" in said


@pytest.mark.usefixtures("unaudited")
def test_a_second_night_brings_the_trend_and_its_changes(layout):
    nights.record(layout, target="hosted", **HOSTED)
    publish.build_night(layout, streams.NIGHT)
    nights.stage_more(layout, streams.NIGHT, [1.0] * 12 + [1.5] * 4)
    publish.publish_warehouse(layout)
    path = publish.publish_site(layout)
    assert 'id="trend_ttft"' in path.read_text()
    assert "2026-12-07 new hosted w, s ttft_ms 300.0 ms 450.0 ms 1.500 95 %: 1.500 – 1.500" in words(path)


def test_one_night_has_no_trend(page):
    assert "Over the nights" not in words(page)


@pytest.mark.usefixtures("unaudited")
def test_pairs_of_a_family_stand_on_the_page_with_a_verdict(layout):
    for name, family in (("a", "llama-8b"), ("b", "llama-8b"), ("c", "llama-70b")):
        nights.record(layout, target=name, family=family)
    publish.build_night(layout, streams.NIGHT)
    publish.publish_warehouse(layout)
    said = words(publish.publish_site(layout))
    assert "A M B w, s ttft_ms 1 1.000 one round cannot tell" in said
    assert "A M C" not in said


def test_every_metric_is_defined_on_the_page(page):
    said = words(page)
    for metric in METRICS.values():
        assert metric.name in said
        assert " ".join(metric.formula.split()) in said


def test_the_page_loads_nothing_but_itself(page):
    assert all(address.startswith("data:") for address in Text(page).loads)


@pytest.mark.usefixtures("unaudited")
def test_hostile_words_stay_words(layout):
    nights.record(layout, title=HOSTILE, model_title=HOSTILE, family="llama-8b")
    publish.build_night(layout, streams.NIGHT)
    publish.publish_warehouse(layout)
    path = publish.publish_site(layout)
    assert HOSTILE in words(path)
    assert "<script>alert(1)" not in path.read_text()


@pytest.mark.usefixtures("unaudited")
def test_a_skipped_target_stands_on_the_page_with_its_reason(layout):
    nights.record(layout)
    census = streams.target("absent", title="Absent", reason="no key: set SOME_API_KEY")
    nights.take_census(layout, streams.NIGHT, [streams.target("t"), census])
    publish.build_night(layout, streams.NIGHT)
    publish.publish_warehouse(layout)
    assert "Absent m skipped no key: set SOME_API_KEY" in words(publish.publish_site(layout))


def test_before_anything_is_measured_the_page_shows_what_others_published(empty):
    said = words(empty)
    assert "Nothing has been measured here yet" in said
    assert "Artificial Analysis" in said


def test_every_download_opens_and_holds_what_the_warehouse_holds(page, layout):
    folder = page.parent / "downloads"
    with warehouse.connect(layout) as con:
        for name in site.DOWNLOADS:
            rows = con.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0]  # noqa: S608 - our own names
            assert pl.read_parquet(folder / f"{name}.parquet").height == rows
            assert pl.read_csv(folder / f"{name}.csv", infer_schema=False).height == rows
    with duckdb.connect(folder / "warehouse.duckdb", read_only=True) as con:
        assert con.sql("SELECT count(*) FROM latest_night").fetchall() == [(2,)]
    linked = set(re.findall(r'href="downloads/([^"]+)"', page.read_text()))
    assert linked == {path.name for path in folder.iterdir()}


def test_the_same_warehouse_gives_the_same_page(page, layout):
    before = page.read_bytes()
    assert publish.publish_site(layout).read_bytes() == before


@pytest.mark.browser
def test_in_a_browser_every_chart_is_drawn_and_nothing_is_asked_of_any_network(page):
    with opened(page.as_uri()) as this:
        this.page.wait_for_function(f"document.querySelectorAll('[data-drawn=yes]').length === {len(OF_ONE_NIGHT)}")
        marks = this.page.evaluate(
            "[...document.querySelectorAll('[data-chart]')].map(e => e.querySelectorAll('svg path').length)"
        )
        assert min(marks) > 3
        this.page.hover("#output_speed_llama_8b [aria-roledescription=point] >> nth=-1", force=True)
        assert "source" in this.page.locator("#vg-tooltip-element").inner_text()
        assert this.errors == []
        assert [url for url in this.requests if not url.startswith(("data:", "blob:"))] == [page.as_uri()]


@pytest.mark.browser
def test_without_scripts_the_charts_are_there_all_the_same(page):
    with opened(page.as_uri(), java_script_enabled=False) as this:
        assert this.page.locator("[data-chart] > svg").count() == len(OF_ONE_NIGHT)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_narrow_screen_nothing_sticks_out(page, scheme):
    with opened(page.as_uri(), width=380, color_scheme=scheme) as this:
        this.page.wait_for_selector("[data-drawn=yes]")
        assert this.page.evaluate("document.documentElement.scrollWidth") <= 380


@pytest.mark.browser
def test_the_empty_page_has_no_errors_either(empty):
    with opened(empty.as_uri()) as this:
        this.page.wait_for_function(f"document.querySelectorAll('[data-drawn=yes]').length === {len(OF_ONE_NIGHT)}")
        assert this.errors == []


@pytest.mark.usefixtures("unaudited")
def test_figures_of_a_provider_whose_terms_nobody_has_read_are_nowhere_on_the_site(layout):
    nights.record(layout, target="shown", **HOSTED)
    nights.record(layout, target="hidden", family="llama-8b", title="Unread", may_publish=False)
    nights.take_census(
        layout, streams.NIGHT, [streams.target("shown"), streams.target("hidden", may_publish=False)]
    )
    publish.build_night(layout, streams.NIGHT)
    publish.publish_warehouse(layout)
    text = publish.publish_site(layout).read_text("utf-8")
    assert "terms allow it to be shown" in text
    downloads = layout.site / "downloads"
    assert not (downloads / "warehouse.duckdb").exists()
    for path in downloads.glob("*.csv"):
        if path.stem != "targets":
            assert "hidden" not in path.read_text("utf-8"), path
    assert "shown" in (downloads / "ttft.csv").read_text("utf-8")
    assert "Unread" not in "".join(path.read_text("utf-8") for path in layout.charts.glob("*.vl.json"))
