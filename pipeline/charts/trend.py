"""Trend over nights: each target's median with its interval, night by night, and marks where its level changed."""

from dataclasses import dataclass
from functools import partial

import altair as alt
import duckdb
import polars as pl

from pipeline.charts import theme
from pipeline.charts.chart import AnyChart, Chart

MOST_ROWS = 5_000  # Altair draws no more
HEIGHT = 3 * theme.ROW

NIGHTS = """
SELECT concat_ws('/', s.night, s.target, s.workload, s.scenario, s.metric) AS figure,
       l.title || ', ' || l.model_title || ', ' || s.workload || ', ' || s.scenario AS label, s.night, s.p50,
       s.p50_low, s.p50_high, s.n, s.rounds, c.before, c.after, c.ratio, c.ratio_low, c.ratio_high
FROM summary AS s
JOIN (SELECT target, arg_max(title, night) AS title, arg_max(model_title, night) AS model_title
      FROM targets GROUP BY target) AS l USING (target)
LEFT JOIN changes AS c USING (target, model, workload, scenario, provenance, metric, night)
WHERE s.metric = $metric AND s.provenance = 'measured'
  AND (s.night, s.target) IN (SELECT (night, target) FROM targets WHERE may_publish)
ORDER BY label, s.night
"""

NOTHING = "A trend needs two nights. Tomorrow there may be one."


@dataclass(frozen=True)
class Trend:
    """A metric over the nights."""

    name: str
    metric: str
    title: str
    unit: str
    better: str


SHOWN = (
    Trend("ttft", "ttft_ms", "Time to first token", "milliseconds", "lower"),
    Trend("output_speed", "output_speed_tok_s", "Output speed of each stream", "tokens per second", "higher"),
)


def charts() -> list[Chart]:
    """Time to first token and output speed."""
    return [_chart(this, order) for order, this in enumerate(SHOWN)]


def _chart(this: Trend, order: int) -> Chart:
    title = f"Over the nights: {this.title.lower()}"
    text = (
        f"{this.title}, median of each night with its 95 % interval. A vertical line is a night from which on the "
        "level was another one, with the factor; a missing night is a gap."
    )
    return Chart(f"trend_{this.name}", title, text, "trend", order, partial(_draw, this, title))


def _draw(this: Trend, title: str, con: duckdb.DuckDBPyConnection) -> AnyChart:
    nights = con.sql(NIGHTS, params={"metric": this.metric}).pl()
    head = alt.TitleParams(title, subtitle=f"{this.better} is better; bars are 95 % intervals of the median")
    if nights["night"].n_unique() < 2:
        return theme.said(NOTHING, head)
    header = alt.Header(title=None, labelOrient="top", labelAnchor="start", labelFontSize=12, labelColor=theme.INK)
    drawn: AnyChart = (
        _layers(this)
        .facet(alt.Facet("label:N", header=header), columns=1, data=_latest(nights))
        .resolve_scale(y="independent")
        .properties(title=head, spacing=14)
    )
    return drawn


def _latest(nights: pl.DataFrame) -> pl.DataFrame:
    """As many of the last nights as can be drawn, with the stretch of nights without a gap that each is in."""
    shown = MOST_ROWS // nights["label"].n_unique()
    is_after_gap = (pl.col("night").diff() > pl.duration(days=1)).fill_null(value=True)
    return (
        nights.group_by("label", maintain_order=True)
        .tail(shown)
        .with_columns(stretch=is_after_gap.cum_sum().over("label"))
        .with_columns(pl.col("night").dt.to_string("%Y-%m-%d"), change=pl.format("× {}", pl.col("ratio").round(2)))
    )


def _layers(this: Trend) -> alt.LayerChart | alt.FacetChart:
    x = alt.X("night:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8))
    y = alt.Y("p50:Q", title=this.unit, scale=alt.Scale(zero=False, nice=True), axis=alt.Axis(tickCount=4))
    blue, red = theme.HARDWARE["GPU"], theme.HARDWARE["Cerebras"]
    base = alt.Chart().encode(x=x)
    line = base.mark_line(color=blue, opacity=0.4).encode(y=y, detail="stretch:N")
    bars = base.mark_rule(color=blue, strokeWidth=2, opacity=0.6).encode(y=alt.Y("p50_low:Q"), y2="p50_high:Q")
    told = [alt.Tooltip("night:N"), *(alt.Tooltip(f"{name}:Q", format=",.4~r") for name in _NUMBERS)]
    points = base.mark_point(filled=True, size=40, color=blue, opacity=1).encode(y=y, tooltip=told)
    changed = base.transform_filter("isValid(datum.after)")
    marks = changed.mark_rule(color=red, strokeDash=[4, 3]).encode(tooltip=told)
    text = changed.mark_text(fontSize=11, color=red, baseline="bottom")
    named = text.encode(y=alt.value(-3), text="change:N")
    return alt.layer(line, bars, points, marks, named, width=theme.WIDTH, height=HEIGHT)


_NUMBERS = ("p50", "p50_low", "p50_high", "n", "rounds", "before", "after", "ratio", "ratio_low", "ratio_high")
