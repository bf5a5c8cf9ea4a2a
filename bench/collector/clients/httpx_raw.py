"""httpx as it comes, one stamp for each piece of `aiter_raw`."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from bench.collector.clients._job import Job, Take, Taken, headers, main


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Take]:
    """With a pool that never refuses."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(verify=job.trust or True, limits=limits, timeout=None) as client:  # noqa: S113 - local

        async def take(name: str, script: str) -> Taken:
            stamps, pieces = [], []
            called = time.monotonic_ns()
            async with client.stream("POST", job.url, headers=headers(name, script), json={}) as response:
                async for piece in response.aiter_raw():
                    stamps.append(time.monotonic_ns())
                    pieces.append(piece)
            return Taken(called, None, stamps, pieces)

        yield take


if __name__ == "__main__":
    main(opened)
