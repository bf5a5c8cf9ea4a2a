"""Run an engine that does not watch who started it: `_guard.py STOP_TIMEOUT_S COMMAND…`.

A program of its own, run by its path: nothing of this package and nothing but the standard library is
imported. It ends the engine, politely and then by force, when it is told to stop or when its stdin
closes, and it ends with everything that the engine started, even in sessions of their own: on Linux such
orphans become the guard's children. It ends as the engine ended.
"""

import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

STDIN = 0
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
FORCE_TIMEOUT_S = 10.0  # what the system may need to take a killed process away, with its GPU memory
LOOK_EVERY_S = 0.02
IS_LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)


def main(stop_timeout_s: float, command: list[str]) -> int:
    """Return the exit status of the engine, below 0 for a signal."""
    woken = _signals_as_bytes()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        engine = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_the_guard)  # noqa: PLW1509 - the guard has one thread
    except OSError as error:
        print(f"{command[0]}: cannot be started: {error.strerror}", file=sys.stderr)  # noqa: T201 - the engine's log
        return 127
    _wait(engine, woken)
    _stop(engine, stop_timeout_s)
    _kill_orphans()
    return engine.returncode


def _signals_as_bytes() -> int:
    """Turn signals into bytes of a pipe, whose reading end is returned."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reading


def _prctl(option: int, value: int) -> None:
    if IS_LINUX:
        ctypes.CDLL(None).prctl(option, value)


def _die_with_the_guard() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait(engine: "subprocess.Popen[bytes]", woken: int) -> None:
    """Wait until the engine ends, a signal asks to stop, or stdin closes."""
    while engine.poll() is None:
        ready, _, _ = select.select([STDIN, woken], [], [])
        if STDIN in ready and not os.read(STDIN, 1):
            return
        if woken in ready and STOP_SIGNALS & set(os.read(woken, 64)):
            return


def _stop(engine: "subprocess.Popen[bytes]", timeout_s: float) -> None:
    """End the engine: politely, then by force."""
    engine.terminate()
    try:
        engine.wait(timeout_s)
    except subprocess.TimeoutExpired:
        engine.kill()
        engine.wait()


def _kill_orphans() -> None:
    """Kill what the engine left behind, until nothing is left or the system does not let go of it."""
    deadline = time.monotonic() + FORCE_TIMEOUT_S
    while (left := _descendants()) and time.monotonic() < deadline:
        for pid in left:
            _kill(pid)
        _reap()
        time.sleep(LOOK_EVERY_S)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reap() -> None:
    """Take note of every ended child, so that it goes away."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return


def _descendants() -> list[int]:
    """Processes that come from this one, over any number of others. Empty where there is no /proc."""
    parents = dict(filter(None, map(_parent, Path("/proc").glob("[0-9]*"))))
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {os.getpid()})


def _parent(process: Path) -> tuple[int, int] | None:
    try:
        return int(process.name), int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, ProcessLookupError):
        return None


def _end_as(status: int) -> int:
    """End by the signal that ended the engine, so that whoever waits for the guard sees the same."""
    if status < 0:
        if -status in STOP_SIGNALS:
            signal.signal(-status, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(_end_as(main(float(sys.argv[1]), sys.argv[2:])))
