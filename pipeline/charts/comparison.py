"""The comparison of a family: ours above, filled; the published figures below, hollow; one x axis.

What was simulated, and what was released, stands between them, each in a panel and in marks of its own.

Not a chart itself: `output_speed` and `ttft` are.
"""

from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import duckdb
import polars as pl

from pipeline.charts import released, simulated, theme
from pipeline.charts.chart import FAMILIES, AnyChart, Chart

PERIODS = {"autumn-2024": "published, autumn 2024", "other": "published, another date"}


@dataclass(frozen=True)
class Comparison:
    """A metric that both sides have. `digits`: decimals of the labels; `order`: place within a family."""

    name: str
    title: str
    order: int
    metric: str
    axis: str
    better: Literal["higher", "lower"]
    digits: int

    @property
    def format(self) -> str:
        """d3's number format for labels."""
        return f",.{self.digits}f"


OURS = """
SELECT concat_ws('/', s.night, s.target, s.workload, s.scenario, s.metric) AS figure, s.target, t.provider_title,
       t.title || CASE WHEN min(t.model_id) OVER one < max(t.model_id) OVER one THEN ', ' || t.model_id ELSE '' END
               || CASE WHEN s.concurrency > 1 THEN ', ' || s.scenario ELSE '' END AS label,
       t.model_title, t.model_id, coalesce(t.hardware, 'not known') AS hardware, s.scenario, s.concurrency,
       s.p10, s.p50, s.p50_low, s.p50_high, s.p90, s.n, s.success_rate, strftime(s.night, '%Y-%m-%d') AS night
FROM summary AS s JOIN targets AS t USING (night, target)
WHERE s.family = $family AND s.metric = $metric AND s.provenance = $provenance AND t.may_publish
  AND s.night = (SELECT max(night) FROM summary)
WINDOW one AS (PARTITION BY t.title)
ORDER BY label, s.target
"""

PUBLISHED = """
SELECT figure_id, provider || CASE WHEN model LIKE 'Llama 3.1 %' THEN ''
                        ELSE ', ' || regexp_replace(model, ' [0-9]+B$', '') END AS label,
       model, value, published_at, period, coalesce(precision, 'not stated') AS precision,
       coalesce(hardware, 'not known') AS hardware, coalesce(workload, 'not stated') AS workload, measured_by,
       confidence, note, source_url AS source
FROM published_figures WHERE family = $family AND metric = $metric AND provenance = 'published'
ORDER BY label, value, figure_id
"""


def chart(this: Comparison, family: str, description: str) -> Chart:
    """The chart of one family."""

    def draw(con: duckdb.DuckDBPyConnection) -> AnyChart:
        return _draw(this, family, con)

    order = 10 * list(FAMILIES).index(family) + this.order
    name = f"{this.name}_{family.replace('-', '_')}"
    return Chart(name, f"{FAMILIES[family]}: {this.title}", description, "comparison", order, draw)


def _draw(this: Comparison, family: str, con: duckdb.DuckDBPyConnection) -> AnyChart:
    names = {"family": family, "metric": this.metric}
    ours, pretended = (
        con.sql(OURS, params={**names, "provenance": provenance}).pl().with_columns(kind=_kind())
        for provenance in ("measured", "simulated")
    )
    theirs = con.sql(PUBLISHED, params=names).pl().with_columns(kind=_kind())
    carried = con.sql(released.FIGURES, params=names).pl()
    subtitle = f"{this.better} is better, logarithmic scale"
    head = alt.TitleParams(f"{FAMILIES[family]}: {this.title}", subtitle=subtitle, frame="group")
    x = _scale([*_ends(ours), *_ends(pretended), *carried["p50"], *theirs["value"]])
    between = [] if pretended.is_empty() else [_simulated(this, pretended, x)]
    if not carried.is_empty():
        between.append(released.panel(carried, _x(this, "p50", x), _told(carried, this), this.digits))
    panels = [_ours(this, ours, x), *between, _theirs(this, theirs, x)]
    both: AnyChart = alt.vconcat(*panels, title=head).resolve_scale(color="independent", shape="independent")
    return both


def _scale(values: list[float]) -> alt.Scale:
    """A logarithmic scale with room for labels on both sides."""
    return alt.Scale(type="log", nice=False, domain=[min(values) / 1.35, max(values) * 1.5] if values else [1, 10])


def _ends(ours: pl.DataFrame) -> list[float]:
    """Where our marks end."""
    return [value for name in ("p10", "p50_low", "p50_high", "p90") for value in ours[name].drop_nulls()]


def _kind() -> pl.Expr:
    """Whose hardware it is, in the palette's words."""
    hardware = pl.col("hardware")
    is_gpu = hardware.str.contains("GPU|H100|H200|A100|B200|MI300")
    kind = pl.when(is_gpu).then(pl.lit("GPU")).otherwise(pl.lit("other"))
    for name in ("Cerebras", "Groq", "SambaNova"):
        kind = pl.when(hardware.str.contains(name)).then(pl.lit(name)).otherwise(kind)
    return kind


