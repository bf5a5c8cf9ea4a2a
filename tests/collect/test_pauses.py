import asyncio
import contextlib
import gc

import httpx
import pytest
import uvloop

from pipeline.collect.transport import Recording, StampedTransport, pauses, post
from pipeline.collect.transport.framing import Response
from tests.servers import HEAD, HELLO, serving


@pytest.fixture
def thresholds():
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_collections_are_rare_from_the_first_transport_to_the_last(thresholds):
    async def overlapping():
        found = []
        async with StampedTransport():
            second = await StampedTransport().__aenter__()
            found.append((gc.get_threshold(), gc.get_freeze_count() > 0))
        found.append((gc.get_threshold(), gc.get_freeze_count() > 0))
        await second.aclose()
        await second.aclose()
        return found

    rare = (pauses.THRESHOLD, *thresholds[1:])
    assert asyncio.run(overlapping()) == [(rare, True), (rare, True)]
    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() == 0


def test_a_transport_that_nobody_enters_leaves_the_collector_alone(thresholds):
    asyncio.run(StampedTransport().aclose())
    assert gc.get_threshold() == thresholds


def test_collections_that_are_off_stay_off(thresholds):
    gc.set_threshold(0)
    eased = pauses.Eased()
    eased.open()
    assert gc.get_threshold()[0] == 0
    eased.close()
    assert gc.get_threshold()[0] == 0


@pytest.mark.parametrize(
    "script", [HELLO, [*HELLO[:2], None], [HEAD + b"transfer-encoding: chunked\r\n\r\n", b"zz\r\n"]],
    ids=["complete", "reset", "bad framing"],
)  # fmt: skip
def test_a_request_leaves_nothing_for_the_collector_to_find(script):
    async def asked(url):
        async with StampedTransport() as transport:
            for _ in range(3):
                with contextlib.suppress(httpx.TransportError):
                    await transport.handle_async_request(post(url, {}, b"{}", Recording()))

    gc.collect()
    gc.disable()
    try:
        with serving(script) as server:
            uvloop.run(asked(server.url))
        left = [one for one in gc.get_objects() if type(one) is Response]
    finally:
        gc.enable()
    assert left == []
