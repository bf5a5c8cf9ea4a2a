"""Throughput against speed per user: the curve of every sweep, a line each, points labelled by their load."""

import math
from functools import partial

import altair as alt
import duckdb
import polars as pl

from pipeline.charts import theme
from pipeline.charts.chart import FAMILIES, AnyChart, Chart

HEIGHT = 360
MARK_PX, LETTER_PX, LINE_PX = 9, 6.5, 11
"""Side of a mark; width of a digit and height of a line beside it."""
BESIDE, ABOVE = 8, 6
"""Where a number stands from the middle of its mark, to the right and upwards."""
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
    "which more load brings less than 5 % more. A number that would lie on another shows on hover only. Solid "
    "lines with circles are of the last night, broken ones with squares of releases."
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
    return _layers(points.with_columns(_numbered(points))).properties(width=theme.WIDTH, height=HEIGHT, title=head)


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
    words = (
        base.transform_filter("datum.is_numbered")
        .mark_text(align="left", dx=BESIDE, dy=-ABOVE, fontSize=11)
        .encode(text=alt.Text("level:Q", format=",.3~f"))
    )
    layered: AnyChart = alt.layer(line, knees, marks, words)
    return layered


def _numbered(points: pl.DataFrame) -> pl.Series:
    """Whether a point's number is shown: on no other curve's mark, and on no number that is shown already."""
    across = _pixels(points["speed"], theme.WIDTH)
    upwards = _pixels(points["throughput"], HEIGHT)
    marks = list(zip(across, upwards, points["curve"], strict=True))
    shown: list[tuple[float, float, float]] = []
    kept = []
    for (x, y, curve), level in zip(marks, points["level"], strict=True):
        wide = LETTER_PX * len(format(level, ",.3g"))
        middle, height = x + BESIDE + wide / 2, y + ABOVE
        is_free = not any(
            abs(middle - other) < (wide + width) / 2 and abs(height - above) < LINE_PX
            for other, above, width in shown
        ) and not any(
            abs(middle - other) < (wide + MARK_PX) / 2 and abs(height - above) < (LINE_PX + MARK_PX) / 2
            for other, above, of in marks
            if of != curve
        )
        kept.append(is_free)
        if is_free:
            shown.append((middle, height, wide))
    return pl.Series("is_numbered", kept, dtype=pl.Boolean)


def _pixels(values: pl.Series, length: int) -> list[float]:
    """Where values lie on their axis."""
    low, high = _bounds(values)
    return [length * math.log(value / low) / math.log(high / low) for value in values]


def _bounds(values: pl.Series) -> tuple[float, float]:
    """The ends of a scale, with room for the numbers beside the marks."""
    low, high = (float(bound) for bound in (values.min(), values.max()))  # type: ignore[arg-type]  # numbers
    return low / 1.3, high * 1.3


def _scale(values: pl.Series) -> alt.Scale:
    return alt.Scale(type="log", nice=False, domain=list(_bounds(values)))


def _axis() -> alt.Axis:
    return alt.Axis(labelOverlap="greedy", labelSeparation=8, format=",~r", tickCount=8)


def _told(points: pl.DataFrame) -> list[alt.Tooltip]:
    """Everything known of a point, on hover."""
    hidden = {"curve", "origin", "is_per_gpu", "is_numbered"}
    return [
        alt.Tooltip(f"{name}:Q", format=",.4~r") if kind.is_float() else alt.Tooltip(f"{name}:N")
        for name, kind in points.schema.items()
        if name not in hidden
    ]
