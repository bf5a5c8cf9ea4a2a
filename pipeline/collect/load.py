"""The shape of the load: when each request of a run starts."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

from pipeline.plan import Closed, Offline, Open, Scenario

Start = Callable[[int, int], Awaitable[None]]
"""Makes request `index`, which is due at `scheduled_ns` of the monotonic clock, and returns when it is over."""


async def apply(scenario: Scenario, seed: str, start: Start) -> None:
    """Make all requests of a scenario, warm-up first. The arrivals of an open loop follow from `seed`."""
    if isinstance(scenario, Open):
        await opened(arrivals(scenario, seed), scenario.max_in_flight, start)
        return
    warmup, planned = scenario.warmup_requests, scenario.requests
    await closed(scenario, iter(range(warmup)), start)
    await closed(scenario, iter(range(warmup, warmup + planned)), start)


async def closed(scenario: Closed | Offline, indices: Iterator[int], start: Start) -> None:
    """Keep `concurrency` requests in flight; each stream starts the next index when its last one ends.

    A request is due the moment its stream is free. Offline every request has a stream, so all start at once.
    """

    async def stream() -> None:
        for index in indices:
            await start(index, time.monotonic_ns())

    async with asyncio.TaskGroup() as streams:
        for _ in range(scenario.concurrency):
            streams.create_task(stream())
            await asyncio.sleep(0)  # starting all in one turn of the loop would keep it from reading meanwhile


async def opened(offsets_ns: Sequence[int], max_in_flight: int, start: Start) -> None:
    """Start request `index` when `offsets_ns[index]` have passed, whatever became of those before.

    Where `max_in_flight` are under way it starts late, in the order of arrival.
    """
    zero_ns = time.monotonic_ns()
    places = asyncio.Semaphore(max_in_flight)

    async def one(index: int, scheduled_ns: int) -> None:
        async with places:
            await start(index, scheduled_ns)

    async with asyncio.TaskGroup() as requests:
        for index, offset_ns in enumerate(offsets_ns):
            scheduled_ns = zero_ns + offset_ns
            await asyncio.sleep(max(0, scheduled_ns - time.monotonic_ns()) / 1e9)
            requests.create_task(one(index, scheduled_ns))


def arrivals(scenario: Open, seed: str) -> list[int]:
    """When each request of an open loop is due, ns from its start: every 1/rate, or as a Poisson process."""
    count = scenario.warmup_requests + scenario.requests
    if scenario.arrivals == "constant":
        return [round(number * 1e9 / scenario.rate_req_s) for number in range(count)]
    rng = random.Random(f"{seed}/arrivals")  # noqa: S311 - reproducible on purpose
    gaps_s = [rng.expovariate(scenario.rate_req_s) for _ in range(count)]
    return [round(at_s * 1e9) for at_s in itertools.accumulate(gaps_s)]
