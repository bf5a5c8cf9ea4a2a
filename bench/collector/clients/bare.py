"""The least an asyncio client can do: a protocol that stamps and keeps each read; frames stay in the bytes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

from bench.collector.clients._job import Job, Take, Taken, headers, main

LAST_CHUNK = b"0\r\n\r\n"


class Bare(asyncio.Protocol):
    """One connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's are, but do not inherit from it

    def data_received(self, data: bytes) -> None:
        """Stamp and keep."""
        self.stamps_ns.append(time.monotonic_ns())
        self.reads.append(data)
        if data.endswith(LAST_CHUNK) or (len(data) < 5 and b"".join(self.reads[-5:]).endswith(LAST_CHUNK)):
            self.over.set_result(None)

    def ask(self, message: bytes) -> "asyncio.Future[None]":
        """Send a request."""
        self.stamps_ns: list[int] = []
        self.reads: list[bytes] = []
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent_ns = time.monotonic_ns()
        self.transport.write(message)
        return self.over


def message(name: str, script: str) -> bytes:
    """A request as bytes."""
    lines = [f"{key}: {value}" for key, value in headers(name, script).items()]
    head = ["POST /v1/chat/completions HTTP/1.1", "host: truth", "content-length: 2", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n{}"


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Take]:
    """One connection a stream, opened in the warm-up."""
    idle: list[Bare] = []
    url, trust = urlsplit(job.url), job.trust

    async def connected() -> Bare:
        if idle:
            return idle.pop()
        loop = asyncio.get_running_loop()
        _, bare = await loop.create_connection(Bare, url.hostname or "", url.port or 0, ssl=trust)
        return bare

    async def take(name: str, script: str) -> Taken:
        called = time.monotonic_ns()
        bare = await connected()
        await bare.ask(message(name, script))
        idle.append(bare)
        return Taken(called, bare.sent_ns, bare.stamps_ns, bare.reads)

    yield take
    for bare in idle:
        bare.transport.abort()


if __name__ == "__main__":
    main(opened)
