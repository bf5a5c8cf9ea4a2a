"""What the machine does while it is measured: power, energy, clocks, temperature, at a known rate.

The sampler is a thread that reads counters and writes rows down; it works nothing out. What it takes
itself is measured: `read_ns` in every row, and the processor time of the thread in `Sampling.facts`.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from pipeline.collect.hardware import machine, nvml, rapl
from pipeline.collect.hardware._row import Row

__all__ = ["Row", "Sampling", "Source", "facts", "sampling"]

_NS = 1_000_000_000


class Source(Protocol):
    """Something with counters: a GPU, or a processor's package."""

    def read(self) -> Row:
        """Read all its counters now."""
        ...


@dataclass
class Sampling:
    """A sampling, running or over. Figures are complete when it is over."""

    rate_hz: float
    sources: list[Source]
    reasons: dict[str, str]
    ticks: int = 0
    ticks_missed: int = 0
    cpu_ns: int = 0
    elapsed_ns: int = 0
    error: str | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def facts(self) -> dict[str, Any]:
        """What a manifest says of it: how much was sampled, at what cost, and why something was not."""
        return {
            "rate_hz": self.rate_hz,
            "sources": len(self.sources),
            "missing": self.reasons,
            "ticks": self.ticks,
            "ticks_missed": self.ticks_missed,
            "sampler_cpu_share": self.cpu_ns / self.elapsed_ns if self.elapsed_ns else None,
            "error": self.error,
        }


def facts() -> dict[str, Any]:
    """The hardware as it stands: GPUs, driver, topology, limits, processor, counters, kernel, memory nodes."""
    return {**machine.facts(), **nvml.facts(), **rapl.facts()}


@contextmanager
def sampling(path: Path, rate_hz: float, anchor_ns: int) -> Iterator[Sampling]:
    """Sample all that can be read into `path`, a line a row, for as long as the body lasts.

    `anchor_ns` is the monotonic zero that the rows' offsets are from, as in the run's manifest. Where
    nothing can be read no file is written, and `facts` says why.
    """
    gpus, no_gpu = nvml.sources()
    packages, no_package = rapl.sources()
    reasons = {name: why for name, why in (("nvml", no_gpu), ("rapl", no_package)) if why}
    with running([*gpus, *packages], path, rate_hz, anchor_ns, reasons) as one:
        yield one


@contextmanager
def running(
    sources: list[Source], path: Path, rate_hz: float, anchor_ns: int, reasons: dict[str, str]
) -> Iterator[Sampling]:
    """Sample these sources in a thread."""
    one = Sampling(rate_hz, sources, reasons)
    if not sources:
        yield one
        return
    thread = threading.Thread(target=_run, args=(one, path, anchor_ns), name="hardware", daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one._stop.set()  # noqa: SLF001 - its own module
        thread.join()


def _run(one: Sampling, path: Path, anchor_ns: int) -> None:
    """Sample until told to stop, once more at the end, so that the counters span all of the body."""
    started_ns, cpu_started_ns = time.monotonic_ns(), time.thread_time_ns()
    try:
        with path.open("ab") as file:
            while True:
                is_last = one._stop.is_set()  # noqa: SLF001 - its own module
                file.write(b"".join(_line(source, anchor_ns) for source in one.sources))
                file.flush()  # a killed process loses one tick
                one.ticks += 1
                if is_last:
                    break
                _wait(one, started_ns)
    except OSError as error:  # a full disk ends the sampling, not the measurement
        one.error = f"{path}: {error.strerror}"
    one.elapsed_ns = time.monotonic_ns() - started_ns
    one.cpu_ns = time.thread_time_ns() - cpu_started_ns


def _line(source: Source, anchor_ns: int) -> bytes:
    """Read a source; its stamp is the middle of the reading."""
    before_ns = time.monotonic_ns()
    row = source.read()
    read_ns = time.monotonic_ns() - before_ns
    stamped = msgspec.structs.replace(row, at_ns=before_ns + read_ns // 2 - anchor_ns, read_ns=read_ns)
    return msgspec.json.encode(stamped) + b"\n"


def _wait(one: Sampling, started_ns: int) -> None:
    """Wait for the next tick of the grid; ticks that are past already are counted as missed."""
    period_ns = _NS / one.rate_hz
    elapsed_ns = time.monotonic_ns() - started_ns
    due = one.ticks + one.ticks_missed
    missed = max(0, int(elapsed_ns // period_ns) - due)
    one.ticks_missed += missed
    one._stop.wait(max(0.0, ((due + missed) * period_ns - elapsed_ns) / _NS))  # noqa: SLF001 - its own module
