"""Whole load generators beside our client, against the truth server in one run.

64 streams at a time, started at once, each the golden stream: its TTFT is 300 ms by the script, and what it truly
was stands in the log. A tool's own exported TTFT of each request is held against that, in the order of starts. The
first wave is warm-up and does not count.
"""

import argparse
import importlib
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.collector import __main__ as collector
from bench.collector import measure, report
from bench.collector.cells import STARTS, Cell
from bench.collector.peers._work import Work
from pipeline.collect import host
from pipeline.collect.calibrate import FIRST_TOKEN, Ints, event_writes, quantiles
from pipeline.collect.truth.child import Truth, serving
from pipeline.collect.truth.log import Log
from pipeline.errors import TokenclockError

VENVS = Path(__file__).parents[2] / ".venvs"
SCRIPT = '{"kind":"golden"}'
WAVES = 5
INSTALL_S, RUN_S = 1800, 240
PEERS = {
    "aiperf": "1 GB",
    "guidellm": "6 GB, with PyTorch",
    "vllm": "11 GB, with PyTorch and all CUDA kernels",
}
"""All peers, with what their environments take on disk; vLLM's only where it is asked for."""
DEFAULT = "aiperf,guidellm"

Row = dict[str, Any]


class PeerFailedError(TokenclockError):
    """A tool could not be installed, or broke down; the message holds the end of what it said."""


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
    parser.add_argument("--clients", default=",".join(collector.available()), help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=collector.OUT, help="default: %(default)s")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Install, measure by turns, keep; a tool that cannot run has a row that says why."""
    said = arguments(given)
    asked = said.peers.split(",")
    refused = {name: _installed(name) for name in asked}
    refused |= {name: f"not asked for (--peers); takes {PEERS[name]}" for name in PEERS if name not in asked}
    ready = [name for name in asked if not refused[name]]
    names = [*said.clients.split(","), *ready]
    found: dict[str, list[Row]] = {name: [] for name in names}
    for _ in range(said.repeats):
        for name in names:
            found[name].append(_once(name, is_peer=name in ready))
    rows = [_row(name, taken) for name, taken in found.items()]
    rows += [{"client": name, "error": why} for name, why in refused.items() if why]
    collector.publish(said.out, report.keep(said.out, _run(rows)))
    print(report.peers(rows))
    return 0


def _run(rows: list[Row]) -> report.Run:
    return {
        "kind": "peers",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": host.facts(),
        "priority": "ordinary",
        "commit": host.code_commit(),
        "rows": rows,
    }


def _installed(name: str) -> str | None:
    """Make the tool's environment where it is not there yet; returns why not where that fails."""
    requirement = str(importlib.import_module(f"bench.collector.peers.{name}").REQUIREMENT)
    folder = VENVS / name
    made = folder / f"made-{requirement}"
    if made.exists():
        return None
    print(f"{requirement}: making an environment of {PEERS[name]}", flush=True)
    try:
        venv.create(folder, clear=True, with_pip=True)
        _ran([str(folder / "bin" / "pip"), "install", "--quiet", requirement], INSTALL_S)
    except PeerFailedError as error:
        return f"not installed: {error}"
    made.touch()
    return None


def _once(name: str, *, is_peer: bool) -> Row:
    """The TTFT errors of one client or tool, once."""
    try:
        errors_ns = _errors_of_tool(name) if is_peer else _errors_of_client(name)
    except (PeerFailedError, measure.ClientFailedError) as error:
        print(f"{name:12} failed: {error}", flush=True)
        return {"error": str(error)}
    figures = quantiles("ttft_error_from_call", errors_ns)
    row = {name.replace("_ns", "_us"): None if value is None else value / 1e3 for name, value in figures.items()}
    print(f"{name:12} TTFT error p99 {report.number(row['ttft_error_from_call_p99_us'])} µs", flush=True)
    return {"error": None, "requests": len(errors_ns), **row}


def _errors_of_client(name: str) -> Ints:
    with measure.place({False}, is_real_time=False) as at:
        _, streams = measure.recorded(name, CELL, at)
    return np.array([stream.ttft_error_from_call_ns for stream in streams], np.int64)


def _errors_of_tool(name: str) -> Ints:
    """The tool has all CPU cores but the server's."""
    tool = importlib.import_module(f"bench.collector.peers.{name}")
    core, _ = measure.cores()
    requests = STARTS * (1 + WAVES)
    with TemporaryDirectory() as folder, serving(script=SCRIPT, core=core) as truth:
        work = Work(truth.url.removesuffix("/v1"), Path(folder), STARTS, requests)
        _ran(_beside(core, tool.command(VENVS / name / "bin", work)), RUN_S)
        reported = list(tool.ttfts_ms(work.folder))
        true = _true_ttfts_ns(truth)[-len(reported) :]
    if len(reported) != requests or len(true) != requests:
        raise PeerFailedError(f"{name}: {requests} requests asked for, {len(reported)} reported, {len(true)} seen")
    return np.array([round(ms * 1e6) for ms in reported[STARTS:]], np.int64) - np.array(true[STARTS:], np.int64)


def _true_ttfts_ns(truth: Truth) -> list[int]:
    """From each request's arrival to its first token's send(), in the order of arrival."""
    logs = sorted((log for log in truth.logs(truth.names()) if log.is_complete), key=lambda log: log.request_ns)
    return [_true_ttft_ns(log) for log in logs]


def _true_ttft_ns(log: Log) -> int:
    return log.before_ns[int(event_writes(log)[FIRST_TOKEN])] - log.request_ns


def _beside(core: int | None, command: list[str]) -> list[str]:
    """The same command, kept off a CPU core."""
    if core is None:
        return command
    start = "import os, sys; os.sched_setaffinity(0, os.sched_getaffinity(0) - {int(sys.argv[1])}); "
    return [sys.executable, "-c", start + "os.execv(sys.argv[2], sys.argv[2:])", str(core), *command]


def _ran(command: list[str], seconds: float) -> None:
    """Run to the end."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise PeerFailedError(f"{Path(command[0]).name}: not done after {seconds} s") from error
    if done.returncode:
        raise PeerFailedError(f"exit {done.returncode}: {(done.stderr or done.stdout)[-300:].strip()}")


def _environment() -> dict[str, str]:
    """Ours, less what would lead a tool to our own packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


def _row(name: str, taken: list[Row]) -> Row:
    """The medians of the repeats."""
    good = [one for one in taken if one["error"] is None]
    figures = [figure for figure in (good[0] if good else {}) if figure != "error"]
    title = importlib.import_module(f"bench.collector.peers.{name}").REQUIREMENT if name in PEERS else name
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
