import asyncio
import itertools
import statistics
import time

import pytest

from pipeline.collect import load
from pipeline.plan import Open

MS = 1_000_000


def scenario(**more):
    facts = {"title": "O", "requests": 8, "warmup_requests": 2, "timeout_s": 5.0, "rate_req_s": 100.0}
    return Open(**{**facts, "arrivals": "constant", "max_in_flight": 64, **more})


def test_constant_arrivals_are_one_period_apart():
    assert load.arrivals(scenario(requests=3), "seed") == [0, 10 * MS, 20 * MS, 30 * MS, 40 * MS]


def test_poisson_arrivals_follow_from_the_seed_and_come_at_the_rate_that_was_asked_for():
    many = scenario(arrivals="poisson", requests=20_000, warmup_requests=0)
    offsets = load.arrivals(many, "seed")
    assert offsets == load.arrivals(many, "seed") == sorted(offsets)
    assert offsets != load.arrivals(many, "another seed")
    gaps = [after - before for before, after in itertools.pairwise(offsets)]
    assert statistics.mean(gaps) == pytest.approx(10 * MS, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(10 * MS, rel=0.03)  # an exponential's mean is its deviation
    assert statistics.median(gaps) == pytest.approx(10 * MS * 0.6931, rel=0.03)


def started(offsets_ns, max_in_flight, takes_s):
    """(index, scheduled_ns, started_ns) of every request of an open loop whose requests take `takes_s`."""
    found = []

    async def start(index, scheduled_ns):
        found.append((index, scheduled_ns, time.monotonic_ns()))
        await asyncio.sleep(takes_s)

    asyncio.run(load.opened(offsets_ns, max_in_flight, start))
    return found


def test_an_open_loop_does_not_wait_for_answers():
    found = started([n * 10 * MS for n in range(10)], max_in_flight=10, takes_s=0.5)
    assert [index for index, _, _ in found] == list(range(10))
    scheduled = [at for _, at, _ in found]
    assert [at - scheduled[0] for at in scheduled] == [n * 10 * MS for n in range(10)]
    assert all(at >= due for _, due, at in found)
    assert found[-1][2] - found[0][2] < 500 * MS


def test_a_request_without_a_place_is_late_and_not_dropped():
    found = started([0, 0, 0, 0], max_in_flight=2, takes_s=0.1)
    assert [index for index, _, _ in found] == [0, 1, 2, 3]
    assert len({due for _, due, _ in found}) == 1
    assert [at - due >= 100 * MS for _, due, at in found] == [False, False, True, True]
