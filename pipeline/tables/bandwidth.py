"""One row a request with an output speed, where the hardware is known: how near it is to the memory's limit.

Every token of a stream reads the weights once; the hardware's memory bandwidth bounds how often that can be.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.tables import metrics
from pipeline.tables.keys import KEYS, METRICS_NEED, with_metrics
from pipeline.tables.parts import Parts
from pipeline.tables.recorded import Recorded

INPUTS = ("trace", "requests")
PARTS = Parts(by="requests", index="requests", has_reads=False)
USES = {"requests": (*METRICS_NEED, "hardware", "token_source", *metrics.needs("output_speed"))}

FACTS = Path(__file__).with_suffix(".toml")

COLUMNS = {
    **KEYS,
    "hardware": "What the target is said (hosted) or seen (local) to run on",
    "precision": "Precision of the weights",
    "bandwidth_bytes_s": "Memory bandwidth of that hardware, bytes a second",
    "bandwidth_source": "Where that is from",
    "measured_bytes_s": "What such hardware moved in a measurement of ours; null where none was made",
    "measured_source": "Which",
    "bytes_per_token": "Bytes of weights that a token of one stream reads",
    "bytes_source": "Where that is from",
    "token_source": "Where the tokens of the request are from: recounted or reported",
    **metrics.comments("bandwidth"),
}

_FIGURES = ("bandwidth_bytes_s", "measured_bytes_s", "bytes_per_token")
_SOURCES = ("bandwidth_source", "measured_source", "bytes_source")
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "run_id": pl.String,
    **dict.fromkeys(("precision", *_SOURCES), pl.String),
    **dict.fromkeys(_FIGURES, pl.Float64),
}


def build(recorded: Recorded, requests: pl.DataFrame) -> pl.DataFrame:
    """The share of the ceiling of every request whose ceiling is known."""
    runs = [
        _ceiling(one.run_id, one.target.hardware, one.target.family, one.target.precision)
        for one in recorded.manifests
    ]
    known = pl.DataFrame([run for run in runs if run], schema=_SCHEMA)
    return (
        with_metrics(requests)
        .join(known, on="run_id")
        .with_columns(metrics.expressions("bandwidth"))
        .drop_nulls("bandwidth_ceiling_share")
        .select(*COLUMNS)
        .sort("request_id")
    )


@cache
def facts() -> dict[str, Any]:
    """Bandwidths and weights, with their sources."""
    return tomllib.loads(FACTS.read_text("utf-8"))


def _ceiling(run_id: str, hardware: str | None, family: str, precision: str | None) -> dict[str, object] | None:
    systems = [one for one in facts()["hardware"] if hardware in one["names"]]
    weights = [one for one in facts()["weights"] if one["family"] == family and precision in one["precisions"]]
    if not systems or not weights:
        return None
    measured = systems[0].get("measured_tb_s")
    return {
        "run_id": run_id,
        "precision": precision,
        "bandwidth_bytes_s": systems[0]["tb_s"] * 1e12,
        "bandwidth_source": systems[0]["source"],
        "measured_bytes_s": measured * 1e12 if measured else None,
        "measured_source": systems[0].get("measured_source"),
        "bytes_per_token": weights[0]["gb_per_token"] * 1e9,
        "bytes_source": weights[0]["source"],
    }
