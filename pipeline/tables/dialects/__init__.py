"""Metrics in other tools' words, one file a tool: formulas of its own over the same marks of the same events.

A module here says in `DIALECTS` what a tool takes for a token, which requests it counts, how it computes each of
its metrics and its percentiles; all in the terms of `_marks`. A figure of a dialect is never shown in one series
with that of another.
"""

import importlib
import pkgutil
from functools import cache

from pipeline.tables.dialects._contract import Dialect, Formula
from pipeline.tables.dialects._marks import marks
from pipeline.tables.dialects._percentiles import at

__all__ = ["METRICS", "Dialect", "Formula", "at", "known", "marks"]

METRICS = {
    "ttft_ms": "ms",
    "itl_ms": "ms",
    "tpot_ms": "ms/token",
    "e2e_ms": "ms",
    "tokens": "tokens",
    "output_speed_tok_s": "tok/s",
}
"""What tools publish, with our units; the same name says something else in each."""


@cache
def known() -> dict[str, Dialect]:
    """Every dialect of every module in this folder, by name."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return {one.name: one for module in modules if hasattr(module, "DIALECTS") for one in module.DIALECTS}
