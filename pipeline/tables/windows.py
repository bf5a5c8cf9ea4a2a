"""The measured window of a run: when its load stood, so that ramp-up and drain can be cut off.

A closed loop's window opens when the last of its `concurrency` streams has sent its first measured request
and closes when, after the last request was sent, the first stream falls idle. An open loop's lies between its
first and its last measured arrival. Offline, where all is sent at once, ramp-up and drain are a part of the
matter: it lies between the first request and the last end.
"""

import polars as pl

PHASES = ("warmup", "ramp_up", "window", "drain")


def windows(requests: pl.DataFrame) -> pl.DataFrame:
    """`window_start_ns` and `window_end_ns` of each run; runs whose window is empty are left out.

    `requests`: run_id, load, concurrency, is_warmup, sent_ns, end_ns.
    """
    sent, ended = pl.col("sent_ns"), pl.col("sent_ns") + pl.col("end_ns")
    is_open = pl.col("load").first() == "open"
    is_offline = pl.col("load").first() == "offline"
    last_stream = pl.min_horizontal(pl.col("concurrency").first(), pl.len()).cast(pl.Int64) - 1
    return (
        requests.filter(~pl.col("is_warmup"))
        .drop_nulls(["sent_ns", "end_ns"])
        .group_by("run_id")
        .agg(
            window_start_ns=pl.when(is_open | is_offline).then(sent.min()).otherwise(sent.sort().get(last_stream)),
            window_end_ns=pl.when(is_open)
            .then(sent.max())
            .when(is_offline)
            .then(ended.max())
            .otherwise(ended.filter(ended > sent.max()).min()),
        )
        .filter(pl.col("window_end_ns") > pl.col("window_start_ns"))
    )


def phase() -> pl.Expr:
    """Where a request lies in its run, beside the columns of `windows`; null where the run has no window."""
    before = pl.col("sent_ns") < pl.col("window_start_ns")
    after = pl.col("sent_ns") + pl.col("end_ns") > pl.col("window_end_ns")
    inside = pl.when(before).then(pl.lit("ramp_up")).when(after).then(pl.lit("drain")).otherwise(pl.lit("window"))
    known = pl.col("window_start_ns").is_not_null() & pl.col("sent_ns").is_not_null()
    return pl.when(pl.col("is_warmup")).then(pl.lit("warmup")).when(known).then(inside)
