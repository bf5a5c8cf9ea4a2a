"""One row a request with metrics: how fast its tokens flowed, and when it was done."""

import polars as pl

from pipeline.tables import metrics
from pipeline.tables.keys import KEYS, METRICS_NEED, with_metrics
from pipeline.tables.parts import Parts

INPUTS = ("requests",)
PARTS = Parts(by="requests", index="requests", has_reads=False)
USES = {"requests": (*METRICS_NEED, "tokens", "token_source", *metrics.needs("output_speed"))}

COLUMNS = {
    **KEYS,
    "tokens": "Output tokens",
    "token_source": "recounted (the model's own tokenizer over the whole text) or reported (the provider's usage)",
    **metrics.comments("output_speed"),
}


def build(requests: pl.DataFrame) -> pl.DataFrame:
    """Speed of each stream and its end-to-end latency."""
    return with_metrics(requests).select(*KEYS, "tokens", "token_source", *metrics.expressions("output_speed"))
