"""Local targets in the last night: every request a dot, spread and median beside it."""

from dataclasses import dataclass
from functools import partial

import altair as alt
import duckdb
import polars as pl

from pipeline.charts import theme
from pipeline.charts.chart import AnyChart, Chart

REQUESTS = """
SELECT concat_ws('/', m.night, m.target, m.workload, m.scenario, '{metric}') AS figure,
       t.title || ', ' || r.scenario AS label, m.{metric} AS value, m.request_id, m.round, r.tokens, r.status
FROM {table} AS m JOIN requests AS r USING (request_id)
JOIN targets AS t ON t.night = m.night AND t.target = m.target
WHERE t.kind = 'local' AND m.provenance = 'measured' AND m.night = (SELECT max(night) FROM summary)
  AND m.{metric} IS NOT NULL
ORDER BY label, m.request_id
"""

SUMMARY = """
SELECT concat_ws('/', s.night, s.target, s.workload, s.scenario, s.metric) AS figure,
       t.title || ', ' || s.scenario AS label, s.p10, s.p50, s.p50_low, s.p50_high, s.p90, s.n, s.rounds
FROM summary AS s JOIN targets AS t USING (night, target)
WHERE t.kind = 'local' AND s.provenance = 'measured' AND s.night = (SELECT max(night) FROM summary)
  AND s.metric = $metric
ORDER BY s.concurrency, label
"""

RUNS = """
SELECT concat_ws('/', m.night, m.target, m.workload, m.scenario, '{metric}') AS figure,
       t.title || ', ' || m.scenario AS label, m.{metric} AS value, m.run_id, m.round, m.window_s, m.success_rate
FROM {table} AS m JOIN targets AS t USING (night, target)
WHERE t.kind = 'local' AND m.provenance = 'measured' AND m.night = (SELECT max(night) FROM summary)
  AND m.{metric} IS NOT NULL
ORDER BY label, m.run_id
"""

MACHINE = """
SELECT concat_ws(', ', concat_ws(' ', model_title, precision), concat_ws(' ', engine, engine_version)) AS what,
       host || ', night of ' || night AS "where"
FROM targets
WHERE kind = 'local' AND status = 'recorded' AND night = (SELECT max(night) FROM summary)
ORDER BY target
"""

TOLD = ("p10", "p50", "p50_low", "p50_high", "p90", "n", "rounds")
NOTHING = "No local target was measured. `make demo` measures one."


@dataclass(frozen=True)
class Local:
    """A metric of this machine's targets; `grain` is what a dot is."""

    table: str
    metric: str
    title: str
    unit: str
    better: str
    grain: str

    @property
    def query(self) -> str:
        """The dots."""
        return (REQUESTS if self.grain == "request" else RUNS).format(table=self.table, metric=self.metric)


SHOWN = (
    Local("ttft", "ttft_ms", "Time to first token", "milliseconds", "lower", "request"),
    Local(
        "output_speed",
        "output_speed_tok_s",
        "Output speed of each stream",
        "tokens per second",
        "higher",
        "request",
    ),
    Local(
        "throughput",
        "output_throughput_tok_s",
        "Throughput of all streams together",
        "tokens per second",
        "higher",
        "run",
    ),
)


def charts() -> list[Chart]:
    """Time to first token, output speed, and throughput of all streams together."""
    return [_chart(this, order) for order, this in enumerate(SHOWN)]


def _chart(this: Local, order: int) -> Chart:
    title = f"This machine: {this.title.lower()}"
    text = f"{this.title} of the engines that ran on this machine, {this.grain} by {this.grain}, in the last night."
    return Chart(f"local_{this.table}", title, text, "local", order, partial(_draw_local, this, title))


def _draw_local(this: Local, title: str, con: duckdb.DuckDBPyConnection) -> AnyChart:
    dots, spread = con.sql(this.query).pl(), con.sql(SUMMARY, params={"metric": this.metric}).pl()
    if dots.is_empty():
        return theme.said(NOTHING, alt.TitleParams(title))
    machine = [f"{what}; {where}" for what, where in con.sql(MACHINE).fetchall()]
    note = (
        f"{this.better} is better; each dot is a {this.grain}, the bar runs from p10 to p90, the tick is the "
        "median, the line through it its 95 % interval (none with one round)"
    )
    head = alt.TitleParams(title, subtitle=[*machine, note])
    return _draw(dots, spread, this.unit).properties(width=theme.WIDTH, height=_height(spread), title=head)


def _height(spread: pl.DataFrame) -> int:
    return 2 * theme.ROW * spread.height


def _draw(dots: pl.DataFrame, spread: pl.DataFrame, unit: str) -> AnyChart:
    order = spread["label"].to_list()
    y = alt.Y("label:N", sort=order, title=None)
    axis = alt.Axis(labelOverlap="greedy", labelSeparation=8, tickCount=10)
    x = alt.X("value:Q", title=unit, scale=alt.Scale(zero=True, nice=True), axis=axis)
    text = pl.format("{}  (n {})", pl.col("p50").round(1), "n")
    beside = alt.Chart(spread.with_columns(text=text)).encode(y=y)
    blue = theme.HARDWARE["GPU"]
    bar = beside.mark_bar(height=12, opacity=0.25, color=blue, cornerRadius=3).encode(x="p10:Q", x2="p90:Q")
    told = [alt.Tooltip(f"{name}:Q", format=",.1f") for name in TOLD]
    interval = beside.mark_rule(strokeWidth=2, color=theme.INK).encode(x="p50_low:Q", x2="p50_high:Q", tooltip=told)
    tick = beside.mark_tick(thickness=3, size=20, color=theme.INK).encode(x="p50:Q", tooltip=told)
    label = beside.mark_text(align="left", dy=-19, fontSize=11, color=theme.INK).encode(x="p50:Q", text="text:N")
    known = dots.drop("figure").schema
    about = [alt.Tooltip(f"{name}:{'N' if kind == pl.String else 'Q'}") for name, kind in known.items()]
    points = alt.Chart(dots).mark_point(filled=True, size=26, opacity=0.45, color=blue, yOffset=13)
    return alt.layer(bar, points.encode(x=x, y=y, tooltip=about), interval, tick, label)
