import json
from datetime import date

import pytest

from pipeline import charts, publish, tables, warehouse
from pipeline.charts import simulated as simulated_figures
from pipeline.charts.chart import FAMILIES
from tests import nights, streams

HOSTED = {"family": "llama-8b", "provider": "groq", "hardware": "Groq LPU"}
LOCAL = {"kind": "local", "family": "smollm2-135m", "engine": "e", "hardware": "cpu"}


@pytest.fixture
def con(layout):
    """A night with a hosted target of 8B, a local one, and a simulated one."""
    fake = {**HOSTED, "target": "fake", "provenance": "simulated"}
    nights.published(layout, {"target": "hosted", **HOSTED}, {"target": "local", **LOCAL}, fake, audited=False)
    with warehouse.connect(layout) as con:
        yield con


def named(name):
    return next(chart for chart in charts.charts() if chart.name == name)


def data(name, con):
    """All rows in a chart's data."""
    spec = charts.specification(named(name), con)
    return [row for rows in spec["datasets"].values() for row in rows]


def test_each_family_has_its_comparisons_and_this_machine_its_own_charts():
    names = {chart.name for chart in charts.charts()}
    assert {
        f"{kind}_{family.replace('-', '_')}" for kind in ("ttft", "output_speed") for family in FAMILIES
    } <= names
    assert {"local_ttft", "local_output_speed", "local_throughput"} <= names


def test_a_measured_figure_on_a_chart_is_the_warehouses(con):
    (row,) = [row for row in data("output_speed_llama_8b", con) if row.get("target") == "hosted"]
    (expected,) = con.sql(
        "SELECT p10, p50, p90, n FROM summary WHERE target = 'hosted' AND metric = 'output_speed_tok_s'"
    ).fetchall()
    assert (row["p10"], row["p50"], row["p90"], row["n"]) == expected
    assert row["p50"] == pytest.approx(60)


def test_what_replaced_what_is_told_apart_by_the_exact_id(layout, monkeypatch):
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])
    for name, title, model_id in (("a", "P", "m-1"), ("b", "P", "m-2"), ("c", "Q", "m-2")):
        nights.record(layout, target=name, **{**HOSTED, "title": title, "model_id": model_id})
    publish.build_night(layout, streams.NIGHT)
    publish.publish_warehouse(layout)
    with warehouse.connect(layout) as con:
        drawn = [row for row in data("ttft_llama_8b", con) if row.get("target")]
    assert {row["target"]: row["label"] for row in drawn} == {"a": "P, m-1", "b": "P, m-2", "c": "Q"}
    assert {row["target"]: row["model_id"] for row in drawn} == {"a": "m-1", "b": "m-2", "c": "m-2"}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("metric", ["output_speed_tok_s", "ttft_ms"])
def test_every_published_figure_of_a_family_is_on_its_chart_with_source_and_date(con, family, metric):
    kind = "ttft" if metric == "ttft_ms" else "output_speed"
    drawn = [row for row in data(f"{kind}_{family.replace('-', '_')}", con) if "source" in row]
    expected = con.sql(
        "SELECT value, source_url, published_at FROM published_figures WHERE family = $f AND metric = $m",
        params={"f": family, "m": metric},
    ).fetchall()
    assert sorted((row["value"], row["source"], row["published_at"]) for row in drawn) == sorted(expected)
    assert drawn


def test_what_was_simulated_is_drawn_in_no_chart_but_its_familys_comparison(con):
    holding = {
        chart.name
        for chart in charts.charts()
        if "fake" in json.dumps(charts.specification(chart, con)["datasets"])
    }
    assert holding == {"ttft_llama_8b", "output_speed_llama_8b"}


