"""How charts look: one palette, one type size, white ground in light and dark pages alike."""

from typing import Any

import altair as alt
import polars as pl

from pipeline.charts.chart import AnyChart

WIDTH = 620
ROW = 26
INK, SOFT, RULE = "#1b2733", "#5b6875", "#d9dee3"

# Okabe and Ito's colours, told apart by people with colour-blindness too.
HARDWARE = {
    "Cerebras": "#d55e00",
    "Groq": "#cc79a7",
    "SambaNova": "#009e73",
    "GPU": "#0072b2",
    "other": "#7a7a7a",
}
_FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif"

_TITLE = {
    "anchor": "start",
    "color": INK,
    "fontSize": 16,
    "subtitleColor": SOFT,
    "subtitleFontSize": 12,
    "offset": 14,
}
_AXIS = {
    "labelColor": INK,
    "titleColor": SOFT,
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "gridColor": RULE,
    "domain": False,
    "ticks": False,
    "labelPadding": 6,
    "labelLimit": 260,
}
_LEGEND = {
    "labelColor": INK,
    "titleColor": SOFT,
    "titleFontWeight": "normal",
    "labelFontSize": 12,
    "orient": "bottom",
}
_CONFIG: dict[str, Any] = {
    "background": "white",
    "padding": 14,
    "font": _FONT,
    "view": {"stroke": None},
    "title": _TITLE,
    "axis": _AXIS,
    "legend": _LEGEND,
    "concat": {"spacing": 26},
}


def themed(chart: AnyChart) -> AnyChart:
    """Give a chart the common look."""
    configured: AnyChart = chart.configure(**_CONFIG)
    return configured


def small(text: str) -> alt.TitleParams:
    """The title of a panel."""
    return alt.TitleParams(text, fontSize=12, color=SOFT, fontWeight="normal", offset=8, frame="group")


def said(text: str, title: alt.TitleParams) -> alt.Chart:
    """A picture that says in words why there is nothing to draw."""
    data = pl.DataFrame({"text": [text]})
    words = alt.Chart(data).mark_text(align="left", fontSize=13, color=SOFT, baseline="middle")
    drawn: alt.Chart = words.encode(text="text:N", x=alt.value(0)).properties(width=WIDTH, height=ROW, title=title)
    return drawn
