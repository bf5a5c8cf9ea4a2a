"""aiohttp as load generators use it, one stamp for each piece of `iter_any`."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from bench.collector.clients._job import Job, Take, Taken, headers, main


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Take]:
    """With a pool that never refuses."""
    connector = aiohttp.TCPConnector(limit=0, ssl=job.trust or True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:

        async def take(name: str, script: str) -> Taken:
            stamps, pieces = [], []
            called = time.monotonic_ns()
            async with session.post(job.url, headers=headers(name, script), json={}) as response:
                async for piece in response.content.iter_any():
                    stamps.append(time.monotonic_ns())
                    pieces.append(piece)
            return Taken(called, None, stamps, pieces)

        yield take


if __name__ == "__main__":
    main(opened)
