"""What a chart is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import altair as alt
import duckdb

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.VConcatChart

FAMILIES = {"llama-8b": "Llama 3.1 8B", "llama-70b": "Llama 3.1 / 3.3 70B"}
"""The families that the site compares, with their titles."""


@dataclass(frozen=True)
class Chart:
    """A chart's name (its file's name), what it shows, where it stands, and how it is drawn.

    `owner`: for whoever runs the nights; it is drawn, and it is not on the page.
    """

    name: str
    title: str
    description: str
    group: Literal["comparison", "sweep", "local", "trend", "dialects", "owner"]
    order: int
    draw: Callable[[duckdb.DuckDBPyConnection], AnyChart]
