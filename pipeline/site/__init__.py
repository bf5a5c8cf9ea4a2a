"""The site: one page that holds everything, readable offline, written from the warehouse alone.

Belongs here: what stands on the page and in the downloads. How it looks is in `page.html` and `style.css`.
"""

import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from pipeline import __version__, charts, dictionary
from pipeline.layout import Layout
from pipeline.site import diagram
from pipeline.tables import dialects
from pipeline.tables.metrics import METRICS
from pipeline.trace import replace

DOWNLOADS = (
    "summary",
    "ttft",
    "output_speed",
    "throughput",
    "requests",
    "runs",
    "trace_files",
    "targets",
    "planned_runs",
    "calibration",
    "instrument",
    "comparison",
    "identity",
    "early_stopping",
    "server_timings",
    "limits",
    "changes",
    "itl",
    "cost",
    "bandwidth",
    "hardware",
    "sweeps",
    "knees",
    "released_targets",
    "released_summary",
    "released_throughput",
    "released_sweeps",
    "released_knees",
    "released_hardware",
    "metric_dialects",
    "dialect_summary",
    "published_figures",
)

LATEST = """
SELECT l.title, l.model_title, coalesce(l.hardware, 'not known') AS hardware, l.scenario, l.requests_sent,
       l.success_rate, t.n, t.p10 AS ttft_p10, t.p50 AS ttft_p50, t.p90 AS ttft_p90,
       t.p50_low AS ttft_low, t.p50_high AS ttft_high, s.p50_low AS speed_low, s.p50_high AS speed_high,
       s.p10 AS speed_p10, s.p50 AS speed_p50, s.p90 AS speed_p90, l.output_throughput_p50_tok_s AS throughput,
       coalesce(s.token_source, '–') AS token_source, l.provenance, i.instrument_error_ms,
       i.error_share AS ttft_error_share
FROM latest_night AS l
LEFT JOIN instrument AS i ON i.metric = 'ttft_ms'
    AND (i.night, i.target, i.workload, i.scenario) = (l.night, l.target, l.workload, l.scenario)
LEFT JOIN summary AS t ON t.metric = 'ttft_ms'
    AND (t.night, t.target, t.workload, t.scenario) = (l.night, l.target, l.workload, l.scenario)
LEFT JOIN summary AS s ON s.metric = 'output_speed_tok_s'
    AND (s.night, s.target, s.workload, s.scenario) = (l.night, l.target, l.workload, l.scenario)
JOIN targets AS about ON (about.night, about.target) = (l.night, l.target) AND about.may_publish
ORDER BY l.family, l.title, l.concurrency, l.workload, l.scenario, l.target
"""

TARGETS = """
SELECT title, model_title, model_id,
       CASE WHEN status = 'recorded' AND NOT may_publish THEN 'not shown' ELSE status END AS status,
       CASE WHEN status = 'recorded' AND NOT may_publish
            THEN 'measured; nobody has said that the provider''s terms allow it to be shown (may_publish)'
            ELSE reason END AS reason,
       host, engine, engine_version, precision, provenance
FROM targets WHERE night = (SELECT max(night) FROM targets) ORDER BY status, title, model_title
"""

HIDDEN = "SELECT 1 FROM targets WHERE status = 'recorded' AND NOT may_publish LIMIT 1"

PAIRS = """
SELECT ours.title AS target, theirs.title AS other, ours.model_title, c.workload, c.scenario, c.metric, c.rounds,
       c.ratio, c.ratio_low, c.ratio_high, coalesce(c.verdict, 'one round cannot tell') AS verdict
FROM comparison AS c
JOIN targets AS ours ON (ours.night, ours.target) = (c.night, c.target) AND ours.may_publish
JOIN targets AS theirs ON (theirs.night, theirs.target) = (c.night, c.other) AND theirs.may_publish
WHERE c.night = (SELECT max(night) FROM summary) AND c.metric IN ('ttft_ms', 'output_speed_tok_s')
ORDER BY c.family, c.workload, c.scenario, c.metric, target, other
"""

IDENTITY = """
SELECT t.title, t.model_title, t.model_id, coalesce(i.precision, 'not stated') AS precision, i.others, i.agreeing,
       i.prefix_tokens, i.unit, i.token_agreement, i.verdict, i.provenance
FROM identity_by_target AS i JOIN targets AS t USING (night, target)
WHERE i.night = (SELECT max(night) FROM summary) AND t.may_publish
ORDER BY i.verdict = 'agrees', i.family, i.model, t.title, i.probe
"""

