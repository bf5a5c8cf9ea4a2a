"""One embedded engine for all tests that ask it something."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from pipeline.collect import engines


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    log = tmp_path_factory.mktemp("engine") / "engine.log"
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        started = engines.running("openvino-genai", {"start_timeout_s": 300}, log)
        yield runner.run(stack.enter_async_context(started))
        runner.run(stack.aclose())
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def client(engine):
    with httpx.Client(base_url=engine.base_url, timeout=120) as client:
        yield client
