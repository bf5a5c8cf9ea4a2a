import json

import pytest

from pipeline import charts, cli, trace, warehouse
from pipeline.query import run
from tests import nights, streams
from tests.provenance.conftest import HOSTED

RUN = f"{streams.NIGHT}.local.w.s.r01"
SERIES = "This engine, s"


def rows(layout, name):
    spec = json.loads((layout.charts / f"{name}.vl.json").read_bytes())
    return [row for data in spec["datasets"].values() for row in data]


def test_every_point_of_every_chart_leads_to_its_runs_or_to_a_published_source(once):
    with warehouse.connect(once) as con:
        known = {figure for (figure,) in con.sql("SELECT DISTINCT figure FROM figure_runs").fetchall()}
        sources = {figure for (figure,) in con.sql("SELECT figure_id FROM published_figures").fetchall()}
    found = set()
    for chart in charts.charts():
        for row in rows(once, chart.name):
            if set(row) != {"text"}:  # a picture that says why there is nothing to draw
                assert row.get("figure") in known or row.get("figure_id") in sources, (chart.name, row)
                assert row["label"]
                found.add(row.get("figure"))
    assert len(found) > 20


def test_explain_leads_from_a_series_to_runs_manifests_code_error_and_requests(published, capsys):
    assert cli.main(["explain", "local_ttft", SERIES, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (figure,) = said["figures"]
    assert (figure["value"], figure["n"], figure["unit"]) == (300, 3, "ms")
    assert figure["instrument_error_ms"] == pytest.approx(0.017)
    assert figure["calibration"]["taken"] == 1
    (one,) = figure["runs"]
    path = published.traces / one["manifest"]
    assert one["manifest_sha256"] == trace.sha256(path)
    assert (one["run_id"], one["manifest_is"], one["code_version"], one["plan_sha256"]) == (
        RUN,
        "as published",
        "0",
        "0",
    )
    assert [row["request_id"] for row in figure["requests"]] == [f"{RUN}/{index:04d}" for index in range(3)]
    assert [row["value"] for row in figure["requests"]] == [300, 300, 300]


def test_a_view_says_the_same_without_the_command(once):
    found = run(once, "SELECT * FROM figure_runs WHERE target = 'local' AND metric = 'ttft_ms' AND dialect IS NULL")
    (row,) = found.to_dicts()
    assert row["figure"] == f"{streams.NIGHT}/local/w/s/ttft_ms"
    assert row["manifest"].endswith(f"{RUN}/manifest.json")
    assert (row["n"], row["value"], row["code_version"]) == (3, 300, "0")


def test_what_explain_shows_to_people_names_the_next_step(published, capsys):
    assert cli.main(["explain", "local_ttft", SERIES]) == 0
    said = capsys.readouterr().out
    assert "300 ms, n = 3; the recorder's own error ± 0.017 ms" in said
    assert "(as published)" in said
    assert f"next: tokenclock trace {RUN}/0000" in said


@pytest.mark.parametrize("chart", ["local_throughput", "dialects", "output_speed_llama_8b"])
def test_figures_of_runs_of_other_tools_and_of_families_are_explained_too(published, capsys, chart):
    series = {"local_throughput": SERIES, "dialects": SERIES, "output_speed_llama_8b": "Somebody"}[chart]
    assert cli.main(["explain", chart, series, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures
    for figure in figures:
        assert figure["runs"], figure["figure"]
        assert len(figure["requests"]) == 3, figure["figure"]


def test_a_series_of_published_figures_is_explained_by_its_source(published, capsys):
    label = next(row["label"] for row in rows(published, "output_speed_llama_70b") if "figure_id" in row)
    assert cli.main(["explain", "output_speed_llama_70b", label]) == 0
    said = capsys.readouterr().out
    assert "published by others, not measured here" in said
    assert "https://" in said


def test_a_manifest_that_changed_since_is_said_to_have(published, capsys):
    path = published.traces / f"night={streams.NIGHT}" / "target=local" / RUN / "manifest.json"
    path.write_text(path.read_text() + "\n")
    assert cli.main(["explain", "local_ttft", SERIES]) == 0
    assert "(changed since)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "x"], "no chart 'nowhere'"),
        (["nowhere", "x"], "local_ttft"),
        (["local_ttft", "This engine, x"], f"did you mean '{SERIES}'?"),
    ],
)
def test_an_unknown_chart_or_series_lists_the_known_ones(published, capsys, arguments, said):
    assert cli.main(["explain", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_a_chart_of_another_publication_than_the_warehouse_is_an_error_with_the_cure(published, capsys):
    path = published.charts / "local_ttft.vl.json"
    path.write_text(path.read_text().replace("/local/w/s/ttft_ms", "/local/w/s/other_ms"))
    assert cli.main(["explain", "local_ttft", SERIES]) == 1
    assert "chart and warehouse are of different publications" in capsys.readouterr().err


def test_what_a_night_has_cost_leads_to_its_runs(layout, monkeypatch):
    priced = {"usd_per_million_input": 1.0, "usd_per_million_output": 2.0, "price_source": "by hand"}
    nights.record(layout, target="hosted", **HOSTED, **priced)
    from pipeline import publish

    publish.build_night(layout, streams.NIGHT)
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])
    publish.publish_warehouse(layout)
    found = run(layout, "SELECT run_id, value FROM figure_runs WHERE metric = 'usd'")
    assert found.to_dicts() == [{"run_id": f"{streams.NIGHT}.hosted.w.s.r01", "value": pytest.approx(3 * 71e-6)}]