CHANGES = """
SELECT target, workload, scenario, metric, unit, night, before, after, ratio, ratio_low, ratio_high, is_recent
FROM changes WHERE (night, target) IN (SELECT (night, target) FROM targets WHERE may_publish)
ORDER BY night DESC, target, workload, scenario, metric
"""

RUNS = """
SELECT night, min(started_at) AS first, count(*) AS runs, count(DISTINCT round) AS rounds,
       sum(requests_recorded) AS requests, any_value(code_version ORDER BY run_id) AS code_version,
       any_value(code_commit ORDER BY run_id) AS code_commit, any_value(plan_sha256 ORDER BY run_id) AS plan_sha256,
       (SELECT max_by(head, entry) FROM ledger) AS ledger_head, (SELECT max(entry) FROM ledger) AS ledger_entries
FROM runs WHERE night = (SELECT max(night) FROM summary) GROUP BY night
"""

CHECKS = """
SELECT table_name, check_name, severity, passed, notes, unexpected_count
FROM check_results WHERE night = (SELECT max(night) FROM summary) ORDER BY passed, severity, table_name, check_name
"""

PUBLISHED = """
SELECT provider, model, metric, value, published_at, coalesce(hardware, '–') AS hardware,
       coalesce(precision, '–') AS precision, measured_by, source_url, confidence, note
FROM published_figures ORDER BY family DESC, metric, value DESC, figure_id
"""

DIALECTS = """
SELECT t.title || ', ' || t.model_title || ', ' || d.scenario AS what, d.dialect, d.version,
       d.dialect = 'tokenclock' AS is_ours,
       any_value(d.requests_counted) FILTER (d.metric = 'ttft_ms') AS counted, any_value(d.requests_sent) AS sent,
       any_value(d.p50) FILTER (d.metric = 'ttft_ms') AS ttft, any_value(d.p50) FILTER (d.metric = 'itl_ms') AS itl,
       any_value(d.p50) FILTER (d.metric = 'tpot_ms') AS tpot, any_value(d.p50) FILTER (d.metric = 'e2e_ms') AS e2e,
       any_value(d.p50) FILTER (d.metric = 'tokens') AS tokens,
       any_value(d.token_source) FILTER (d.metric = 'tokens') AS token_source, any_value(d.percentile_rule) AS rule
FROM dialect_summary AS d JOIN targets AS t USING (night, target)
WHERE night = (SELECT max(night) FROM summary) AND t.may_publish
GROUP BY ALL ORDER BY what, is_ours DESC, dialect
"""

CALIBRATION = """
SELECT concurrency, tok_s, rate_req_s, is_tls, count(*) AS taken,
       string_agg(DISTINCT clock_source ORDER BY clock_source) AS clock_source,
       max(stamp_error_p50_ns) / 1e3 AS stamp_p50_us, max(stamp_error_p99_ns) / 1e3 AS stamp_p99_us,
       max(ttft_error_p50_ns) / 1e3 AS ttft_us, max(shared_read_share) AS shared, max(cpu_share) AS cpu
FROM calibration WHERE night = (SELECT max(night) FROM summary) AND error IS NULL
GROUP BY ALL ORDER BY concurrency, tok_s, rate_req_s, is_tls
"""


@dataclass(frozen=True)
class Drawn:
    """A chart as the page needs it: its words, its SVG, and its Vega-Lite to make it answer the mouse."""

    name: str
    title: str
    description: str
    svg: Markup
    spec: Markup


@dataclass(frozen=True)
class Download:
    """A file beside the page."""

    name: str
    what: str
    kib: int


def publish(layout: Layout, con: duckdb.DuckDBPyConnection) -> Path:
    """Write downloads, then the page; return the page's path. `con` is the published warehouse, read-only."""
    files = _downloads(layout, con)
    page = layout.site / "index.html"
    replace(layout.site / "warehouse.html", dictionary_page(con).encode())
    replace(page, _page(layout, con, files).encode())
    return page


def dictionary_page(con: duckdb.DuckDBPyConnection) -> str:
    """The data dictionary as a page of its own."""
    known = dictionary.read(con)
    return (
        _environment()
        .get_template("warehouse.html")
        .render(
            version=__version__,
            style=Markup(_text("style.css")),  # noqa: S704 - our own file
            diagram=Markup(diagram.svg(known)),  # noqa: S704 - drawn here, of escaped names
            tables=[one for one in known.relations if one.kind == "table"],
            views=[one for one in known.relations if one.kind == "view"],
            macros=known.macros,
            queries=known.queries,
        )
    )


