"""One step of the benchmark in a process of its own: make the night, or time it on one core or on all."""

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter, process_time

import duckdb
import msgspec
import polars as pl

from bench.decode import night
from pipeline import trace
from pipeline.decode import events


class Said(msgspec.Struct, gc=False):
    """The least that a struct must read: the text."""

    content: str | None = None


class Choice(msgspec.Struct, gc=False):
    """A choice with its text and how it ended."""

    delta: Said | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct, gc=False):
    """A chunk with nothing but its choices."""

    choices: list[Choice] = []


DECODER = msgspec.json.Decoder(Chunk)
BARE_EVENTS = 100_000
QUERY = """
    SELECT count(json_extract_string(data, '$.choices[0].delta.content')),
           count(json_extract_string(data, '$.choices[0].finish_reason')) FROM ready
"""


def main() -> None:
    """Run the step that the command line names."""
    step, folder, count, tokens, rounds = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6])
    if step == "make":
        night.write(folder, events=count, tokens=tokens, names=sys.argv[6].split(","))
        return
    contenders: dict[str, Callable[[], int]] = {
        "parquet -> table": lambda: table(folder).height,
        "parquet -> parquet": lambda: stored_table(folder),
    }
    if step == "one-core":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        contenders |= bare(folder)
    print(f"\n{step}: {(folder / 'reads.parquet').stat().st_size / 1e6:.0f} MB of reads")
    report(timed(contenders, rounds, process_time if step == "one-core" else perf_counter))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def table(folder: Path) -> pl.DataFrame:
    """Stored reads to the events table."""
    return events.decode(*(pl.read_parquet(folder / f"{name}.parquet") for name in ("requests", "reads")))


def stored_table(folder: Path) -> int:
    """Stored reads to the stored events table; how many events."""
    found = table(folder)
    trace.write_parquet(found, folder / "events.parquet")
    return found.height


def bare(folder: Path) -> dict[str, Callable[[], int]]:
    """What decodes JSON alone: a share of the night's events, ready cut, in memory."""
    reads = pl.read_parquet(folder / "reads.parquet", n_rows=BARE_EVENTS)
    body = b"".join(reads["payload"]).replace(b"\r\n", b"\n")
    datas = [block[6:] for block in body.split(b"\n\n") if block.startswith(b"data: {") and block.endswith(b"}")]
    texts = [data.decode() for data in datas]
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute("CREATE TABLE ready AS SELECT unnest(?::VARCHAR[]) AS data", [texts])
    return {
        "msgspec structs": lambda: each(DECODER.decode, datas),
        "stdlib json": lambda: each(json.loads, datas),
        "duckdb json_extract": lambda: len(connection.execute(QUERY).fetchall()) * len(datas),
    }


def each(decode: Callable[[bytes], object], datas: list[bytes]) -> int:
    """Decode one event after the other and keep none; how many there were."""
    for data in datas:
        decode(data)
    return len(datas)


def timed(contenders: Mapping[str, Callable[[], int]], rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Events a second of each, best of several rounds, the contenders taking turns.

    On one core the clock is the processor's: what others take from that core is no cost of ours.
    """
    best = dict.fromkeys(contenders, 0.0)
    for _ in range(rounds):
        for name, run in contenders.items():
            start = clock()
            count = run()
            best[name] = max(best[name], count / (clock() - start))
    return best


def report(rates: Mapping[str, float]) -> None:
    """A line a contender, with its ratio to bare msgspec where that ran."""
    bare_rate = rates.get("msgspec structs")
    for name, rate in rates.items():
        ratio = f"{rate / bare_rate:6.2f} x msgspec" if bare_rate else ""
        print(f"{name:22} {rate / 1e6:6.2f} M events/s {ratio}")


if __name__ == "__main__":
    main()