def test_what_was_simulated_has_a_panel_that_says_so_and_marks_unlike_the_measured_ones(con):
    spec = charts.specification(named("output_speed_llama_8b"), con)
    ours, pretended, theirs = spec["vconcat"]
    shown = [
        {row.get("target") for row in spec["datasets"][panel["data"]["name"]]}
        for panel in (ours, pretended, theirs)
    ]
    assert shown == [{"hosted"}, {"fake"}, {None}]
    assert pretended["title"]["text"].startswith("SIMULATED, not measured")
    measured, simulated = (
        {json.dumps(layer["mark"], sort_keys=True) for layer in panel["layer"]} for panel in (ours, pretended)
    )
    assert not measured & simulated
    assert all("color" not in layer["encoding"] for layer in pretended["layer"])
    assert {layer["mark"].get("color") for layer in pretended["layer"]} == {simulated_figures.COLOR}


def test_a_night_without_anything_simulated_has_no_panel_for_it(layout):
    nights.published(layout, {"target": "hosted", **HOSTED}, audited=False)
    with warehouse.connect(layout) as con:
        assert len(charts.specification(named("ttft_llama_8b"), con)["vconcat"]) == 2


def test_measured_marks_are_filled_and_published_ones_hollow_with_a_legend_of_their_own(con):
    spec = charts.specification(named("output_speed_llama_8b"), con)
    ours, _, theirs = spec["vconcat"]
    points = [
        [layer["mark"] for layer in panel["layer"] if layer["mark"]["type"] == "point"] for panel in (ours, theirs)
    ]
    assert [[mark["filled"] for mark in marks] for marks in points] == [[True], [False]]
    (shape,) = [layer["encoding"]["shape"] for layer in theirs["layer"] if "shape" in layer["encoding"]]
    assert shape["scale"]["domain"] == ["published, autumn 2024", "published, another date"]


def test_the_published_figures_are_drawn_when_nothing_was_measured(layout):
    nights.published(layout)
    with warehouse.connect(layout) as con:
        rows = data("output_speed_llama_70b", con)
        assert len([row for row in rows if "source" in row]) > 10
        assert any("Nothing measured" in str(row.get("text")) for row in rows)
        assert any("No local target" in str(row.get("text")) for row in data("local_ttft", con))


def test_every_request_of_a_local_target_is_a_dot(con):
    dots = [row for row in data("local_ttft", con) if "request_id" in row]
    assert [row["value"] for row in dots] == [300, 300, 300]


def test_a_trend_needs_two_nights_and_says_so(con):
    assert any("two nights" in str(row.get("text")) for row in data("trend_ttft", con))


def test_the_trend_marks_the_night_of_a_change_and_leaves_missing_nights_out(layout, monkeypatch):
    nights.record(layout, target="hosted", **HOSTED)
    nights.record(layout, target="fake", **{**HOSTED, "provenance": "simulated"})
    publish.build_night(layout, streams.NIGHT)
    nights.stage_more(layout, streams.NIGHT, [1.0] * 12 + [1.5] * 4)
    for name in tables.tables():
        layout.table(name, date(2026, 11, 28)).unlink()
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])
    publish.publish_warehouse(layout)
    with warehouse.connect(layout) as con:
        rows = data("trend_ttft", con)
        spec = json.dumps(charts.specification(named("trend_ttft"), con))
    assert "FAKE" not in spec
    assert [(row["night"], row["change"]) for row in rows if row["change"]] == [("2026-12-07", "× 1.5")]
    assert [row["stretch"] for row in rows] == [1] * 4 + [2] * 12
    assert [row["p50"] for row in rows] == [300] * 12 + [450] * 4


def test_the_interval_of_a_median_is_drawn_beside_it(con):
    for name in ("local_ttft", "output_speed_llama_8b"):
        assert {"p50_low", "p50_high"} <= {field for row in data(name, con) for field in row}, name


def test_files_are_written_and_the_same_warehouse_gives_the_same_bytes(con, layout):
    for chart in charts.charts():
        first = {kind: path.read_bytes() for kind, path in charts.render(chart, con, layout).items()}
        again = {kind: path.read_bytes() for kind, path in charts.render(chart, con, layout).items()}
        assert first == again
        assert first["png"].startswith(b"\x89PNG")
        assert first["svg"].startswith(b"<svg ")
        assert first["svg"].rstrip().endswith(b"</svg>")
        assert json.loads(first["vl.json"])["description"].startswith(chart.title)
