"""What all clients have in common: the job, warm connections, all streams at once, CPU time and memory."""

import asyncio
import gc
import os
import ssl
import sys
import time
from array import array
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import uvloop

WARM_UP = '{"kind":"constant","tokens":1,"tok_s":100,"align":true}'


class Job(msgspec.Struct, frozen=True):
    """What to record: waves of streams by name. `core` is the CPU core to stay on; `certificate`, whom to trust."""

    url: str
    script: str
    waves: list[list[str]]
    certificate: str | None
    core: int | None
    is_real_time: bool

    @property
    def trust(self) -> ssl.SSLContext | None:
        """The context for a connection; None without TLS."""
        return ssl.create_default_context(cafile=self.certificate) if self.certificate else None


class Taken(msgspec.Struct):
    """One stream as a client saw it: a stamp and the bytes of each read, or of each piece it hands out."""

    called_ns: int
    sent_ns: int | None
    stamps_ns: Sequence[int]
    payloads: list[bytes]
    clock_source: str = "user"


class Seen(msgspec.Struct):
    """All streams of a job, and what they cost; `memory_bytes` is the peak's growth.

    `waited_ns`: how long the process was ready and had no processor. Both are null where unknown.
    """

    cpu_ns: int
    wall_ns: int
    waited_ns: int | None
    memory_bytes: int | None
    scheduling: str
    streams: list[Taken]


Take = Callable[[str, str], Coroutine[None, None, Taken]]
"""Records one stream, given its name and its script."""
Opened = Callable[[Job], AbstractAsyncContextManager[Take]]


def headers(name: str, script: str) -> dict[str, str]:
    """How a stream is asked for."""
    return {"x-truth-id": name, "x-truth-script": script, "accept-encoding": "identity"}


async def _seen(job: Job, opened: Opened, scheduling: str) -> Seen:
    async with opened(job) as take:
        await asyncio.gather(*(take(f"warm-{name}", WARM_UP) for name in job.waves[0]))  # a connection for each
        gc.collect()
        memory, waited = _memory_bytes("VmRSS"), _waited_ns()
        wall, cpu = time.monotonic_ns(), time.process_time_ns()
        streams = []
        for names in job.waves:
            streams += await _at_once([take(name, job.script) for name in names])
        cpu, wall = time.process_time_ns() - cpu, time.monotonic_ns() - wall
        peak, waited = _memory_bytes("VmHWM"), _grown(waited, _waited_ns())
    return Seen(cpu, wall, waited, _grown(memory, peak), scheduling, streams)


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


async def _at_once(takes: list[Coroutine[None, None, Taken]]) -> list[Taken]:
    """Start all, one an iteration of the loop, so that streams already open are read meanwhile."""
    tasks = []
    for take in takes:
        tasks.append(asyncio.create_task(take))
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks)


def _memory_bytes(field: str) -> int | None:
    """A figure of this process as the kernel has it; not `ru_maxrss`, which a child inherits from its parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    found = next(line for line in status.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(found.split()[1]) * 1024


def _waited_ns() -> int | None:
    """How long this thread has been ready and had no processor, as the kernel counts it."""
    path = Path("/proc/thread-self/schedstat")
    return int(path.read_text().split()[1]) if path.exists() else None


def _scheduled(job: Job) -> str:
    """Take the core and the priority asked for; says which priority it is."""
    if job.core is not None:
        os.sched_setaffinity(0, {job.core})
    if job.is_real_time:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return "real-time" if job.is_real_time else "ordinary"


def _plain(value: object) -> object:
    if isinstance(value, array):
        return value.tolist()
    raise NotImplementedError(type(value))


def main(opened: Opened) -> None:
    """Do the job that stands on stdin."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    seen = uvloop.run(_seen(job, opened, _scheduled(job)))
    with open(sys.stdout.fileno(), "wb") as out:  # noqa: PTH123 - buffered, also where PYTHONUNBUFFERED is set
        out.write(msgspec.msgpack.encode(seen, enc_hook=_plain))