def _x(this: Comparison, column: str, scale: alt.Scale) -> alt.X:
    axis = alt.Axis(labelOverlap="greedy", labelSeparation=8, format=",~r", tickCount=8)
    return alt.X(f"{column}:Q", title=this.axis, scale=scale, axis=axis)


def _y(frame: pl.DataFrame, column: str, this: Comparison) -> alt.Y:
    """Rows sorted by their best value."""
    best = frame.group_by("label").agg(pl.col(column).max() if this.better == "higher" else pl.col(column).min())
    order = best.sort(column, "label", descending=[this.better == "higher", False])["label"].to_list()
    return alt.Y("label:N", sort=order, title=None)


def _hardware() -> alt.Scale:
    return alt.Scale(domain=list(theme.HARDWARE), range=list(theme.HARDWARE.values()))


def _ours(this: Comparison, ours: pl.DataFrame, x: alt.Scale) -> AnyChart:
    title = "Measured by this pipeline: median with its 95 % interval, bar from p10 to p90, n requests"
    if ours.is_empty():
        text = "Nothing measured for this family yet. `make plan` tells which key is missing."
        return theme.said(text, theme.small(title))
    data = ours.with_columns(text=_counted(this))
    color = alt.Color("kind:N", scale=_hardware(), legend=None)
    base = alt.Chart(data).encode(y=_y(data, "p50", this), color=color, tooltip=_told(ours, this))
    spread = base.mark_bar(height=7, opacity=0.35, cornerRadius=3).encode(x=_x(this, "p10", x), x2="p90:Q")
    interval = base.mark_rule(strokeWidth=2).encode(x=_x(this, "p50_low", x), x2="p50_high:Q")
    median = base.mark_point(filled=True, size=110, opacity=1).encode(x=_x(this, "p50", x))
    text = base.mark_text(align="left", dx=10, dy=-9, fontSize=11).encode(
        x=_x(this, "p50", x), text="text:N", color=alt.value(theme.INK)
    )
    return _panel(alt.layer(spread, interval, median, text), data, title)


def _counted(this: Comparison) -> pl.Expr:
    """A median in words, with its n."""
    rounded = pl.col("p50").round(this.digits).cast(pl.Int64 if this.digits == 0 else pl.Float64)
    return pl.format("{}  (n {})", rounded, "n")


def _simulated(this: Comparison, pretended: pl.DataFrame, x: alt.Scale) -> AnyChart:
    data = pretended.with_columns(text=_counted(this))
    base = alt.Chart(data).encode(y=_y(data, "p50", this), tooltip=_told(pretended, this))
    layers = simulated.layers(base, _x(this, "p10", x), _x(this, "p50", x))
    return _panel(layers, data, simulated.TITLE)


def _theirs(this: Comparison, theirs: pl.DataFrame, x: alt.Scale) -> AnyChart:
    title = "Published by others: hollow marks, source and date on hover"
    if theirs.is_empty():
        return theme.said("No published figure of this family and metric is carried.", theme.small(title))
    best = pl.col("value").max() if this.better == "higher" else pl.col("value").min()
    data = theirs.with_columns(
        period=pl.col("period").replace_strict(PERIODS), is_best=pl.col("value") == best.over("label")
    )
    base = alt.Chart(data).encode(x=_x(this, "value", x), y=_y(data, "value", this), tooltip=_told(theirs, this))
    shape = alt.Shape(
        "period:N",
        title=None,
        scale=alt.Scale(domain=list(PERIODS.values()), range=["circle", "diamond"]),
        legend=alt.Legend(symbolFillColor="white", symbolStrokeColor=theme.SOFT),
    )
    squares = alt.Legend(title="hardware", symbolType="square", symbolStrokeWidth=3, symbolOpacity=1)
    stroke = alt.Stroke("kind:N", scale=_hardware(), legend=squares)
    marks = base.mark_point(filled=False, size=90, strokeWidth=2, opacity=0.9).encode(shape=shape, stroke=stroke)
    side: dict[str, Any] = {"align": "left", "dx": 11} if this.better == "higher" else {"align": "right", "dx": -11}
    labels = (
        base.transform_filter("datum.is_best")
        .transform_aggregate(value="max(value)", groupby=["label"])
        .mark_text(fontSize=11, color=theme.SOFT, **side)
        .encode(text=alt.Text("value:Q", format=this.format), tooltip=[])
    )
    return _panel(alt.layer(marks, labels), data, title)


def _told(frame: pl.DataFrame, this: Comparison) -> list[alt.Tooltip]:
    """Everything known of a mark, on hover."""
    numbers = {"p10", "p50", "p50_low", "p50_high", "p90", "value"}
    return [
        alt.Tooltip(f"{name}:Q", format=this.format) if name in numbers else alt.Tooltip(f"{name}:N")
        for name in frame.columns
        if name not in {"kind", "provider_title", "label", "figure", "figure_id"}
    ]


def _panel(layers: AnyChart, data: pl.DataFrame, title: str) -> AnyChart:
    height = theme.ROW * data["label"].n_unique()
    return layers.properties(width=theme.WIDTH, height=height, title=theme.small(title))
