"""Releases: measured elsewhere, recomputed here, published beside our nights and never as one of them."""

import shutil
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from pipeline import charts, checks, publish, releases, tables, trace, warehouse
from pipeline.layout import Layout
from pipeline.query import run
from tests import nights, streams

GPU = {"family": "llama-8b", "kind": "local", "engine": "e", "hardware": "NVIDIA H200 SXM", "model": "elsewhere"}
LATER = date(2026, 12, 24)


@pytest.fixture
def with_release(layout, monkeypatch):
    """An installation that carries one release, of a night later than any of its own."""
    folder = layout.data.parent / "carried"
    nights.record(Layout(folder / "gpu-box", layout.site), LATER, target="h200", **GPU)
    monkeypatch.setenv("TOKENCLOCK_RELEASES", str(folder))
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])  # takes seconds; `test_demo` checks a release
    return Layout.from_environment()


def audited(layout, night, *, passed):
    """What the checks said of a night."""
    one = {
        "table": "ttft",
        "name": "ttft_is_positive",
        "severity": "critical",
        "notes": "because",
        "observed": None,
    }
    result = checks.Result(**one, passed=passed, unexpected_count=0, sample=[], error=None)
    return [checks.Audit(table="ttft", night=night, files={}, checks_sha256="", results=[result])]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_release_is_computed_from_its_traces_where_they_lie_and_once(with_release):
    before = files(with_release.releases)
    assert list(publish.build_releases(with_release)) == ["gpu-box"]
    assert publish.build_releases(with_release) == {}
    assert files(with_release.releases) == before
    [one] = releases.carried(with_release)
    assert (one.name, one.nights, one.is_built) == ("gpu-box", [LATER], True)
    assert one.layout.tables.is_relative_to(with_release.data / "releases" / "gpu-box")
    assert {path.name for path in one.layout.tables.iterdir()} == set(releases.needed()) < set(tables.tables())
    one.layout.table("ttft", LATER).unlink()
    assert list(publish.build_releases(with_release)) == ["gpu-box"]
    assert list(publish.build_releases(with_release, again=True)) == ["gpu-box"]


def test_a_release_whose_traces_were_replaced_is_computed_anew(with_release):
    publish.build_releases(with_release)
    elsewhere = Layout(with_release.releases / "gpu-box", with_release.site)
    shutil.rmtree(elsewhere.traces)
    nights.record(elsewhere, LATER, target="h100", **GPU)
    [one] = releases.carried(with_release)
    assert not one.is_built
    assert list(publish.build_releases(with_release)) == ["gpu-box"]
    assert one.is_built
    assert releases.frame([one], "runs")["target"].unique().to_list() == ["h100"]


def test_what_was_released_stands_beside_our_nights_and_is_none_of_them(with_release):
    nights.record(with_release, target="ours", family="llama-8b")
    publish.build_night(with_release, streams.NIGHT)
    publish.build_releases(with_release)
    done = publish.publish_warehouse(with_release)
    assert (done.nights, done.releases) == ([streams.NIGHT], {"gpu-box": []})
    chart = next(one for one in charts.charts() if one.name == "ttft_llama_8b")
    with warehouse.connect(with_release) as con:
        for table in tables.tables():
            frame = con.table(table).pl()
            assert "target" not in frame.columns or "h200" not in frame["target"], table
        spec = charts.specification(chart, con)
    [row] = run(with_release, "SELECT * FROM released_summary WHERE metric = 'ttft_ms'").to_dicts()
    assert (row["release"], row["target"], row["night"], row["p50"]) == ("gpu-box", "h200", LATER, 300)
    ours, released, _ = spec["vconcat"]
    shown = [{row["target"] for row in spec["datasets"][one["data"]["name"]]} for one in (ours, released)]
    assert shown == [{"ours"}, {"h200"}]
    assert released["title"]["text"].startswith("Released traces: measured by this pipeline elsewhere")
    [point] = [layer for layer in released["layer"] if layer["mark"]["type"] == "point"]
    assert (point["mark"]["filled"], point["mark"]["shape"]) == (True, "square")
    assert {"release", "night", "hardware", "recorded_on"} <= {one["field"] for one in point["encoding"]["tooltip"]}


@pytest.mark.parametrize("passed", [True, False])
def test_a_release_that_fails_a_critical_check_is_held_back_and_shown(with_release, passed, monkeypatch):
    publish.build_releases(with_release)
    monkeypatch.setattr("pipeline.checks.ensure", partial(audited, passed=passed))
    done = publish.publish_warehouse(with_release)
    assert done.releases == {"gpu-box": [] if passed else ["ttft_is_positive"]}
    assert run(with_release, "SELECT * FROM released_summary").is_empty() is not passed
    [shown] = run(with_release, "SELECT release, check_name, passed FROM released_check_results").rows()
    assert shown == ("gpu-box", "ttft_is_positive", passed)


def test_a_damaged_release_is_refused_by_name(with_release):
    [reads] = with_release.releases.rglob("reads.parquet")
    reads.write_bytes(b"other bytes")
    with pytest.raises(trace.TraceError, match=r"reads.parquet: missing, or not the file its manifest vouches for"):
        publish.build_releases(with_release)


def test_without_releases_their_tables_are_there_and_empty(layout):
    assert releases.carried(layout) == []
    publish.publish_warehouse(layout)
    with warehouse.connect(layout) as con:
        for name in (*releases.SHOWN, "check_results"):
            assert con.table(f"released_{name}").pl().is_empty(), name


@pytest.mark.parametrize(
    ("name", "night", "count", "titles"),
    [
        (
            "h100-2026-11-27",
            date(2026, 11, 27),
            2082,
            {
                "H100, vLLM bf16, random weights",
                "H100, vLLM fp8, random weights",
                "H100, transformers serve, CUDA graphs, random weights",
            },
        ),
        ("h200-2026-11-24", date(2026, 11, 24), 718, {"H200, transformers serve, random weights"}),
    ],
)
def test_the_project_carries_its_releases_whole_and_says_that_their_weights_are_random(name, night, count, titles):
    here = Layout(data=Path("nowhere"), site=Path("nowhere"))
    one = {one.name: one for one in releases.carried(here)}[name]
    assert one.nights == [night]
    requests, _ = trace.load(one.layout.traces, night)
    assert requests.height == count
    recorded = trace.manifests(one.layout.traces, night)
    assert {run.engine["details"]["weights"] for run in recorded} == {"random"}
    assert {run.target.title for run in recorded} == titles
