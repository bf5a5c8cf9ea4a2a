"""How wrong our own instrument is: a recording held against the truth server's log of the same streams.

Errors are our stamp minus the time just before the send() that carried an event's last byte. All of it is
on one machine and one clock; an error is what the kernel, the event loop and our code add, never the path.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.collect.flow import Load
from pipeline.collect.load import opened
from pipeline.collect.transport import Recording, StampedTransport, post
from pipeline.collect.truth.child import Truth, certified, serving
from pipeline.collect.truth.log import Log
from pipeline.collect.truth.scripts import Constant
from pipeline.errors import TokenclockError

Ints = NDArray[np.int64]

FIRST_TOKEN = 1
"""In all scripts event 0 names the role and event 1 carries the first token."""
WARM_UP = Constant(tokens=1, tok_s=100.0, align=True)
LAG_EVERY_S = 0.01
"""Distance of the event loop's lag samples; loops count timers in milliseconds, so a lag does too."""


class CalibrationError(TokenclockError):
    """A recording and a log that do not tell of the same stream; the message names both."""


def event_reads(payloads: Sequence[bytes]) -> Ints:
    """For every event of a stream, the number of the read that held its last byte."""
    body = np.frombuffer(b"".join(payloads), np.uint8)
    is_feed = body == ord("\n")
    ends = np.flatnonzero(is_feed[1:] & is_feed[:-1]) + 2
    read_ends = np.cumsum([len(payload) for payload in payloads], dtype=np.int64)
    return np.searchsorted(read_ends, ends, side="left").astype(np.int64)


def event_writes(log: Log) -> Ints:
    """For every event of a stream, the number of the send that carried its last byte."""
    return np.repeat(np.arange(len(log.events), dtype=np.int64), log.events)


@dataclass(frozen=True)
class Stream:
    """One recorded stream beside its log, event by event."""

    log: Log
    stamps_ns: Ints
    sent_ns: int | None
    called_ns: int
    reads: Ints
    writes: Ints

    @property
    def stamp_errors_ns(self) -> Ints:
        """Our stamp of each event minus the time just before its send()."""
        return self.stamps_ns[self.reads] - np.array(self.log.before_ns, np.int64)[self.writes]

    @property
    def pacing_errors_ns(self) -> Ints:
        """How late the truth server itself was, a send."""
        return np.array(self.log.before_ns, np.int64) - np.array(self.log.due_ns, np.int64)

    @property
    def ttft_error_ns(self) -> int | None:
        """Our TTFT minus the true one, which runs from the request's arrival to the first token's send().

        None of a client that does not say when it sent.
        """
        return None if self.sent_ns is None else self._first_token_error_ns + self.log.request_ns - self.sent_ns

    @property
    def ttft_error_from_call_ns(self) -> int:
        """The same with our clock started where the client was called, as load generators do."""
        return self._first_token_error_ns + self.log.request_ns - self.called_ns

    @property
    def _first_token_error_ns(self) -> int:
        return int(self.stamp_errors_ns[FIRST_TOKEN])

    @property
    def event_reads(self) -> int:
        """Reads that completed at least one event."""
        return len(np.unique(self.reads))

    @property
    def shared_reads(self) -> int:
        """Reads that completed events of more than one send: their distance is lost to us."""
        pairs = np.unique(np.stack([self.reads, self.writes]), axis=1)
        return int(np.count_nonzero(np.bincount(pairs[0]) > 1)) if pairs.size else 0


def matched(recording: Recording, log: Log, called_ns: int) -> Stream:
    """Lay a recording beside its log; both must tell of the same events."""
    stream = Stream(
        log,
        np.array(recording.stamps_ns, np.int64),
        recording.sent_ns,
        called_ns,
        event_reads(recording.payloads),
        event_writes(log),
    )
    if len(stream.reads) != len(stream.writes):
        raise CalibrationError(
            f"stream {log.id}: {len(stream.writes)} events were sent and {len(stream.reads)} recorded "
            f"(outcome {recording.outcome!r}, {recording.error or 'no error'}); the recorder loses or invents bytes"
        )
    return stream


def quantiles(name: str, values_ns: Ints) -> dict[str, float | None]:
    """p50, p99 and max, by linear interpolation; no p99 of fewer than 100 values."""
    count = len(values_ns)
    return {
        f"{name}_p50_ns": float(np.quantile(values_ns, 0.5)) if count else None,
        f"{name}_p99_ns": float(np.quantile(values_ns, 0.99)) if count >= 100 else None,
        f"{name}_max_ns": float(np.max(values_ns)) if count else None,
    }


