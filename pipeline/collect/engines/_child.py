"""One engine process: started in a session of its own, waited for, and never left behind.

Two ways out are covered. The parent ends in order (return, exception, cancellation): the whole process
group is terminated, then killed. The parent is killed: the pipe on the child's stdin closes, and the
child ends itself (see `Engine`).
"""

import asyncio
import errno
import http.client
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.collect.engines._contract import EngineError

HOST = "127.0.0.1"
PROBE_EVERY_S = 0.05
PROBE_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 5.0
LOG_LINES_SHOWN = 20
IMPORT_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Child:
    """A started engine process, its port, and the part of the log file that is its own."""

    engine: str
    process: subprocess.Popen[bytes]
    port: int
    log_path: Path
    log_offset: int


def claim_port(engine: str, port: int) -> int:
    """Return `port` if nothing listens there; for 0, a free one."""
    try:
        with socket.create_server((HOST, port)) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "is already in use" if taken else f"cannot be had ({error.strerror})"
        raise EngineError(
            f"engine {engine}: port {port} of {HOST} {reason}. Cure: stop what listens there "
            f"(`ss -ltnp 'sport = :{port}'` names it), or set port = 0 to get a free one."
        ) from error


def start(engine: str, command: list[str], port: int, log_path: Path) -> Child:
    """Start the command; both its output streams are appended to the log file."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"},
        )
        return Child(engine, process, port, log_path, log_offset=log.tell())


def _python_path() -> str:
    """Put this very package first, wherever the parent stands: the server is part of it."""
    return os.pathsep.join([str(IMPORT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


async def wait_until_ready(child: Child, ready_path: str, timeout_s: float) -> None:
    """Return once the engine says 200; tell an engine that crashed from one that is too slow."""
    deadline = time.monotonic() + timeout_s
    while not await asyncio.to_thread(_answers, child.port, ready_path):
        _check_starting(child)
        if time.monotonic() > deadline:
            raise EngineError(
                f"engine {child.engine}: not ready after {timeout_s:g} s{_log_shown(child)}\n"
                f"Cure: set start_timeout_s higher, or read {child.log_path}."
            )
        await asyncio.sleep(PROBE_EVERY_S)
    _check_starting(child)  # what answered may be a stranger that took the port meanwhile


def _check_starting(child: Child) -> None:
    if (reason := ended(child)) is not None:
        raise EngineError(f"{reason}\nCure: read the log above; the engine ended before it was ready.")


def ended(child: Child) -> str | None:
    """Say how the engine ended, with its last words; None while it runs."""
    status = child.process.poll()
    if status is None:
        return None
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"engine {child.engine}: ended with {how}{_log_shown(child)}"


def get(port: int, path: str) -> tuple[int, bytes]:
    """GET a path of the engine; return status and body."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _answers(port: int, path: str) -> bool:
    try:
        return get(port, path)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _log_shown(child: Child) -> str:
    """Format the last lines this child wrote, for an error message."""
    with child.log_path.open("rb") as log:
        log.seek(child.log_offset)
        lines = log.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    said = "\n".join(f"  | {line}" for line in lines) or "  | (nothing)"
    return f"; the last lines of {child.log_path}:\n{said}"


def stop(child: Child) -> None:
    """End the process group: politely, then by force. Returns when the engine is gone."""
    try:
        _signal_group(child, signal.SIGTERM)
        child.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal_group(child, signal.SIGKILL)
        child.process.wait()
        if child.process.stdin is not None:
            child.process.stdin.close()


def _signal_group(child: Child, number: signal.Signals) -> None:
    """Signal the engine and whatever it started; a group that is gone already is what we want."""
    try:
        os.killpg(child.process.pid, number)
    except ProcessLookupError:
        return
