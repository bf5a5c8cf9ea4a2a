"""Charts, drawn from the warehouse alone: one file a kind of chart, found by listing this folder.

A chart's module has `charts() -> list[Chart]`. What was measured is drawn filled, what others published
hollow and in a panel of its own; releases are filled squares in another; what was simulated is a grey cross in a
panel that says so; imported figures are not drawn.
"""

import importlib
import json
import pkgutil
from pathlib import Path

import altair as alt
import duckdb
import vl_convert

from pipeline.charts.chart import FAMILIES, Chart
from pipeline.charts.series import refuse_mixed
from pipeline.charts.theme import themed
from pipeline.layout import Layout
from pipeline.trace import replace

__all__ = ["FAMILIES", "GROUPS", "Chart", "charts", "on_page", "render"]

PNG_SCALE = 2
GROUPS = ("comparison", "sweep", "local", "trend", "dialects", "owner")


def charts() -> list[Chart]:
    """Every chart, in the order of the site: comparisons first, sweeps, this machine's own targets, then trends."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    loaded = [importlib.import_module(f"{__name__}.{name}") for name in names]
    found = [chart for module in loaded if hasattr(module, "charts") for chart in module.charts()]
    return sorted(found, key=lambda chart: (GROUPS.index(chart.group), chart.order, chart.name))


def on_page() -> list[Chart]:
    """The charts that the site shows; an owner's are drawn for the owner alone."""
    return [chart for chart in charts() if chart.group != "owner"]


def specification(chart: Chart, con: duckdb.DuckDBPyConnection) -> dict[str, object]:
    """The chart as Vega-Lite with its data in it; the same warehouse gives the same bytes."""
    drawn: alt.TopLevelMixin = themed(chart.draw(con))
    spec: dict[str, object] = json.loads(drawn.to_json(indent=None))
    refuse_mixed(chart.name, spec)
    return {**spec, "description": f"{chart.title}. {chart.description}"}


def render(chart: Chart, con: duckdb.DuckDBPyConnection, layout: Layout) -> dict[str, Path]:
    """Draw a chart and write SVG, PNG and Vega-Lite JSON, each in one rename; return their paths by kind."""
    spec = specification(chart, con)
    made = {
        "vl.json": json.dumps(spec, sort_keys=True).encode(),
        "svg": vl_convert.vegalite_to_svg(spec).encode(),
        "png": vl_convert.vegalite_to_png(spec, scale=PNG_SCALE),
    }
    paths = {kind: layout.charts / f"{chart.name}.{kind}" for kind in made}
    for kind, content in made.items():
        replace(paths[kind], content)
    return paths
