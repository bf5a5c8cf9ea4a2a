"""The chart: stamp error p99 of every client over the number of streams, from the stored rows alone."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl
import vl_convert

from bench.collector.report import TITLES
from pipeline.charts.theme import small, themed

Row = dict[str, Any]

COLORS = {"ours": "#0072b2", "bare": "#7a7a7a", "httpx_raw": "#d55e00", "aiohttp_any": "#cc79a7"}
WIDTH, HEIGHT = 170, 150
TICKS_US = [10**power for power in range(8)]


def svg(runs: Sequence[dict[str, Any]]) -> str:
    """All runs of the grid, one below the other."""
    drawn = alt.vconcat(*(_panels(run) for run in runs if run["kind"] == "grid"))
    return vl_convert.vegalite_to_svg(themed(drawn).to_json())


def _panels(run: dict[str, Any]) -> alt.VConcatChart:
    """A panel for each rate, plain above TLS; all on one scale."""
    machine = run["machine"]
    rows = [row for row in run["rows"] if row["tok_s"] and row["waves"] == 1 and row.get("stamp_error_p99_us")]
    lines = [
        alt.hconcat(*(_panel(rows, rate, is_tls=is_tls) for rate in dict.fromkeys(_rate(row) for row in rows)))
        for is_tls in sorted({row["is_tls"] for row in rows})
    ]
    title = alt.TitleParams(
        "How late a client's stamp of an event is: p99, µs, over the number of streams",
        subtitle=f"{machine['cpu']}, {machine['cpu_count']} CPUs, {run['priority']} priority",
    )
    return alt.vconcat(*lines, title=title)


def _panel(rows: Sequence[Row], rate: str, *, is_tls: bool) -> alt.Chart:
    shown = [row for row in rows if _rate(row) == rate and row["is_tls"] == is_tls]
    streams = sorted({row["streams"] for row in rows})
    errors = [row["stamp_error_p99_us"] for row in rows]
    scale = alt.Scale(type="log", domain=[1, max(errors)], clamp=True)
    chart: alt.Chart = (
        alt.Chart(_points(shown))
        .mark_line(point=True)
        .encode(
            x=alt.X("streams:O", title=None, axis=alt.Axis(labelAngle=0), scale=alt.Scale(domain=streams)),
            y=alt.Y("error_us:Q", title=None, scale=scale, axis=alt.Axis(values=TICKS_US, format=",d")),
            color=_color(rows),
        )
        .properties(width=WIDTH, height=HEIGHT, title=small(f"{rate}, {'TLS' if is_tls else 'plain TCP'}"))
    )
    return chart


def _points(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(
        [(_title(row["client"]), row["streams"], row["stamp_error_p99_us"]) for row in rows],
        schema={"client": pl.String, "streams": pl.Int64, "error_us": pl.Float64},
        orient="row",
    )


def _title(client: str) -> str:
    return TITLES.get(client, client)


def _rate(row: Row) -> str:
    return f"{row['tok_s']:,} tok/s{', aligned' * row['is_aligned']}"


def _color(rows: Sequence[Row]) -> alt.Color:
    shown = [client for client in COLORS if any(row["client"] == client for row in rows)]
    scale = alt.Scale(domain=[_title(client) for client in shown], range=[COLORS[client] for client in shown])
    return alt.Color("client:N", title=None, scale=scale)
