"""An engine that somebody else started: what it says of itself is recorded, what only its starter knows is not."""

import asyncio
import socket
import subprocess

import pytest

from pipeline.collect import engines
from tests.collect.engines import stand_in

NAMES = sorted(set(engines.names()) - {"openvino-genai", "simulator"})  # these tell all of themselves
TOLD = {"vllm": {"max_model_len": 8}, "tgi": {"max_model_len": 16}, "llama-server": {"slots": 3}}
IN_ITS_NATURE = {"transformers-serve": {"prefix_cache": True}, "ollama": {"prefix_cache": True}}
ONLY_ITS_STARTER_KNOWS = {
    "tensor_parallel", "prefix_cache", "memory_share", "max_model_len", "seed", "backend", "attention",
    "context_tokens", "gpu_layers", "flash_attention", "slots",
}  # fmt: skip


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """One program that answers as all engines do, and a table of each engine that leads to it."""
    folder = tmp_path_factory.mktemp("attached")
    tables = stand_in.tables(folder, NAMES)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([folder / "program", "--port", str(port), "--alone"], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield {name: table | {"attach": f"http://127.0.0.1:{port}"} for name, table in tables.items()}
        process.kill()


@pytest.mark.parametrize("name", NAMES)
def test_what_we_did_not_tell_an_engine_is_not_recorded_as_if_we_had(name, started, tmp_path):
    async def facts():
        async with engines.running(name, started[name], tmp_path / "log") as engine:
            return engine.facts

    said = asyncio.run(facts())
    assert said.details["attached"]
    assert (said.threads, said.pid) == (None, None)
    known = {one: said.details[one] for one in ONLY_ITS_STARTER_KNOWS & set(said.details)}
    found = {one: value for one, value in known.items() if value is not None}
    assert found == TOLD.get(name, {}) | IN_ITS_NATURE.get(name, {})
