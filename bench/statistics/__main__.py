"""How long the statistics of a night take: `python -m bench.statistics`.

A night of 20 targets (two families, one scenario) × 3 rounds × 100 requests, all metrics, 10,000 resamples; and
90 nights of its series for changes of level.
"""

import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from pipeline.statistics import bootstrap, changepoint
from pipeline.tables import comparison, metrics, summary
from pipeline.tables.keys import KEYS

TARGETS, ROUNDS, REQUESTS, NIGHTS = 20, 3, 100, 90


def requests(rng: np.random.Generator, table: str) -> pl.DataFrame:
    """A table of metrics, log-normal, with rounds that differ a little."""
    columns = [metric.name for metric in metrics.of_table(table)]
    frames = [
        keys(target, number, REQUESTS).with_columns(
            token_source=pl.lit("recounted"),
            **{name: rng.lognormal(rng.normal(5, 0.02), 0.2, REQUESTS) for name in columns},
        )
        for target in range(TARGETS)
        for number in range(1, ROUNDS + 1)
    ]
    return pl.concat(frames)


def keys(target: int, number: int, rows: int) -> pl.DataFrame:
    """The columns that say what a row is about."""
    facts: dict[str, Any] = {
        **dict.fromkeys(KEYS, "x"),
        "run_id": f"{target}.{number}",
        "night": date(2026, 11, 1),
        "target": f"t{target:02d}",
        "family": f"f{target % 2}",
        "round": number,
        "provenance": "measured",
    }
    return pl.DataFrame([facts] * rows)


def runs(rng: np.random.Generator) -> pl.DataFrame:
    """The table of throughput."""
    frames = [keys(target, number, 1) for target in range(TARGETS) for number in range(1, ROUNDS + 1)]
    frame = pl.concat(frames)
    return frame.with_columns(
        load=pl.lit("closed"),
        concurrency=1,
        rate_req_s=pl.lit(None, pl.Float64),
        requests_sent=pl.lit(REQUESTS, pl.Int64),
        requests_with_metrics=pl.lit(REQUESTS, pl.Int64),
        **{name: rng.lognormal(3, 0.1, frame.height) for name in summary.RUN_METRICS},
    )


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Do it, print how long it took, wall and CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    print(f"{what:<58} {time.perf_counter() - wall:6.2f} s  ({time.process_time() - cpu:.2f} s CPU)")
    return done


def main() -> None:
    """Time each part."""
    rng = np.random.default_rng(1)
    of_requests = {table: requests(rng, table) for table in metrics.OF_REQUESTS}
    ttft, speed, throughput = of_requests["ttft"], of_requests["output_speed"], runs(rng)
    print(f"{TARGETS} targets, {ROUNDS} rounds, {REQUESTS} requests, {bootstrap.RESAMPLES:,} resamples")
    made = timed("summary with intervals", lambda: summary.build(*of_requests.values(), throughput))
    print(f"  {made.height} rows, 4 intervals each")
    made = timed("comparison of all pairs", lambda: comparison.build(ttft, speed, throughput))
    print(f"  {made.height} pairs and metrics")
    series = [rng.lognormal(5, 0.05, NIGHTS) for _ in range(200)]
    timed(f"changes in 200 series of {NIGHTS} nights", lambda: changepoint.changes(series))
    timed("the same once more, chances of luck known", lambda: changepoint.changes(series))


if __name__ == "__main__":
    main()
