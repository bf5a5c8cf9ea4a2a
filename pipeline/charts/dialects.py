"""How far the definitions disagree: each tool's median of the same requests, beside ours."""

import altair as alt
import duckdb
import polars as pl

from pipeline.charts import theme
from pipeline.charts.chart import AnyChart, Chart

TITLE = "The same requests in other tools' words"

SAID = """
SELECT concat_ws('/', d.night, d.target, d.workload, d.scenario, d.metric, d.dialect) AS figure,
       t.title || ', ' || d.scenario AS label, d.dialect, d.version, d.metric, d.p50, o.p50 AS ours,
       d.p50 / o.p50 AS ratio, d.requests_counted, d.requests_sent, d.percentile_rule
FROM dialect_summary AS d
JOIN dialect_summary AS o ON o.dialect = 'tokenclock'
    AND o.metric = CASE d.metric WHEN 'itl_ms' THEN 'tpot_ms' ELSE d.metric END
    AND (o.night, o.target, o.workload, o.scenario) = (d.night, d.target, d.workload, d.scenario)
JOIN targets AS t ON (t.night, t.target) = (d.night, d.target)
WHERE d.night = (SELECT max(night) FROM summary) AND d.provenance = 'measured' AND t.may_publish AND o.p50 > 0
ORDER BY d.metric, d.dialect, label, d.workload
"""

EDGE = 4  # what is further off stands at the edge; nothing is to be read from how far
PANELS = {"ttft_ms": "TTFT", "itl_ms": "“ITL”, by our TPOT", "tpot_ms": "TPOT", "e2e_ms": "E2E", "tokens": "tokens"}

DESCRIPTION = (
    "Each mark is what a tool would have printed as its median for a target and scenario of the night, by ours: "
    "the same bytes, the same stamps, other formulas. No mark means that the tool has no such figure."
)


def charts() -> list[Chart]:
    """One chart for all tools and metrics."""
    return [Chart("dialects", TITLE, DESCRIPTION, "dialects", 0, _draw)]


def _draw(con: duckdb.DuckDBPyConnection) -> AnyChart:
    said = con.sql(SAID).pl().filter(pl.col("metric").is_in(list(PANELS)))
    title = alt.TitleParams(TITLE, subtitle="each tool's median by ours; 1 is agreement")
    if said.is_empty():
        return theme.said("Nothing was measured yet that tools could disagree about.", title)
    shown = said.with_columns(what=pl.col("metric").replace(PANELS))
    order = ["tokenclock", *sorted(set(said["dialect"]) - {"tokenclock"})]
    return _panels(shown, order).properties(title=title)


def _panels(shown: pl.DataFrame, order: list[str]) -> AnyChart:
    ticks = alt.Axis(values=[*range(EDGE + 1)], labelExpr=f"datum.value == {EDGE} ? '≥ {EDGE}' : datum.label")
    x = alt.X("ratio:Q", title=None, scale=alt.Scale(domain=[0, EDGE], clamp=True), axis=ticks)
    y = alt.Y("dialect:N", sort=order, title=None)
    about = [
        alt.Tooltip("label:N", title="target"),
        *(alt.Tooltip(f"{name}:N") for name in ("dialect", "version", "metric", "percentile_rule")),
    ]
    figures = [alt.Tooltip(f"{name}:Q", format=",.3f") for name in ("p50", "ours", "ratio")]
    counts = [alt.Tooltip(f"{name}:Q") for name in ("requests_counted", "requests_sent")]
    dots = (
        alt.Chart()
        .mark_point(filled=True, size=55, opacity=0.6, color=theme.HARDWARE["GPU"])
        .encode(x=x, y=y, tooltip=[*about, *figures, *counts])
    )
    agreement = alt.Chart().mark_rule(color=theme.SOFT, strokeDash=[3, 3]).encode(x=alt.datum(1))
    width = theme.WIDTH // len(PANELS)
    drawn: alt.FacetChart = (
        alt.layer(agreement, dots, data=shown)
        .properties(width=width, height=alt.Step(theme.ROW))
        .facet(column=alt.Column("what:N", sort=list(PANELS.values()), title=None))
    )
    return drawn
