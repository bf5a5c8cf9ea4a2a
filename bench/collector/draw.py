"""The chart: stamp error p99 of every client over the number of streams, from the stored rows alone."""

from typing import Any

import altair as alt
import polars as pl
import vl_convert

from bench.collector.report import TITLES
from pipeline.charts.theme import themed

COLORS = {"ours": "#0072b2", "bare": "#7a7a7a", "httpx_raw": "#d55e00", "aiohttp_any": "#cc79a7"}
WIDTH, HEIGHT = 170, 170


def svg(runs: list[dict[str, Any]]) -> str:
    """All runs of the grid, one below the other."""
    drawn = alt.vconcat(*(_panels(run) for run in runs if run["kind"] == "grid")).resolve_scale(color="shared")
    return vl_convert.vegalite_to_svg(themed(drawn).to_json())


def _panels(run: dict[str, Any]) -> alt.FacetChart:
    """A panel for each rate, plain above TLS."""
    machine = run["machine"]
    rows = [row for row in run["rows"] if row["tok_s"] and row["waves"] == 1 and not row["error"]]
    panels: alt.FacetChart = (
        alt.Chart(_points(rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("streams:O", title="streams", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("error_us:Q", title="stamp error p99, µs", scale=alt.Scale(type="log")),
            color=_color(rows),
        )
        .properties(width=WIDTH, height=HEIGHT)
        .facet(
            column=alt.Column("rate:N", title=None, sort=list(dict.fromkeys(_rate(row) for row in rows))),
            row=alt.Row("transport:N", title=None, sort=["plain TCP", "TLS"]),
            title=alt.TitleParams(
                "How late a client's stamp of an event is",
                subtitle=f"{machine['cpu']}, {machine['cpu_count']} CPUs, {run['priority']} priority",
            ),
        )
    )
    return panels


def _points(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "client": TITLES.get(row["client"], row["client"]),
                "streams": row["streams"],
                "rate": _rate(row),
                "transport": "TLS" if row["is_tls"] else "plain TCP",
                "error_us": row["stamp_error_p99_us"],
            }
            for row in rows
        ]
    )


def _rate(row: dict[str, Any]) -> str:
    return f"{row['tok_s']:,} tok/s{', aligned' * row['is_aligned']}"


def _color(rows: list[dict[str, Any]]) -> alt.Color:
    shown = [client for client in COLORS if any(row["client"] == client for row in rows)]
    scale = alt.Scale(domain=[TITLES[client] for client in shown], range=[COLORS[client] for client in shown])
    return alt.Color("client:N", title=None, scale=scale)
