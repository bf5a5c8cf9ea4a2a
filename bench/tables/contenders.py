"""One step in many hands: from decoded events on disk to first token, last token, tokens and arrivals a request.

Every contender reads the same columns of the same rows of Parquet and gives the same sums, which are compared.
`scan` only reads. `lists` reads them as one row a request with lists, which is another way to store them.
`python -m bench.tables.contenders NAME FOLDER` runs one, in a process with a peak of memory of its own.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from bench.tables.peak import peak_gib
from pipeline import trace
from pipeline.tables import marks

EVENTS, LISTS = "events.parquet", "lists.parquet"
TOKENS = 200
AT_ONCE = 5_000_000
PART = 1_000_000

Figures = dict[str, int]


def write(folder: Path, events: int) -> None:
    """Write so many events, flat and as lists, some of them several to a stamp, with one without a token first."""
    folder.mkdir(parents=True, exist_ok=True)
    trace.write_parts(
        (_flat(start, min(AT_ONCE, events - start)) for start in range(0, events, AT_ONCE)), folder / EVENTS
    )
    trace.write_parts(
        (
            _flat(start, min(AT_ONCE, events - start))
            .group_by("request_id", maintain_order=True)
            .agg("at_ns", "has_token")
            for start in range(0, events, AT_ONCE)
        ),
        folder / LISTS,
    )


def _flat(start: int, rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(start)
    index = pl.Series("row", np.arange(start, start + rows))
    gaps = rng.integers(0, 4, rows) * 5_000_000
    return (
        index.to_frame()
        .with_columns(gap=pl.Series(gaps), number=pl.col("row") // TOKENS, place=pl.col("row") % TOKENS)
        .with_columns(run=pl.col("number") // 2_000)
        .select(
            request_id=pl.format(
                "2026-11-01.r{}.some-target.chat.busy/{}",
                pl.col("run").cast(pl.String).str.zfill(4),
                (pl.col("number") % 2_000).cast(pl.String).str.zfill(4),
            ),
            at_ns=pl.col("gap").cum_sum().over("number") + 300_000_000,
            has_token=pl.col("place") > 0,
        )
    )


def scan(folder: Path) -> Figures:
    """Read, and touch every value."""
    frame = pl.read_parquet(folder / EVENTS)
    return {"rows": frame.height}


def ours(folder: Path) -> Figures:
    """What `requests` does, on its columns, and part by part as a night is built."""
    return _sums(pl.concat([marks.of_tokens(part) for part in _parts(pl.scan_parquet(folder / EVENTS))]))


def _parts(events: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """About `PART` events at a time, whole requests."""
    start, rows = 0, events.select(pl.len()).collect().item()
    while start < rows:
        part = events.slice(start, PART).collect()
        if start + part.height < rows:
            part = part.head(-part["request_id"].rle().struct.field("len")[-1])
        yield part
        start += part.height


def lists(folder: Path) -> Figures:
    """One row a request."""
    stamps = pl.col("at_ns").list
    frame = pl.read_parquet(folder / LISTS).select(
        at_ns=pl.col("at_ns").list.slice(1)
    )  # the first event has no token, as everywhere here
    return _sums(
        frame.select(
            first_token_ns=stamps.first(),
            last_token_ns=stamps.last(),
            token_event_count=stamps.len(),
            arrival_count=stamps.n_unique(),
        )
    )


def _sums(frame: pl.DataFrame) -> Figures:
    names = ("first_token_ns", "last_token_ns", "token_event_count", "arrival_count")
    return {name: int(frame[name].cast(pl.Int64).sum()) for name in names}


def pandas(folder: Path) -> Figures:
    """Grouped by request."""
    frame = pd.read_parquet(folder / EVENTS)
    grouped = frame[frame["has_token"]].groupby("request_id", sort=False)["at_ns"]
    found = grouped.agg(["min", "max", "size", "nunique"])
    names = ("first_token_ns", "last_token_ns", "token_event_count", "arrival_count")
    return {name: int(found[column].sum()) for name, column in zip(names, found.columns, strict=True)}


def duckdb_windows(folder: Path) -> Figures:
    """Window functions over each request."""
    query = f"""
        WITH marked AS (
            SELECT request_id, at_ns, at_ns IS DISTINCT FROM lag(at_ns) OVER of_request AS is_arrival
            FROM read_parquet('{folder / EVENTS}') WHERE has_token
            WINDOW of_request AS (PARTITION BY request_id ORDER BY at_ns)
        ), found AS (
            SELECT min(at_ns) AS a, max(at_ns) AS b, count(*) AS c, count_if(is_arrival) AS d
            FROM marked GROUP BY request_id
        ) SELECT sum(a), sum(b), sum(c), sum(d) FROM found
    """  # noqa: S608 - a path of ours
    names = ("first_token_ns", "last_token_ns", "token_event_count", "arrival_count")
    with duckdb.connect() as con:
        (row,) = con.execute(query).fetchall()
    return dict(zip(names, map(int, row), strict=True))


CONTENDERS: dict[str, Callable[[Path], Figures]] = {
    "scan": scan,
    "ours": ours,
    "lists": lists,
    "pandas": pandas,
    "duckdb windows": duckdb_windows,
}


def main() -> None:
    """Run one and print what it took."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    wall, cpu = perf_counter(), process_time()
    found = CONTENDERS[name](folder)
    print(
        json.dumps(
            {
                "wall_s": perf_counter() - wall,
                "cpu_s": process_time() - cpu,
                "peak_gib": peak_gib(),
                "found": found,
            }
        )
    )


if __name__ == "__main__":
    main()
