"""The timeline of one request: reads by their bytes, events below them, marks across. Not a chart of the site."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from pipeline.charts import theme
from pipeline.charts.chart import AnyChart
from pipeline.errors import TokenclockError
from pipeline.trace import replace

MOST_MOMENTS = 5_000  # Altair draws no more
KINDS = ("svg", "png", "html")


class DrawError(TokenclockError):
    """The picture cannot be written as asked for; the message names what can."""


def write(title: str, subtitle: str, moments: Sequence[dict[str, Any]], path: Path) -> Path:
    """Draw moments (`at_ms`, `kind`, `what`, `bytes`) and write them as the path's ending says."""
    kind = path.suffix.lstrip(".")
    if kind not in KINDS:
        raise DrawError(f"{path}: end the name in .{', .'.join(KINDS)}")
    spec = theme.themed(_draw(title, subtitle, moments)).to_dict()
    if kind == "html":
        content = vl_convert.vegalite_to_html(spec, bundle=True).encode()
    elif kind == "png":
        content = vl_convert.vegalite_to_png(spec, scale=2)
    else:
        content = vl_convert.vegalite_to_svg(spec).encode()
    replace(path, content)
    return path


def _draw(title: str, subtitle: str, moments: Sequence[dict[str, Any]]) -> AnyChart:
    shown = pl.DataFrame(list(moments), infer_schema_length=None).head(MOST_MOMENTS)
    left_out = len(moments) - shown.height
    head = alt.TitleParams(
        title, subtitle=[subtitle, *([f"the last {left_out} moments left out"] if left_out else [])]
    )
    about = ["what:N", alt.Tooltip("at_ms:Q", format=",.3f", title="ms from sent"), "bytes:Q"]
    x = alt.X("at_ms:Q", title="milliseconds from sent", scale=alt.Scale(nice=False, padding=6))
    base = alt.Chart(shown)
    red = theme.HARDWARE["Cerebras"]
    marks = base.transform_filter("datum.kind == 'mark'")
    lines = marks.mark_rule(color=red, strokeDash=[4, 3]).encode(x=x.title(None), tooltip=about)
    reads = base.transform_filter("datum.kind == 'read'").mark_bar(width=2, color=theme.HARDWARE["GPU"])
    sizes = reads.encode(x=x.title(None), y=alt.Y("bytes:Q", title="bytes of a read"), tooltip=about)
    names = alt.Y("what:N", title=None, sort=alt.EncodingSortField("at_ms"))
    points = marks.mark_point(filled=True, size=60, color=red, opacity=1).encode(x=x.title(None), y=names)
    is_left = f"datum.at_ms < {max((one['at_ms'] for one in moments), default=0.0) / 2}"
    told = marks.transform_calculate(text="format(datum.at_ms, ',.3f') + ' ms'")
    texts = [
        told.transform_filter(side)
        .mark_text(align="left" if dx > 0 else "right", dx=dx, fontSize=11, color=theme.INK)
        .encode(x=x.title(None), y=names, text="text:N")
        for side, dx in ((is_left, 9), (f"!({is_left})", -9))
    ]
    ticks = base.transform_filter("datum.kind == 'event' || datum.kind == 'connection'")
    kinds = alt.Y("kind:N", title=None, sort=["connection", "event"])
    below = ticks.mark_tick(thickness=2, color=theme.INK).encode(x=x, y=kinds, tooltip=about)
    rows = shown.filter(pl.col("kind") == "mark")["what"].n_unique()
    panels = (
        alt.layer(sizes, lines).properties(width=theme.WIDTH, height=180),
        alt.layer(points, *texts).properties(width=theme.WIDTH, height=theme.ROW * max(rows, 1)),
        below.properties(width=theme.WIDTH, height=2 * theme.ROW),
    )
    drawn: AnyChart = alt.vconcat(*panels, title=head).resolve_scale(x="shared")
    return drawn
