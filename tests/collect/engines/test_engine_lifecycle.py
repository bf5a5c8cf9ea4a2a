"""How engines start and end, shown with a small engine that is up in a moment."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.collect import engines
from pipeline.collect.engines import _child
from tests.collect.engines.process_watch import is_gone, wait_until

SERVER = """
import http.server, os, signal, subprocess, sys, threading
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *_): pass
def end_with_stdin():
    while os.read(0, 1): pass
    os._exit(0)
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "crash" in sys.argv: sys.exit("the model file is broken")
if "family" in sys.argv: print("child", subprocess.Popen(["sleep", "600"]).pid)
threading.Thread(target=end_with_stdin, daemon=True).start()
if "mute" in sys.argv: print("still loading"); threading.Event().wait()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def small_engine(*words: str) -> engines.Engine[Any]:
    def facts(_options: engines.Options, _port: int) -> engines.EngineFacts:
        return engines.EngineFacts(
            name="small", version="1", model="none", quantisation="none", threads=1, device="CPU", pid=0
        )

    def command(_options: engines.Options, port: int) -> list[str]:
        return [sys.executable, "-c", SERVER, str(port), *words]

    return engines.Engine(name="small", options=engines.Options, command=command, facts=facts)


@pytest.fixture
def use(monkeypatch):
    """Make `small` the engine that is found, with the given words on its command line."""

    def put(*words: str) -> None:
        monkeypatch.setattr(engines, "find", lambda _name: small_engine(*words))

    return put


async def start_and(body, log_path: Path, **options: object) -> None:
    async with engines.running("small", options, log_path) as engine:
        await body(engine)


async def nothing(_engine) -> None:
    return


def test_an_engine_is_reachable_in_the_body_and_gone_after_it(use, tmp_path):
    use()
    seen: list[engines.RunningEngine] = []

    async def body(engine):
        assert await asyncio.to_thread(_child.get, engine._process.port, "/health") == (200, b"")
        assert engine.base_url == f"http://127.0.0.1:{engine._process.port}/v1"
        assert engine.ended() is None
        seen.append(engine)

    asyncio.run(start_and(body, tmp_path / "logs" / "engine.log"))
    assert is_gone(seen[0]._process.process.pid)
    assert "ended with signal 15" in (seen[0].ended() or "")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, asyncio.CancelledError])
def test_an_engine_is_gone_when_the_body_raises(use, tmp_path, error):
    use()
    pids: list[int] = []

    async def body(engine):
        pids.append(engine._process.process.pid)
        raise error

    with pytest.raises(error):
        asyncio.run(start_and(body, tmp_path / "log"))
    assert is_gone(pids[0])


def test_an_engine_is_gone_when_its_task_is_cancelled(use, tmp_path):
    use()
    pids: list[int] = []

    async def cancel_it():
        is_running = asyncio.Event()

        async def body(engine):
            pids.append(engine._process.process.pid)
            is_running.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(start_and(body, tmp_path / "log"))
        await is_running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_it())
    assert is_gone(pids[0])


def test_an_engine_is_gone_when_its_start_is_cancelled(use, tmp_path):
    use("mute")

    async def cancel_it():
        task = asyncio.create_task(start_and(nothing, tmp_path / "log"))
        await asyncio.to_thread(wait_until, (tmp_path / "log").exists)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_it())
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not [pid for pid in children if b"serve_forever" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_an_engine_that_ignores_the_polite_signal_is_killed(use, tmp_path, monkeypatch):
    use("stubborn")
    monkeypatch.setattr(_child, "STOP_TIMEOUT_S", 0.2)
    seen: list[engines.RunningEngine] = []

    async def body(engine):
        seen.append(engine)

    asyncio.run(start_and(body, tmp_path / "log"))
    assert "ended with signal 9" in (seen[0].ended() or "")


def test_what_the_engine_itself_started_is_gone_too(use, tmp_path):
    use("family")
    asyncio.run(start_and(nothing, tmp_path / "log"))
    grandchild = int((tmp_path / "log").read_text().split()[1])
    wait_until(lambda: is_gone(grandchild))


PARENT = """
import asyncio
from pathlib import Path
from tests.collect.engines.test_engine_lifecycle import small_engine
from pipeline.collect import engines
engines.find = lambda name: small_engine()
async def main():
    async with engines.running("small", {{}}, Path({log!r})) as engine:
        print(engine._process.process.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_engine_is_gone_when_its_parent_is(number, tmp_path):
    script = PARENT.format(log=str(tmp_path / "log"))
    environment = os.environ | {"PYTHONPATH": str(_child.IMPORT_ROOT)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.send_signal(number)
    wait_until(lambda: is_gone(pid))


def test_a_crash_at_the_start_shows_the_last_lines_of_this_start(use, tmp_path):
    use("crash")
    log = tmp_path / "log"
    log.write_text("a line of an earlier start\n")
    with pytest.raises(engines.EngineError) as caught:
        asyncio.run(start_and(nothing, log))
    assert "engine small: ended with exit status 1" in str(caught.value)
    assert "the model file is broken" in str(caught.value)
    assert "earlier start" not in str(caught.value)
    assert str(log) in str(caught.value)


def test_an_engine_that_is_never_ready_is_given_up_and_stopped(use, tmp_path):
    use("mute")
    with pytest.raises(engines.EngineError, match=r"(?s)not ready after 0.5 s.*still loading.*start_timeout_s"):
        asyncio.run(start_and(nothing, tmp_path / "log", start_timeout_s=0.5))


def test_a_taken_port_is_named_before_anything_starts(use, tmp_path):
    use()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(engines.EngineError, match=rf"port {port} of 127.0.0.1 is already in use.*port = 0"):
            asyncio.run(start_and(nothing, tmp_path / "log", port=port))
    assert not (tmp_path / "log").exists()
