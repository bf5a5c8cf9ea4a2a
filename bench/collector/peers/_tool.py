"""One tool: its environment, its run, and its exported TTFTs held against the log."""

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np

from bench.collector import measure
from bench.collector.cells import STARTS
from bench.collector.peers import _environment
from bench.collector.peers._work import Work
from pipeline.collect.calibrate import FIRST_TOKEN, Ints, event_writes
from pipeline.collect.truth.child import Truth, serving
from pipeline.collect.truth.log import Log
from pipeline.errors import TokenclockError

VENVS = Path(__file__).parents[2] / ".venvs"
SCRIPT = '{"kind":"golden"}'
WAVES = 5
INSTALL_S, RUN_S = 1800, 240


class PeerFailedError(TokenclockError):
    """A tool could not be installed, or broke down; the message holds the end of what it said."""


def tool(name: str) -> ModuleType:
    """The file of a tool."""
    return importlib.import_module(f"bench.collector.peers.{name}")


def install(name: str, torch: str | None = None) -> None:
    """Make the tool's environment where it is not there yet; `torch`: the build of it that the tool is to have."""
    requirements = [str(tool(name).REQUIREMENT), *([torch] if torch else [])]
    folder = VENVS / name
    made = folder / f"made-{'-'.join(requirements).replace(os.sep, '_')}"
    if not made.exists():
        print(f"{' with '.join(requirements)}: making its environment", flush=True)
        _environment.make(folder, requirements, _installing)
        made.touch()


def _installing(command: Sequence[str], variables: Mapping[str, str]) -> None:
    _ran(list(command), INSTALL_S, variables)


def errors_ns(name: str) -> Ints:
    """Exported minus true TTFT of each request after the first wave. The tool has all cores but the server's."""
    core, _ = measure.cores()
    requests = STARTS * (1 + WAVES)
    with TemporaryDirectory() as folder, serving(script=SCRIPT, core=core) as truth:
        work = Work(truth.url.removesuffix("/v1"), Path(folder), STARTS, requests)
        _ran(_beside(core, tool(name).command(VENVS / name / "bin", work)), RUN_S)
        reported_ms = list(tool(name).ttfts_ms(work.folder))
        true_ns = _true_ttfts_ns(truth)[-requests:]
    if len(reported_ms) != requests or len(true_ns) != requests:
        raise PeerFailedError(
            f"{name}: {requests} requests asked for, {len(reported_ms)} reported, {len(true_ns)} seen"
        )
    return np.array([round(ms * 1e6) for ms in reported_ms[STARTS:]], np.int64) - np.array(
        true_ns[STARTS:], np.int64
    )


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


def _ran(command: list[str], seconds: float, variables: Mapping[str, str] | None = None) -> None:
    """Run to the end."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=_own_environment() | dict(variables or {}),
        )
    except subprocess.TimeoutExpired as error:
        raise PeerFailedError(f"{Path(command[0]).name}: not done after {seconds} s") from error
    if done.returncode:
        raise PeerFailedError(f"exit {done.returncode}: {(done.stderr or done.stdout)[-300:].strip()}")


def _own_environment() -> dict[str, str]:
    """Ours, less what would lead a tool to our own packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
