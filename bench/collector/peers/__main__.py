"""Whole load generators beside our client, against the truth server in one run.

64 streams at a time, started at once, each the golden stream: its TTFT is 300 ms by the script, and what it truly
was stands in the log. A tool's own exported TTFT of each request is held against that, in the order of starts. The
first wave is warm-up and does not count.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.collector import __main__ as collector
from bench.collector import measure, report
from bench.collector.cells import STARTS, Cell
from bench.collector.peers._tool import SCRIPT, WAVES, PeerFailedError, errors_ns, install, tool
from pipeline.collect import host
from pipeline.collect.calibrate import Ints, quantiles
from pipeline.errors import TokenclockError

PEERS = {
    "aiperf": "1 GB",
    "guidellm": "6 GB, with PyTorch; 1.2 GB with the build of it for processors (--torch)",
    "vllm": "10 GB, with PyTorch and all CUDA kernels: 4.4 GB of wheels (no GPU is needed)",
}
"""All peers, with what their environments take on disk; vLLM's only where it is asked for."""
LOADS_BY_TORCH = {"guidellm"}
"""Peers that want no more of PyTorch than its loader of data, so that any build of it does; vLLM wants its own."""
DEFAULT = "aiperf,guidellm"

Row = dict[str, Any]


@dataclass(frozen=True)
class Golden(Cell):
    """Streams of METRICS' golden timeline."""

    @property
    def script(self) -> str:
        """The same for every stream."""
        return SCRIPT


CELL = Golden(streams=STARTS, tok_s=None, waves=WAVES)


def arguments(given: list[str] | None) -> argparse.Namespace:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.collector.peers", description=__doc__)
    parser.add_argument("--peers", default=DEFAULT, help=f"of {', '.join(PEERS)}; default: %(default)s")
    parser.add_argument(
        "--torch", help=f"the PyTorch of {', '.join(LOADS_BY_TORCH)}: torch==2.13.0+cpu, or a wheel; default: any"
    )
    parser.add_argument("--clients", default=",".join(collector.available()), help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=collector.OUT, help="default: %(default)s")
    parser.add_argument("--note", help="what a reader should know of this run; stands on the page")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Install, measure by turns, keep; a tool that cannot run has a row that says why."""
    said = arguments(given)
    load = os.getloadavg()[0]
    asked = said.peers.split(",")
    refused = {name: _refused(name, said.torch if name in LOADS_BY_TORCH else None) for name in asked}
    refused |= {name: f"not asked for (--peers); takes {PEERS[name]}" for name in PEERS if name not in asked}
    ready = [name for name in asked if not refused[name]]
    names = [*said.clients.split(","), *ready]
    found: dict[str, list[Row]] = {name: [] for name in names}
    for _ in range(said.repeats):
        for name in names:
            found[name].append(_once(name, is_peer=name in ready))
    rows = [_row(name, taken) for name, taken in found.items()]
    rows += [{"client": name, "error": why} for name, why in refused.items() if why]
    collector.publish(said.out, report.keep(said.out, _run(rows, load, said.note)))
    print(report.peers(rows))
    return 0


def _run(rows: list[Row], load: float, note: str | None) -> report.Run:
    return {
        "kind": "peers",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": host.facts(),
        "priority": "ordinary",
        "load": load,
        "note": note,
        "commit": host.code_commit(),
        "rows": rows,
    }


def _refused(name: str, torch: str | None) -> str | None:
    """Install a tool; returns why not where that fails."""
    try:
        install(name, torch)
    except PeerFailedError as error:
        return f"not installed: {error}"
    return None


def _once(name: str, *, is_peer: bool) -> Row:
    """The TTFT errors of one client or tool, once."""
    try:
        found = errors_ns(name) if is_peer else _errors_of_client(name)
    except (PeerFailedError, measure.ClientFailedError) as error:
        print(f"{name:12} failed: {error}", flush=True)
        return {"error": str(error)}
    figures = quantiles("ttft_error_from_call", found)
    row = {name.replace("_ns", "_us"): None if value is None else value / 1e3 for name, value in figures.items()}
    print(f"{name:12} TTFT error p99 {report.number(row['ttft_error_from_call_p99_us'])} µs", flush=True)
    return {"error": None, "requests": len(found), **row}


def _errors_of_client(name: str) -> Ints:
    with measure.place({False}, is_real_time=False) as at:
        _, streams = measure.recorded(name, CELL, at)
    return np.array([stream.ttft_error_from_call_ns for stream in streams], np.int64)


def _row(name: str, taken: list[Row]) -> Row:
    """The medians of the repeats."""
    good = [one for one in taken if one["error"] is None]
    figures = [figure for figure in (good[0] if good else {}) if figure != "error"]
    title = tool(name).REQUIREMENT if name in PEERS else name
    return {
        "client": title,
        "repeats": len(good),
        "error": next((one["error"] for one in taken if one["error"]), None),
        **{figure: median(one[figure] for one in good if one[figure] is not None) for figure in figures},
    }


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TokenclockError as error:
        sys.exit(str(error))
