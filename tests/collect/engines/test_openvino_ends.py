"""Lost clients, dead processes and killed parents: nothing computes for nobody, nothing is left."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pipeline.collect import engines
from pipeline.collect.engines import _child, _http, _port, openvino_genai
from pipeline.collect.engines.openvino_genai import NAME, OpenvinoOptions
from tests.collect.engines.openvino_asking import ASK, CHAT, finish_of, stream
from tests.collect.engines.process_watch import is_gone, is_idle, wait_until

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_client_that_hangs_up_frees_the_model(engine, is_stream):
    worker = engine.facts.details["worker_pid"]
    wait_until(lambda: is_idle(worker))
    endless = ASK | {"max_tokens": 8000, "ignore_eos": True, "stream": is_stream}
    with httpx.Client(base_url=engine.base_url, timeout=httpx.Timeout(60, read=None if is_stream else 1)) as lost:
        if is_stream:
            with lost.stream("POST", CHAT, json=endless) as answer:
                assert b"assistant" in next(answer.iter_raw())
                assert not is_idle(worker)
        else:
            with pytest.raises(httpx.ReadTimeout):
                lost.post(CHAT, json=endless)
    wait_until(lambda: is_idle(worker))


def test_streams_go_on_when_another_client_hangs_up(engine, client):
    with httpx.Client(base_url=engine.base_url, timeout=60) as lost:
        body = ASK | {"max_tokens": 8000, "ignore_eos": True, "stream": True}
        with lost.stream("POST", CHAT, json=body) as answer, ThreadPoolExecutor(1) as pool:
            other = pool.submit(stream, client, CHAT, ASK | {"max_tokens": 60, "ignore_eos": True})
            for index, _frame in enumerate(answer.iter_raw()):
                if index == 5:
                    break
            answer.close()
            assert finish_of(other.result()) == "length"


def test_a_model_process_that_dies_is_told_in_the_stream_and_ends_the_engine(tmp_path):
    async def kill_in_the_middle() -> None:
        async with (
            engines.running("openvino-genai", {"start_timeout_s": 300}, tmp_path / "log") as engine,
            httpx.AsyncClient(base_url=engine.base_url, timeout=60) as client,
            client.stream("POST", CHAT, json=ASK | {"max_tokens": 8000, "stream": True}) as answer,
        ):
            received = b""
            async for frame in answer.aiter_raw():
                if not received:
                    os.kill(int(engine.facts.details["worker_pid"]), signal.SIGKILL)
                received += frame
            *_, last, rest = received.split(b"\n\n")
            assert (json.loads(last.removeprefix(b"data: "))["error"]["type"], rest) == ("server_error", b"")
            await asyncio.to_thread(wait_until, lambda: engine.ended() is not None)
            assert "engine openvino-genai: ended with exit status 1" in str(engine.ended())

    asyncio.run(kill_in_the_middle())


def test_while_it_loads_it_says_so_and_it_ends_with_its_parent(tmp_path):
    port = _port.claim_port("openvino-genai", 0)
    child = _child.start(NAME, openvino_genai.command(OpenvinoOptions(), port), port, 5.0, tmp_path / "log")
    try:
        health: list[tuple[int, bytes]] = []

        def answers() -> bool:
            try:
                health.append(_http.get(child.root, "/health"))
            except httpx.HTTPError:
                return False
            return True

        wait_until(answers)
        assert health[0][0] == 503
        assert json.loads(health[0][1])["error"]["code"] == "not_ready"
        assert httpx.post(f"http://127.0.0.1:{port}/v1/{CHAT}", json=ASK).status_code == 503
        front = child.process.pid
        (worker,) = map(int, Path(f"/proc/{front}/task/{front}/children").read_text().split())
        child.process.stdin.close()
        assert child.process.wait(20) == 0
        wait_until(lambda: is_gone(worker))
    finally:
        _child.stop(child)


PARENT = """
import asyncio, sys
from pathlib import Path
from pipeline.collect import engines
async def main():
    async with engines.running("openvino-genai", {{"start_timeout_s": 300}}, Path({log!r})) as engine:
        print(engine.facts.pid, engine.facts.details["worker_pid"], flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def test_both_processes_are_gone_when_the_parent_is_killed(tmp_path):
    command = [sys.executable, "-c", PARENT.format(log=str(tmp_path / "log"))]
    environment = os.environ | {"PYTHONPATH": str(_child.IMPORT_ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert not any(is_gone(pid) for pid in pids)
        parent.kill()
    assert len(pids) == 2
    wait_until(lambda: all(is_gone(pid) for pid in pids))
