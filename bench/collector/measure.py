"""One client in one cell: run its program against the truth server and hold what it saw against the log."""

import os
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from bench.collector.cells import Cell
from bench.collector.clients._job import Job, Seen, Taken
from pipeline.collect.calibrate import Stream, matched, summarised
from pipeline.collect.transport import Recording
from pipeline.collect.truth.child import Certificate, Truth, TruthServerError, certified, serving
from pipeline.collect.truth.log import Log
from pipeline.errors import TokenclockError

ROOT = Path(__file__).parents[2]
CLIENTS = tuple(sorted(path.stem for path in (Path(__file__).parent / "clients").glob("[!_]*.py")))
TIMEOUT_S = 60
READS_FOR_MEMORY = 20_000
"""Fewer say nothing of the memory of a read: the allocator's steps are larger."""


class ClientFailedError(TokenclockError):
    """A client broke down; the message holds the end of what it said."""


class CannotMeasureError(TokenclockError):
    """The machine lacks what was asked for; the message says what, and the way around."""


@dataclass(frozen=True)
class Place:
    """Where clients are measured: truth servers by `is_tls`, the clients' CPU core, and the priority."""

    truths: dict[bool, Truth]
    core: int | None
    is_real_time: bool

    @property
    def priority(self) -> str:
        """Of both sides."""
        return "real-time" if self.is_real_time else "ordinary"


@contextmanager
def place(schemes: set[bool], *, is_real_time: bool) -> Iterator[Place]:
    """Start a truth server for each scheme; they share one CPU core, the clients have another."""
    server_core, client_core = cores()
    if is_real_time:
        check_real_time()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        truths = {
            is_tls: stack.enter_context(
                serving(certificate(folder) if is_tls else None, core=server_core, is_real_time=is_real_time)
            )
            for is_tls in sorted(schemes)
        }
        yield Place(truths, client_core, is_real_time)


def cores() -> tuple[int | None, int | None]:
    """A core for the server and one for the client; none where there is no choice.

    Where there are plenty, not the first two: interrupts and whatever else runs prefer these.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    available = sorted(os.sched_getaffinity(0))
    server = available[2 if len(available) >= 6 else 0]
    return (server, available[-1]) if len(available) > 1 else (None, None)


def check_real_time() -> None:
    """Raise where real-time priority is not allowed; tried in another process, so that this one stays as it is."""
    tried = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"
    done = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1]
        raise CannotMeasureError(f"real-time priority: not allowed here ({said}); measure without --realtime")


def certificate(folder: Path) -> Certificate:
    """A certificate for localhost; raises where none can be made."""
    try:
        return certified(folder)
    except TruthServerError as error:
        raise CannotMeasureError(f"TLS: {error}, or use --tls none") from error


def measured(client: str, cell: Cell, at: Place) -> dict[str, Any]:
    """The errors and the cost of one client in one cell, once."""
    return _figures(*recorded(client, cell, at))


def recorded(client: str, cell: Cell, at: Place) -> tuple[Seen, list[Stream]]:
    """What one client saw of one cell, once, and its streams beside the truth."""
    truth = at.truths[cell.is_tls]
    truth.prepare(cell.script)
    stem = f"{client}-{time.monotonic_ns()}"
    waves = [[f"{stem}-{wave}-{number}" for number in range(cell.streams)] for wave in range(cell.waves)]
    seen = _seen(client, _job(truth, cell, waves, at))
    logs = truth.logs([name for names in waves for name in names])
    return seen, [_stream(log, taken) for log, taken in zip(logs, seen.streams, strict=True)]


def _job(truth: Truth, cell: Cell, waves: list[list[str]], at: Place) -> Job:
    return Job(
        url=f"{truth.url}/chat/completions",
        script=cell.script,
        waves=waves,
        certificate=str(truth.certificate.certificate) if truth.certificate else None,
        core=at.core,
        is_real_time=at.is_real_time,
    )


def _seen(client: str, job: Job) -> Seen:
    """Run the client's program."""
    command = [sys.executable, "-m", f"bench.collector.clients.{client}"]
    given = msgspec.json.encode(job)
    try:
        done = subprocess.run(command, input=given, capture_output=True, cwd=ROOT, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ClientFailedError(f"{client}: not done after {TIMEOUT_S} s") from error
    if done.returncode:
        raise ClientFailedError(f"{client}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
    return msgspec.msgpack.decode(done.stdout, type=Seen)


def _stream(log: Log, taken: Taken) -> Stream:
    """One stream as the client saw it, beside its log."""
    recording = Recording(
        sent_ns=taken.sent_ns, stamps_ns=array("q", taken.stamps_ns), payloads=taken.payloads, outcome="ended"
    )
    return matched(recording, log, taken.called_ns)


def _figures(seen: Seen, streams: list[Stream]) -> dict[str, Any]:
    found = summarised(streams)
    span_s = _span_ns(streams) / 1e9
    is_memory_known = seen.memory_bytes is not None and found["reads"] >= READS_FOR_MEMORY
    errors = {name: found[name] for name in found if "_error_" in name}
    return {
        "clock_source": "+".join(sorted({taken.clock_source for taken in seen.streams})),
        "scheduling": seen.scheduling,
        "events": found["events"],
        "reads": found["reads"],
        **{f"{name.removesuffix('_ns')}_us": _over(value, 1e3) for name, value in errors.items()},
        "shared_read_share": found["shared_read_share"],
        "cpu_us": seen.cpu_ns / 1e3,
        "cpu_us_per_read": seen.cpu_ns / 1e3 / found["reads"],
        "cpu_share": seen.cpu_ns / seen.wall_ns,
        "cpu_wait_share": _over(seen.waited_ns, seen.wall_ns),
        "events_per_s": found["events"] / span_s,
        "reads_per_s": found["reads"] / span_s,
        "memory_bytes_per_read": _over(seen.memory_bytes, found["reads"]) if is_memory_known else None,
        "payload_bytes_per_read": sum(len(one) for taken in seen.streams for one in taken.payloads)
        / found["reads"],
    }


def _over(value: float | None, divisor: float) -> float | None:
    return None if value is None else value / divisor


def _span_ns(streams: list[Stream]) -> int:
    """From the first write to the last stamp: a client that falls behind is slower than what it is sent."""
    begun = min(stream.log.before_ns[0] for stream in streams)
    return max(int(stream.stamps_ns[-1]) for stream in streams) - begun
