"""The shape of the load: when each request of a run starts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

Start = Callable[[int, int], Awaitable[None]]


async def closed(concurrency: int, indices: Iterator[int], start: Start) -> None:
    """Keep `concurrency` requests in flight; each stream starts the next index when its last one ends.

    `start(index, scheduled_ns)`: a request is due the moment its stream is free.
    """

    async def stream() -> None:
        for index in indices:
            await start(index, time.monotonic_ns())

    async with asyncio.TaskGroup() as streams:
        for _ in range(concurrency):
            streams.create_task(stream())