def summarised(streams: Sequence[Stream]) -> dict[str, Any]:
    """The errors of streams recorded together, as columns of the calibration table."""
    event_read_count = sum(stream.event_reads for stream in streams)
    return {
        "streams": len(streams),
        "events": sum(len(stream.reads) for stream in streams),
        "reads": sum(len(stream.stamps_ns) for stream in streams),
        **quantiles("stamp_error", _joined([stream.stamp_errors_ns for stream in streams])),
        **quantiles("ttft_error", _known([stream.ttft_error_ns for stream in streams])),
        **quantiles("ttft_error_from_call", _known([stream.ttft_error_from_call_ns for stream in streams])),
        "shared_read_share": sum(stream.shared_reads for stream in streams) / event_read_count
        if event_read_count
        else None,
        **quantiles("pacing_error", _joined([stream.pacing_errors_ns for stream in streams])),
    }


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.array([], np.int64)


def _known(values: Sequence[int | None]) -> Ints:
    return np.array([value for value in values if value is not None], np.int64)


@dataclass
class Cost:
    """What the recording costs its own process, between `start` and `stop`."""

    wall_ns: int = 0
    cpu_ns: int = 0
    lags_ns: list[int] = field(default_factory=list)

    async def sample(self) -> None:
        """Note how late the event loop wakes a sleeper, until cancelled."""
        self.wall_ns, self.cpu_ns = -time.monotonic_ns(), -time.process_time_ns()
        with suppress(asyncio.CancelledError):
            while True:
                before = time.monotonic_ns()
                await asyncio.sleep(LAG_EVERY_S)
                self.lags_ns.append(max(0, time.monotonic_ns() - before - round(LAG_EVERY_S * 1e9)))
        self.wall_ns += time.monotonic_ns()
        self.cpu_ns += time.process_time_ns()

    def summarised(self) -> dict[str, Any]:
        """CPU share of one core, and the loop's lag."""
        return {
            "wall_ns": self.wall_ns,
            "cpu_share": self.cpu_ns / self.wall_ns if self.wall_ns else None,
            **quantiles("loop_lag", np.array(self.lags_ns, np.int64)),
        }


async def recorded(
    transport: httpx.AsyncBaseTransport, truth: Truth, name: str, script: str
) -> tuple[Recording, int]:
    """Record one scripted stream; also when the client was called."""
    recording = Recording()
    headers = {"x-truth-script": script, "x-truth-id": name, "accept-encoding": "identity"}
    called_ns = time.monotonic_ns()
    await transport.handle_async_request(post(f"{truth.url}/chat/completions", headers, b"{}", recording))
    return recording, called_ns


async def measured(
    transport: httpx.AsyncBaseTransport, truth: Truth, script: str, starts_ns: Sequence[int]
) -> dict[str, Any]:
    """Record streams of one script, each started so long after the first, and say how wrong the recordings are."""
    names = [f"{time.monotonic_ns()}-{number}" for number in range(len(starts_ns))]
    taken: dict[int, tuple[Recording, int]] = {}

    async def start(index: int, _scheduled_ns: int) -> None:
        taken[index] = await recorded(transport, truth, names[index], script)

    await asyncio.to_thread(truth.prepare, script)
    cost = Cost()
    sampling = asyncio.create_task(cost.sample())
    try:
        await opened(starts_ns, len(starts_ns), start)
    finally:
        sampling.cancel()
        await sampling
    logs = await asyncio.to_thread(truth.logs, names)
    streams = [matched(taken[index][0], log, taken[index][1]) for index, log in enumerate(logs)]
    sources = sorted({recording.clock_source for recording, _ in taken.values()})
    return {"clock_source": "+".join(sources), **summarised(streams), **cost.summarised()}


async def calibrate(load: Load, most_tokens: int, *, align: bool = True) -> dict[str, Any]:
    """Record the truth server at a load, with at most so many tokens a stream; one row of the calibration table.

    Connections are warm: a short stream on each goes before. Where no certificate can be made for want of the
    `openssl` command, TLS is left out, and `is_tls` says so.
    """
    script = _json(Constant(tokens=load.tokens(most_tokens), tok_s=load.tok_s, align=align))
    with TemporaryDirectory() as folder:
        is_tls = load.is_tls and which("openssl") is not None
        certificate = await asyncio.to_thread(certified, Path(folder)) if is_tls else None
        serving_truth = serving(certificate)
        truth = await asyncio.to_thread(serving_truth.__enter__)
        try:
            async with StampedTransport(truth.trust) as transport:
                await measured(transport, truth, _json(WARM_UP), [0] * load.concurrency)
                row = await measured(transport, truth, script, load.starts_ns())
        finally:
            await asyncio.to_thread(serving_truth.__exit__, None, None, None)
    return {
        "concurrency": load.concurrency,
        "tok_s": load.tok_s,
        "rate_req_s": load.rate_req_s,
        "is_aligned": align,
        "is_tls": is_tls,
        "scheduling": truth.scheduling,
        **row,
    }


def _json(script: Constant) -> str:
    return msgspec.json.encode(script).decode()
