"""What is behind a series of a published chart: its figures, their runs and manifests, and the requests in them.

The chart's own data name the figures (`figure`); the warehouse's view `figure_runs` resolves them. Reads only.
"""

import json
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import duckdb

from pipeline import trace, warehouse
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.tables.metrics import METRICS

RUNS = "SELECT * FROM figure_runs WHERE list_contains($figures, figure) ORDER BY figure, run_id"

CALIBRATED = """
SELECT count(*) AS taken, string_agg(DISTINCT clock_source ORDER BY clock_source) AS clock_source,
       max(stamp_error_p99_ns) / 1e6 AS worst_p99_ms
FROM calibration WHERE error IS NULL AND (night, recorder, concurrency, tok_s, coalesce(is_tls, false)) IN
    (SELECT (i.night, i.recorder, i.calibrated_streams, i.calibrated_tok_s, i.is_calibrated_over_tls)
     FROM instrument AS i
     JOIN runs AS r USING (night, target, workload, scenario) WHERE list_contains($runs, r.run_id))
"""

PUBLISHED = "SELECT * FROM published_figures WHERE figure_id = $figure_id"

REQUESTS = """
SELECT request_id, {value} AS value FROM {table}
WHERE list_contains($runs, run_id) AND {where} ORDER BY request_id
"""

IN_DIALECT = """
SELECT request_id, value FROM metric_dialects
WHERE list_contains($runs, run_id) AND dialect = $dialect AND metric = $metric ORDER BY request_id
"""


class ExplainError(TokenclockError):
    """Nothing of that name is published; the message lists what is."""


@dataclass(frozen=True)
class Figure:
    """A figure of a series: its value and n, the recorder's own error in it, and the runs that it is made of."""

    figure: str
    value: float | None
    unit: str | None
    n: int | None
    instrument_error_ms: float | None
    error_share: float | None
    calibration: dict[str, Any]
    runs: list[dict[str, Any]]
    requests: list[dict[str, Any]]


@dataclass(frozen=True)
class Explained:
    """A series: what we measured of it, and what others published under the same name."""

    chart: str
    series: str
    figures: list[Figure]
    published: list[dict[str, Any]]


def explain(layout: Layout, chart: str, series: str) -> Explained:
    """Resolve a series, by its name on a published chart, to the runs and requests behind its figures."""
    known = _series(layout, chart)
    if series not in known:
        close = get_close_matches(series, known, n=1)
        raise ExplainError(
            f"chart {chart} has no series {series!r}"
            + (f"; did you mean {close[0]!r}?" if close else "")
            + f"; it has: {'; '.join(map(repr, sorted(known))) or 'none, nothing was measured for it'}"
        )
    with warehouse.connect(layout) as con:
        ours = [key for key, is_ours in known[series].items() if is_ours]
        runs = _rows(con, RUNS, figures=ours)
        figures = [_figure(layout, con, key, [run for run in runs if run["figure"] == key]) for key in ours]
        keys = [key for key, is_ours in known[series].items() if not is_ours]
        published = [row for key in keys for row in _rows(con, PUBLISHED, figure_id=key)]
    return Explained(chart, series, figures, published)


def _series(layout: Layout, chart: str) -> dict[str, dict[str, bool]]:
    """The series of a published chart: the keys of each one's figures, and whether they are ours."""
    path = layout.charts / f"{chart}.vl.json"
    if not path.exists():
        names = sorted(one.name.removesuffix(".vl.json") for one in layout.charts.glob("*.vl.json"))
        told = f"published are: {', '.join(names)}" if names else "nothing is published; `tokenclock publish` does"
        raise ExplainError(f"no chart {chart!r} in {layout.charts}; {told}")
    found: dict[str, dict[str, bool]] = {}
    for rows in json.loads(path.read_bytes()).get("datasets", {}).values():
        for row in rows:
            if key := row.get("figure") or row.get("figure_id"):
                found.setdefault(str(row["label"]), {})[key] = "figure" in row
    return found


def _figure(layout: Layout, con: duckdb.DuckDBPyConnection, key: str, runs: list[dict[str, Any]]) -> Figure:
    if not runs:
        raise ExplainError(
            f"figure {key} is on the chart and not in {layout.warehouse}: chart and warehouse are of different "
            "publications; `tokenclock publish` makes both anew, `tokenclock verify` tells what differs"
        )
    first = runs[0]
    ids = [run["run_id"] for run in runs]
    whole = ("value", "unit", "n", "instrument_error_ms", "error_share")
    return Figure(
        key,
        **{name: first[name] for name in whole},
        calibration=_rows(con, CALIBRATED, runs=ids)[0],
        runs=[{**_of_run(run), "manifest_is": _is(layout, run)} for run in runs],
        requests=_requests(con, ids, first["metric"], first["dialect"]),
    )


def _of_run(run: dict[str, Any]) -> dict[str, Any]:
    names = ("run_id", "outcome", "started_at", "requests_recorded", "manifest", "manifest_sha256")
    return {name: run[name] for name in (*names, "code_version", "code_commit", "plan_sha256")}


def _is(layout: Layout, run: dict[str, Any]) -> str:
    """Whether the manifest on disk is the one that was published."""
    path = layout.traces / str(run["manifest"])
    if not path.is_file():
        return "missing"
    return "as published" if trace.sha256(path) == run["manifest_sha256"] else "changed since"


def _requests(
    con: duckdb.DuckDBPyConnection, runs: list[str], metric: str, dialect: str | None
) -> list[dict[str, Any]]:
    """The requests that a figure is made of, each with its value where it has one of its own."""
    if dialect is not None:
        return _rows(con, IN_DIALECT, runs=runs, dialect=dialect, metric=metric)
    table = METRICS[metric].table if metric in METRICS else None
    if table is not None and _is_of_requests(con, table):
        query = REQUESTS.format(value=metric, table=table, where=f"{metric} IS NOT NULL")
    else:
        query = REQUESTS.format(value="NULL::DOUBLE", table="requests", where="has_metrics AND NOT is_warmup")
    return _rows(con, query, runs=runs)


def _is_of_requests(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether a row of the table is a request: not a run, and not a gap between two tokens."""
    columns = con.sql("SELECT column_name FROM duckdb_columns() WHERE table_name = $t", params={"t": table})
    return "request_id" in {name for (name,) in columns.fetchall()} and table != "itl"


def _rows(con: duckdb.DuckDBPyConnection, query: str, **params: str | list[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = con.sql(query, params=params).pl().to_dicts()
    return rows
