"""How releases are drawn: filled, because this pipeline measured them, and squares in a panel of their own.

They are of another date and machine than the night above, which each mark tells on hover. A mark is a load; the
number beside it is of the streams at once. Not a chart itself.
"""

import altair as alt
import polars as pl

from pipeline.charts import theme
from pipeline.charts.chart import AnyChart

TITLE = (
    "Released traces: measured by this pipeline elsewhere, date and machine on hover; numbers are streams at once"
)
ROW = 40
SHAPE = "square"

FIGURES = r"""
SELECT s.release, s.target, t.title, t.model_title,
       CASE WHEN length(t.title) > 40 THEN regexp_replace(t.title, ', ([^,]*)$', '|\1 · ') ELSE t.title || '|' END
       || s.workload AS label, t.hardware, t.precision,
       concat_ws(' ', t.engine, t.engine_version) AS engine, t.host AS recorded_on,
       strftime(s.night, '%Y-%m-%d') AS night, s.workload, s.concurrency, s.p10, s.p50, s.p90, s.n, s.success_rate
FROM released_summary AS s JOIN released_targets AS t USING (release, night, target)
WHERE s.family = $family AND s.metric = $metric AND s.provenance = 'measured' AND t.may_publish
ORDER BY label, s.concurrency, s.target
"""

_NAMED = 8
"""A load with a number beside it, like one stream and the most; between them the marks crowd."""

_APART = 1.55
"""Ratio of two figures whose numbers do not lie on each other, where the scale spans three decades."""

_ALIKE = 1.2
"""Ratio of two figures that may be said as one."""


def panel(figures: pl.DataFrame, x: alt.X, tooltip: list[alt.Tooltip], digits: int) -> AnyChart:
    """A row for each target and workload, from its lightest load to its heaviest."""
    data = figures.with_columns(text=_text(digits))
    axis = alt.Axis(labelExpr="split(datum.label, '|')", labelLineHeight=14)
    base = alt.Chart(data).encode(y=alt.Y("label:N", title=None, axis=axis), tooltip=tooltip)
    color = theme.HARDWARE["GPU"]
    line = base.mark_line(strokeWidth=1, opacity=0.5, color=color).encode(
        x=x, order="concurrency:Q", detail="label:N", tooltip=[]
    )
    marks = base.mark_point(shape=SHAPE, filled=True, size=70, opacity=0.9, color=color).encode(x=x)
    words = base.mark_text(dy=-11, fontSize=11, color=theme.INK).encode(x=x, text="text:N", tooltip=[])
    height = ROW * data["label"].n_unique()
    drawn: AnyChart = alt.layer(line, marks, words).properties(
        width=theme.WIDTH, height=height, title=theme.small(TITLE)
    )
    return drawn


def _text(digits: int) -> pl.Expr:
    """The number beside a mark: of one stream its figure, of others how many they are, where there is room."""
    load, figure = pl.col("concurrency"), pl.col("p50")
    most = load.max().over("label")
    one, heaviest = (figure.filter(load == at).first().over("label") for at in (pl.lit(1), load.max()))
    is_most_apart = _apart(heaviest, one)
    has_room = _apart(figure, one) & ((load == most) | _apart(figure, heaviest))
    alone = pl.format("{} at 1", figure.round(digits).cast(pl.Int64))
    return (
        pl.when(load == 1)
        .then(pl.when(_apart(heaviest, one, _ALIKE)).then(alone).otherwise(pl.format("{} to {}", alone, most)))
        .when((load == _NAMED) & has_room | (load == most) & is_most_apart)
        .then(load.cast(pl.String))
        .otherwise(pl.lit(""))
    )


def _apart(one: pl.Expr, other: pl.Expr, by: float = _APART) -> pl.Expr:
    ratio = (one / other).fill_null(float("inf"))
    return (ratio > by) | (ratio < 1 / by)
