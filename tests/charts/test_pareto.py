"""Throughput against speed per user: ours solid with circles, releases broken with squares, knees ringed."""

from datetime import date

import duckdb
import polars as pl
import pytest

from pipeline import charts

LAST = date(2026, 11, 27)
FACTS = ("hardware", "host", "precision", "engine", "engine_version")
FIGURES = ("throughput_gain", "ttft_p50_ms", "ttft_p95_ms", "slo_share", "joules_per_token")


def point(level, speed, throughput, **more):
    known = {
        "release": None, "night": LAST, "family": "llama-8b", "target": "t", "title": "T", "model_title": "M",
        **dict.fromkeys(FACTS, "x"), **dict.fromkeys(FIGURES, 0.5), "may_publish": True, "provenance": "measured",
        "workload": "w", "sweep": "s", "load": "closed", "level": float(level), "is_knee": level == 2, "gpus": 2,
        "output_throughput_tok_s": throughput, "throughput_per_gpu_tok_s": throughput / 2,
        "output_speed_p50_tok_s": speed,
    }  # fmt: skip
    return {**known, **more}


def drawn(*points):
    """The chart of these points: its Vega-Lite, and the rows in it."""
    chart = next(one for one in charts.charts() if one.name == "pareto_llama_8b")
    with duckdb.connect() as con:
        con.register("curve", pl.DataFrame(points, schema_overrides={"release": pl.String}))
        con.register("summary", pl.DataFrame({"night": [LAST]}))
        spec = charts.specification(chart, con)
    return spec, next(iter(spec["datasets"].values()))


OURS = [point(1, 100.0, 100.0), point(2, 90.0, 180.0), point(4, 50.0, 185.0)]
THEIRS = point(1, 40.0, 40.0, release="box", night=date(2026, 11, 24), title="H200, random weights")


def test_every_sweep_is_a_line_from_its_lightest_load_to_its_heaviest():
    spec, rows = drawn(*OURS, THEIRS)
    assert [(row["curve"], row["level"]) for row in rows] == [
        ("H200, random weights, w (box)", 1.0), ("T, w", 1.0), ("T, w", 2.0), ("T, w", 4.0),
    ]  # fmt: skip
    assert [row["throughput"] for row in rows] == [20, 50, 90, 92.5]
    line, knees, marks, words = spec["layer"]
    assert line["encoding"]["order"]["field"] == words["encoding"]["text"]["field"] == "level"
    assert knees["transform"] == [{"filter": "datum.is_knee"}]
    assert marks["encoding"]["y"]["title"] == "tokens per second for each GPU"
    told = {one["field"] for one in marks["encoding"]["tooltip"]}
    assert {"night", "hardware", "recorded_on", "release", "ttft_p95_ms", "joules_per_token", "gpus"} <= told


def test_a_release_is_told_from_the_last_night_by_line_and_mark():
    spec, rows = drawn(*OURS, THEIRS)
    assert len({row["origin"] for row in rows}) == 2
    line, _, marks, _ = spec["layer"]
    assert line["encoding"]["strokeDash"]["field"] == marks["encoding"]["shape"]["field"] == "origin"
    assert marks["encoding"]["shape"]["scale"]["range"] == ["circle", "square"]


@pytest.mark.parametrize(
    "more",
    [{"provenance": "simulated"}, {"may_publish": False}, {"night": date(2026, 11, 26)}, {"family": "llama-70b"}],
)
def test_what_is_simulated_hidden_old_or_of_another_family_is_not_drawn(more):
    _, rows = drawn(*OURS, point(8, 10.0, 10.0, target="other", title="Other", **more))
    assert {row["title"] for row in rows} == {"T"}


def test_without_a_sweep_the_chart_says_where_one_is():
    _, rows = drawn({**OURS[0], "family": "another"})
    assert "plans/h100-8b.toml" in rows[0]["text"]


def test_a_number_that_would_lie_on_another_is_not_drawn():
    beside = [
        point(level, speed * 1.01, throughput, workload="z")
        for level, speed, throughput in ((1, 100, 100), (8, 20, 9))
    ]
    spec, rows = drawn(*OURS, *beside)
    assert {(row["curve"], row["level"]): row["is_numbered"] for row in rows} == {
        ("T, w", 1.0): True, ("T, w", 2.0): True, ("T, w", 4.0): True, ("T, z", 1.0): False, ("T, z", 8.0): True,
    }  # fmt: skip
    assert spec["layer"][-1]["transform"] == [{"filter": "datum.is_numbered"}]
