"""Whether enough rounds of a series were recorded: asked after each run, of what its envelopes say.

Collecting parses nothing, so it cannot know a TTFT. It knows when the first byte of a body came and when the body
ended, of responses with status 200 that ended as HTTP says. A stream that told of an error inside is among them,
and a first byte is no token: what this ends is measuring, never what a table says.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipeline import trace
from pipeline.collect.recorder import Trace
from pipeline.plan import Run, Until
from pipeline.statistics.sequential import is_enough

Rounds = dict[int, list[float]]
"""Values in ms by round."""


def value_ms(taken: Trace, until: Until) -> float | None:
    """What one request adds; nothing where it is warm-up or has no whole response."""
    row = taken.request
    if row["is_warmup"] or row["http_status"] != 200 or row["outcome"] != "ended" or taken.first_byte_ns is None:
        return None
    return (taken.first_byte_ns if until.metric == "first_byte_ms" else int(row["end_ns"])) / 1e6


def earlier(traces: Path, runs: Sequence[trace.Manifest], until: Until) -> Rounds:
    """The values of runs that are on disk."""
    requests, reads = trace.load_runs(traces, runs, reads=("request_id", "read_index", "at_ns"))
    first = reads.group_by("request_id").agg(first_byte_ns=pl.col("at_ns").min())
    ns = "first_byte_ns" if until.metric == "first_byte_ms" else "end_ns"
    whole = requests.filter(~pl.col("is_warmup"), pl.col("http_status") == 200, pl.col("outcome") == "ended")
    found: Rounds = {}
    for number, value in (
        whole.join(first, on="request_id").select("round", pl.col(ns) / 1e6).sort("round").iter_rows()
    ):
        found.setdefault(number, []).append(value)
    return found


def verdict(rounds: Rounds, until: Until) -> dict[str, Any]:
    """What a manifest says of it: what was looked at, how often, and whether it is enough."""
    values = [rounds[number] for number in sorted(rounds)]
    return {
        "metric": until.metric,
        "within": until.within,
        "rounds": len(values),
        "requests": sum(map(len, values)),
        "is_enough": is_enough(values, until.within),
    }


def is_reached(recorded: Sequence[trace.Manifest], run: Run) -> bool:
    """Whether a run of the same series found that there are enough."""
    return any(
        (one.load or {}).get("until", {}).get("is_enough", False)
        for one in recorded
        if (one.target.name, one.workload, one.scenario) == (run.target, run.workload, run.scenario)
    )
