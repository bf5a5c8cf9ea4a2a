"""One engine process: started in a session of its own, waited for, and never left behind.

Two ways out are covered. The parent ends in order (return, exception, cancellation): the engine is
terminated, then its whole process group is killed. The parent is killed: the pipe on the child's stdin
closes, and the child ends itself (see `Command`).
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pipeline.collect.engines import _http, _port
from pipeline.collect.engines._contract import Command, EngineError
from pipeline.collect.engines._cures import cure

PROBE_EVERY_S = 0.05
GUARD = Path(__file__).with_name("_guard.py")
GUARD_TIMEOUT_S = 12.0  # what a guard needs to kill by force, beyond the engine's own time to stop
LOG_LINES_SHOWN = 20
IMPORT_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Child:
    """A started engine process, its port, and the part of the log file that is its own."""

    engine: str
    words: list[str]
    process: subprocess.Popen[bytes]
    port: int
    stop_timeout_s: float
    log_path: Path
    log_offset: int

    @property
    def root(self) -> str:
        """Where it answers."""
        return f"http://{_port.HOST}:{self.port}"


def start(
    engine: str,
    command: Command,
    port: int,
    stop_timeout_s: float,
    log_path: Path,
    *,
    withheld: Collection[str] = (),
) -> Child:
    """Start the command; both its output streams are appended to the log file."""
    guard = [] if command.ends_with_stdin else [sys.executable, "-I", str(GUARD), str(stop_timeout_s)]
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            guard + command.words,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=command.folder,
            env={**_without(withheld), "PYTHONUNBUFFERED": "1", **command.environment},
        )
        patience_s = stop_timeout_s + (GUARD_TIMEOUT_S if guard else 0)
        return Child(engine, command.words, process, port, patience_s, log_path, log_offset=log.tell())


def _without(withheld: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in withheld}


async def wait_until_ready(child: Child, ready_path: str, timeout_s: float) -> None:
    """Return once the engine says 200; tell an engine that crashed from one that is too slow."""
    deadline = time.monotonic() + timeout_s
    while not await asyncio.to_thread(_http.is_ready, child.root, ready_path):
        _check_starting(child)
        if time.monotonic() > deadline:
            raise EngineError(
                f"engine {child.engine}: not ready after {timeout_s:g} s{_log_shown(child)}\n"
                f"Cure: set start_timeout_s higher, or read {child.log_path}."
            )
        await asyncio.sleep(PROBE_EVERY_S)
    _check_starting(child)
    if await asyncio.to_thread(_port.stranger, child.port, child.process.pid):
        raise EngineError(
            f"engine {child.engine}: port {child.port} of {_port.HOST} was taken by another process while the "
            "engine started. Cure: start again, with port = 0 to get a free one."
        )


def _check_starting(child: Child) -> None:
    if (reason := ended(child)) is not None:
        raise EngineError(f"{reason}\nCure: {cure(reason)}")


def ended(child: Child) -> str | None:
    """Say how the engine ended, with its last words; None while it runs."""
    status = child.process.poll()
    if status is None:
        return None
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"engine {child.engine}: ended with {how}{_log_shown(child)}"


def _log_shown(child: Child) -> str:
    """Format the last lines this child wrote, for an error message."""
    with child.log_path.open("rb") as log:
        log.seek(child.log_offset)
        lines = log.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    said = "\n".join(f"  | {line}" for line in lines) or "  | (nothing)"
    return f"; the last lines of {child.log_path}:\n{said}"


def stop(child: Child) -> None:
    """End the engine politely, then its whole group by force. Returns when the engine is gone."""
    try:
        child.process.terminate()
        child.process.wait(child.stop_timeout_s)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _kill_group(child)
        child.process.wait()
        if child.process.stdin is not None:
            child.process.stdin.close()


def _kill_group(child: Child) -> None:
    """Kill the engine and whatever it started; a group that is gone already is what we want."""
    try:
        os.killpg(child.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
