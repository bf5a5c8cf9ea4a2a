"""One row a night, hosted target and price: what its requests cost, by the provider's own count of tokens."""

import polars as pl

from pipeline.tables.recorded import Recorded

INPUTS = ("trace", "requests")
USES = {
    "requests": (
        *("run_id", "night", "target", "provider", "model", "family", "provenance", "sent_ns", "http_status"),
        *("tokens_reported", "prompt_tokens"),
    )
}

COLUMNS = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan; a row for each price that it had in the night",
    "provider": "Who runs the endpoint",
    "model": "Model of the plan",
    "family": "Models that one chart compares",
    "provenance": "measured, imported, published or simulated; never drawn alike",
    "requests_sent": "Requests that were sent, warm-up and retries among them",
    "requests_without_usage": "Of these, answers without tokens reported; what they cost is not in usd",
    "prompt_tokens": "Input tokens that the provider reported",
    "completion_tokens": "Output tokens that the provider reported",
    "usd_per_million_input": "Price of that night",
    "usd_per_million_output": "Price of that night",
    "price_source": "Where the price is from",
    "usd": "What the reported tokens cost; null where no price was known",
    "target_max_usd": "What the plan allows the target a night; null without a limit of its own",
    "night_max_usd": "What the plan allows the night; null in traces that do not say",
}

PRICES = ("usd_per_million_input", "usd_per_million_output", "price_source")


def build(recorded: Recorded, requests: pl.DataFrame) -> pl.DataFrame:
    """Cost of every hosted target of the night."""
    input_usd = pl.col("prompt_tokens") * pl.col("usd_per_million_input")
    output_usd = pl.col("completion_tokens") * pl.col("usd_per_million_output")
    answered = pl.col("sent_ns").is_not_null() & ~(pl.col("http_status") >= 400).fill_null(value=False)
    return (
        requests.join(prices(recorded), on="run_id")
        .group_by("night", "target", "provider", "model", "family", "provenance", *PRICES)
        .agg(
            requests_sent=pl.col("sent_ns").is_not_null().sum().cast(pl.Int64),
            requests_without_usage=(answered & pl.col("tokens_reported").is_null()).sum().cast(pl.Int64),
            prompt_tokens=pl.col("prompt_tokens").sum(),
            completion_tokens=pl.col("tokens_reported").sum(),
        )
        .with_columns(usd=(input_usd + output_usd) / 1e6, **_limits(recorded))
        .select(*COLUMNS)
        .sort("target", *PRICES)
    )


def _limits(recorded: Recorded) -> dict[str, pl.Expr]:
    """max_usd of target and night, as the census has them."""
    census = recorded.census
    of_target = {one.name: one.max_usd for one in census.targets} if census else {}
    known = pl.col("target").replace_strict(of_target, default=None, return_dtype=pl.Float64)
    return {
        "target_max_usd": known,
        "night_max_usd": pl.lit(census.max_usd if census else None, pl.Float64),
    }


def prices(recorded: Recorded) -> pl.DataFrame:
    """The price in force for each run of a hosted target."""
    hosted = [one for one in recorded.manifests if one.target.kind == "hosted"]
    rows = [{"run_id": one.run_id, **{name: getattr(one.target, name) for name in PRICES}} for one in hosted]
    kinds = {"run_id": pl.String, **dict.fromkeys(PRICES[:2], pl.Float64), "price_source": pl.String}
    return pl.DataFrame(rows, schema=kinds)
