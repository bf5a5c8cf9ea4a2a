"""Throughput against speed per user: the curve of every sweep, a line each, points labelled by their load."""

from functools import partial

import altair as alt
import duckdb
import polars as pl

from pipeline.charts import theme
from pipeline.charts.chart import FAMILIES, AnyChart, Chart

HEIGHT = 360
COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a", "#1b2733"]
MEASURED, RELEASED = "this installation, last night", "a release: other date, other machine"

CURVES = """
SELECT title || ', ' || workload || CASE WHEN load = 'open' THEN ', open loop' ELSE '' END
           || CASE WHEN release IS NULL THEN '' ELSE ' (' || release || ')' END AS curve,
       CASE WHEN release IS NULL THEN $measured ELSE $released END AS origin,
       release, strftime(night, '%Y-%m-%d') AS night, title, model_title, hardware, host AS recorded_on, precision,
       concat_ws(' ', engine, engine_version) AS engine, workload, sweep, load, level,
       output_speed_p50_tok_s AS speed, coalesce(throughput_per_gpu_tok_s, output_throughput_tok_s) AS throughput,
       throughput_per_gpu_tok_s IS NOT NULL AS is_per_gpu, gpus, output_throughput_tok_s, ttft_p50_ms, ttft_p95_ms,
       slo_share, joules_per_token, is_knee
FROM curve
WHERE provenance = 'measured' AND may_publish AND family = $family
  AND (release IS NOT NULL OR night = (SELECT max(night) FROM summary))
  AND output_speed_p50_tok_s IS NOT NULL AND output_throughput_tok_s IS NOT NULL
ORDER BY curve, level
"""

DESCRIPTION = (
    "Each line is a sweep, from its lightest load to its heaviest: across, the speed that one user sees; upwards, "
    "the tokens a second of all together, for each GPU where their number is known. A ring marks the knee, after "
    "which more load brings less than 5 % more. Solid lines with circles are of the last night, broken ones with "
    "squares of releases."
)


def charts() -> list[Chart]:
    """One chart a family that the site compares."""
    return [
        Chart(
            f"pareto_{family.replace('-', '_')}",
            f"{title}: throughput against speed per user",
            DESCRIPTION,
            "sweep",
            order,
            partial(_draw, family, title),
        )
        for order, (family, title) in enumerate(FAMILIES.items())
    ]


def _draw(family: str, title: str, con: duckdb.DuckDBPyConnection) -> AnyChart:
    names = {"family": family, "measured": MEASURED, "released": RELEASED}
    points = con.sql(CURVES, params=names).pl()
    subtitle = (
        "up and to the right is better, logarithmic; numbers are streams at once (open loop: requests a second)"
    )
    head = alt.TitleParams(f"{title}: throughput against speed per user", subtitle=subtitle)
    if points.is_empty():
        return theme.said("No sweep of this family was measured yet; plans/h100-8b.toml holds one.", head)
    return _layers(points).properties(width=theme.WIDTH, height=HEIGHT, title=head)


def _layers(points: pl.DataFrame) -> AnyChart:
    is_per_gpu = points["is_per_gpu"].all()
    upwards = (
        "tokens per second for each GPU"
        if is_per_gpu
        else "tokens per second of all streams (each GPU, where known)"
    )
    curves = points["curve"].unique().sort().to_list()
    x = alt.X(
        "speed:Q",
        title="speed of one user's stream, tokens per second",
        scale=_scale(points["speed"]),
        axis=_axis(),
    )
    y = alt.Y("throughput:Q", title=upwards, scale=_scale(points["throughput"]), axis=_axis())
    palette = alt.Scale(domain=curves, range=[COLORS[number % len(COLORS)] for number in range(len(curves))])
    color = alt.Color(
        "curve:N",
        title=None,
        scale=palette,
        legend=alt.Legend(columns=1, labelLimit=theme.WIDTH, symbolType="square"),
    )
    origins, legend = [MEASURED, RELEASED], alt.Legend(orient="top", labelLimit=0)
    dashes = alt.Scale(domain=origins, range=[[1, 0], [5, 3]])
    dash = alt.StrokeDash("origin:N", scale=dashes, title=None, legend=legend)
    shapes = alt.Scale(domain=origins, range=["circle", "square"])
    shape = alt.Shape("origin:N", scale=shapes, title=None, legend=legend)
    base = alt.Chart(points).encode(x=x, y=y, color=color)
    line = base.mark_line(strokeWidth=1.5, opacity=0.7).encode(order="level:Q", strokeDash=dash)
    marks = base.mark_point(filled=True, size=70, opacity=1).encode(shape=shape, tooltip=_told(points))
    knees = base.transform_filter("datum.is_knee").mark_point(filled=False, size=260, strokeWidth=2)
    words = base.mark_text(align="left", dx=8, dy=-6, fontSize=11).encode(text=alt.Text("level:Q", format=",.3~f"))
    layered: AnyChart = alt.layer(line, knees, marks, words)
    return layered


def _scale(values: pl.Series) -> alt.Scale:
    low, high = (float(bound) for bound in (values.min(), values.max()))  # type: ignore[arg-type]  # numbers
    return alt.Scale(type="log", nice=False, domain=[low / 1.3, high * 1.3])


def _axis() -> alt.Axis:
    return alt.Axis(labelOverlap="greedy", labelSeparation=8, format=",~r", tickCount=8)


def _told(points: pl.DataFrame) -> list[alt.Tooltip]:
    """Everything known of a point, on hover."""
    hidden = {"curve", "origin", "is_per_gpu"}
    return [
        alt.Tooltip(f"{name}:Q", format=",.4~r") if kind.is_float() else alt.Tooltip(f"{name}:N")
        for name, kind in points.schema.items()
        if name not in hidden
    ]
