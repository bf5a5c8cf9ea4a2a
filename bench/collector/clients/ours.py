"""The recorder itself: our transport, as the collector uses it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.collector.clients._job import Job, Take, Taken, headers, main
from pipeline.collect.transport import Recording, StampedTransport, post


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Take]:
    """With the stamps of the recording."""
    async with StampedTransport(job.trust) as transport:

        async def take(name: str, script: str) -> Taken:
            recording = Recording()
            called = time.monotonic_ns()
            await transport.handle_async_request(post(job.url, headers(name, script), b"{}", recording))
            return Taken(called, recording.sent_ns, recording.stamps_ns, recording.payloads, recording.clock_source)

        yield take


if __name__ == "__main__":
    main(opened)
