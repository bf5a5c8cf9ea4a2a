"""One row a request with metrics of a hosted target with a price: what it cost."""

import polars as pl

from pipeline.tables import metrics
from pipeline.tables.keys import KEYS, METRICS_NEED, with_metrics
from pipeline.tables.parts import Parts
from pipeline.tables.recorded import Recorded
from pipeline.tables.spend import PRICES, prices

INPUTS = ("trace", "requests")
PARTS = Parts(by="requests", index="requests", has_reads=False)
USES = {"requests": (*METRICS_NEED, "prompt_tokens", "tokens_reported")}

COLUMNS = {
    **KEYS,
    "prompt_tokens": "Input tokens that the provider reported",
    "tokens_reported": "Output tokens that the provider reported",
    "token_source": "reported: providers bill what they count",
    "usd_per_million_input": "Price of that night",
    "usd_per_million_output": "Price of that night",
    "price_source": "Where the price is from",
    **metrics.comments("cost"),
}


def build(recorded: Recorded, requests: pl.DataFrame) -> pl.DataFrame:
    """Cost of every request whose usage and price are known."""
    return (
        with_metrics(requests)
        .join(prices(recorded).drop_nulls(PRICES[:2]), on="run_id")
        .drop_nulls(["prompt_tokens", "tokens_reported"])
        .with_columns(metrics.expressions("cost"), token_source=pl.lit("reported"))
        .select(*COLUMNS)
        .sort("request_id")
    )
