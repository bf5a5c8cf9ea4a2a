"""The columns that say which request a row of a metric table is about."""

import polars as pl

KEYS = {
    "request_id": "Key. Run and index of the request",
    "run_id": "Run that the request belongs to",
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "round": "Pass over all targets within the night, from 1",
    "provenance": "measured, imported, published or simulated; never drawn alike",
}


METRICS_NEED = (*KEYS, "has_metrics", "is_warmup")
"""Columns of requests that a table of those with metrics has to look at."""


def with_metrics(requests: pl.DataFrame) -> pl.DataFrame:
    """The requests that enter metrics: ended as complete or length, and not warm-up."""
    return requests.filter("has_metrics", ~pl.col("is_warmup"))