def _page(layout: Layout, con: duckdb.DuckDBPyConnection, files: list[Download]) -> str:
    drawn = {group: _charts(layout, group) for group in charts.GROUPS if group != "owner"}
    [[nights]] = con.sql("SELECT count(DISTINCT night) FROM summary").fetchall()
    return (
        _environment()
        .get_template("page.html")
        .render(
            version=__version__,
            style=Markup(_text("style.css")),  # noqa: S704 - our own file
            script=_bundle(),
            comparison=drawn["comparison"],
            sweep=drawn["sweep"],
            local=drawn["local"],
            trend=drawn["trend"] if nights > 1 else [],
            changes=_rows(con, CHANGES),
            pairs=_rows(con, PAIRS),
            identity=_rows(con, IDENTITY),
            disagreement=drawn["dialects"],
            said=_rows(con, DIALECTS),
            tools=_tools(),
            latest=_rows(con, LATEST),
            targets=_rows(con, TARGETS),
            run=next(iter(_rows(con, RUNS)), None),
            checks=_rows(con, CHECKS),
            calibration=_rows(con, CALIBRATION),
            published=_rows(con, PUBLISHED),
            metrics=list(METRICS.values()),
            files=files,
        )
    )


def _tools() -> list[dict[str, Any]]:
    """Every dialect with its definitions in words."""
    return [
        {"dialect": one, "said": {name: formula.text for name, formula in dialects.formulas(one).items()}}
        for one in dialects.known().values()
    ]


def render(template: str, **values: Any) -> str:
    """Another page in the look of the first."""
    style = Markup(_text("style.css"))  # noqa: S704 - our own file
    return _environment().get_template(template).render(version=__version__, style=style, **values)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("pipeline.site", "."), autoescape=select_autoescape(), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["number"] = _number
    return made


def _number(value: float | None, digits: int = 0) -> str:
    """A number for people; nothing measured is a dash, never a zero."""
    return "–" if value is None else f"{value:,.{digits}f}"


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


@cache
def _bundle() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    code = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")
    return Markup(code.replace("</script", "<\\/script").replace("<!--", "<\\!--"))  # noqa: S704 - a library's code, not data


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = con.sql(query).pl().to_dicts()
    return rows


def _charts(layout: Layout, group: str) -> list[Drawn]:
    return [_drawn(layout, chart) for chart in charts.charts() if chart.group == group]


def _drawn(layout: Layout, chart: charts.Chart) -> Drawn:
    svg = (layout.charts / f"{chart.name}.svg").read_text("utf-8")
    spec = json.loads((layout.charts / f"{chart.name}.vl.json").read_text("utf-8"))
    return Drawn(chart.name, chart.title, chart.description, Markup(svg), _json(spec))  # noqa: S704 - drawn by Vega, which escapes its data


def _json(value: object) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, sort_keys=True)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - every character with a meaning in HTML is escaped above


def _downloads(layout: Layout, con: duckdb.DuckDBPyConnection) -> list[Download]:
    """The tables as CSV and Parquet, and the warehouse itself where all of it may be shown."""
    folder = layout.site / "downloads"
    made = []
    for name in DOWNLOADS:
        frame = con.sql(_shown(con, name)).pl()
        replace(folder / f"{name}.csv", _csv(frame))
        replace(folder / f"{name}.parquet", _parquet(frame))
        made += [_download(folder / f"{name}.{kind}", f"{frame.height:,} rows") for kind in ("csv", "parquet")]
    whole = folder / "warehouse.duckdb"
    if con.sql(HIDDEN).fetchall():
        whole.unlink(missing_ok=True)
        return made
    replace(whole, layout.warehouse.read_bytes())
    return [*made, _download(whole, "every table and view, with comments (DuckDB 2)")]


def _shown(con: duckdb.DuckDBPyConnection, name: str) -> str:
    """A table without the figures of targets that may not be shown. `targets` is whole."""
    columns = con.sql(f'SELECT * FROM "{name}" LIMIT 0').columns  # noqa: S608 - names from the list above
    about = "released_targets" if name.startswith("released_") else "targets"
    who = [column for column in ("target", "other") if {"night", column} <= set(columns) and name != about]
    shown = f"SELECT (night, target) FROM {about} WHERE may_publish"  # noqa: S608 - as above
    keep = [f"(night, {column}) IN ({shown})" for column in who]
    where = " AND ".join(keep) or "true"
    return f'SELECT * FROM "{name}" WHERE {where} ORDER BY ALL'  # noqa: S608 - as above


def _download(path: Path, what: str) -> Download:
    return Download(path.name, what, -(-path.stat().st_size // 1024))


def _csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", row_group_size=250_000)
    return buffer.getvalue()
