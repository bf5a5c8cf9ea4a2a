"""One row a request with metrics: how long until tokens came."""

import polars as pl

from pipeline.tables import metrics
from pipeline.tables.keys import KEYS, METRICS_NEED, with_metrics
from pipeline.tables.parts import Parts

INPUTS = ("requests",)
PARTS = Parts(by="requests", index="requests", has_reads=False)
USES = {"requests": (*METRICS_NEED, "is_connection_reused", *metrics.needs("ttft"))}

COLUMNS = {
    **KEYS,
    "is_connection_reused": "True where the connection was warm",
    **metrics.comments("ttft"),
}


def build(requests: pl.DataFrame) -> pl.DataFrame:
    """Latencies up to the first token."""
    return with_metrics(requests).select(*KEYS, "is_connection_reused", *metrics.expressions("ttft"))
