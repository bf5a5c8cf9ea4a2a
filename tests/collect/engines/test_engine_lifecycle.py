"""How engines start and end, shown with a small engine that is up in a moment."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.collect import engines
from pipeline.collect.engines import _child, _cures, _http, _port
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
print("self", os.getpid())
if "chatty" in sys.argv: print("environment", dict(os.environ), flush=True)
if "runaway" in sys.argv: print("child", subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
if "family" in sys.argv: print("child", subprocess.Popen(["sleep", "600"]).pid)
if "deaf" not in sys.argv: threading.Thread(target=end_with_stdin, daemon=True).start()
if "mute" in sys.argv: print("still loading"); threading.Event().wait()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def small_engine(*words: str, ends_with_stdin: bool = True) -> engines.Engine[Any]:
    def facts(_options: engines.Options, _root: str) -> engines.EngineFacts:
        return engines.EngineFacts(
            name="small", version="1", model="none", quantisation="none", threads=1, device="CPU", pid=0
        )

    def command(_options: engines.Options, port: int) -> engines.Command:
        server = [sys.executable, "-c", SERVER, str(port), *words, *([] if ends_with_stdin else ["deaf"])]
        return engines.Command(server, ends_with_stdin=ends_with_stdin)

    return engines.Engine(name="small", options=engines.Options, command=command, facts=facts)


@pytest.fixture
def use(monkeypatch):
    """Make `small` the engine that is found, with the given words on its command line."""

    def put(*words: str, **facts: Any) -> None:
        monkeypatch.setattr(engines, "find", lambda _name: small_engine(*words, **facts))

    return put


async def start_and(body, log_path: Path, **options: object) -> None:
    async with engines.running("small", options, log_path) as engine:
        await body(engine)


async def nothing(_engine) -> None:
    return


def test_an_engine_does_not_get_the_keys_of_providers(use, tmp_path, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "sk-planted-secret")
    monkeypatch.setenv("OTHERS", "stay")
    use("chatty")

    async def run():
        async with engines.running("small", {}, tmp_path / "log", withheld={"GROQ_API_KEY"}):
            pass

    asyncio.run(run())
    said = (tmp_path / "log").read_text()
    assert "'OTHERS': 'stay'" in said
    assert "sk-planted-secret" not in said


def test_an_engine_is_reachable_in_the_body_and_gone_after_it(use, tmp_path):
    use()
    seen: list[engines.RunningEngine] = []

    async def body(engine):
        assert await asyncio.to_thread(_http.get, engine._process.root, "/health") == (200, b"")
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


def test_an_engine_that_ignores_the_polite_signal_is_killed(use, tmp_path):
    use("stubborn")
    seen: list[engines.RunningEngine] = []

    async def body(engine):
        seen.append(engine)

    asyncio.run(start_and(body, tmp_path / "log", stop_timeout_s=0.2))
    assert "ended with signal 9" in (seen[0].ended() or "")


def test_what_the_engine_itself_started_is_gone_too(use, tmp_path):
    use("family")
    asyncio.run(start_and(nothing, tmp_path / "log"))
    grandchild = logged_pid(tmp_path / "log", "child")
    wait_until(lambda: is_gone(grandchild))


PARENT = """
import asyncio, signal
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts behind itself ignores it
from tests.collect.engines.test_engine_lifecycle import small_engine
from pipeline.collect import engines
engines.find = lambda name: small_engine(*[{words}], ends_with_stdin={alone})
async def main():
    async with engines.running("small", {{"stop_timeout_s": 0.2}}, Path({log!r})) as engine:
        print(engine._process.process.pid, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_engine_is_gone_when_its_parent_is(number, alone, tmp_path):
    script = PARENT.format(log=str(tmp_path / "log"), words="", alone=alone)
    environment = os.environ | {"PYTHONPATH": str(_child.IMPORT_ROOT)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.send_signal(number)
    wait_until(lambda: is_gone(pid))


def logged_pid(log: Path, word: str) -> int:
    return int(next(line.split()[1] for line in log.read_text().splitlines() if line.startswith(f"{word} ")))


def test_under_the_guard_nothing_outlives_a_killed_parent(tmp_path):
    """Neither an engine that ignores signals, nor what it started in a session of its own."""
    log = tmp_path / "log"
    script = PARENT.format(log=str(log), words="'stubborn', 'runaway'", alone=False)
    environment = os.environ | {"PYTHONPATH": str(_child.IMPORT_ROOT)}
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE) as parent:
        guard = int(parent.stdout.readline())
        engine, runaway = logged_pid(log, "self"), logged_pid(log, "child")
        assert not any(is_gone(pid) for pid in (guard, engine, runaway))
        parent.kill()
    wait_until(lambda: all(is_gone(pid) for pid in (guard, engine, runaway)))


def test_under_the_guard_an_engine_is_stopped_with_all_it_started(use, tmp_path):
    use("stubborn", "runaway", ends_with_stdin=False)
    seen: list[engines.RunningEngine] = []

    async def body(engine):
        seen.append(engine)

    asyncio.run(start_and(body, tmp_path / "log", stop_timeout_s=0.2))
    assert is_gone(logged_pid(tmp_path / "log", "self"))
    assert is_gone(logged_pid(tmp_path / "log", "child"))
    assert "ended with signal 9" in (seen[0].ended() or "")


def test_under_the_guard_an_engine_killed_in_the_middle_is_told(use, tmp_path):
    use("runaway", ends_with_stdin=False)

    async def body(engine):
        os.kill(logged_pid(tmp_path / "log", "self"), signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: engine.ended() is not None)
        assert "ended with signal 9" in engine.ended()
        assert is_gone(logged_pid(tmp_path / "log", "child"))

    asyncio.run(start_and(body, tmp_path / "log"))


def test_when_the_guard_itself_is_killed_the_engine_is_gone(use, tmp_path):
    use(ends_with_stdin=False)

    async def body(engine):
        os.kill(engine._process.process.pid, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: is_gone(logged_pid(tmp_path / "log", "self")))

    asyncio.run(start_and(body, tmp_path / "log"))


def test_under_the_guard_a_command_that_is_not_there_is_told(use, tmp_path, monkeypatch):
    missing = engines.Command(["/nowhere/llama-server"])
    with pytest.raises(engines.EngineError, match=r"(?s)exit status 127.*cannot be started.*not installed"):
        asyncio.run(start_missing(missing, tmp_path / "log", monkeypatch))


async def start_missing(command, log, monkeypatch) -> None:
    monkeypatch.setattr(engines, "find", lambda _name: replace(small_engine(), command=lambda *_: command))
    await start_and(nothing, log)


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


def test_a_port_that_a_stranger_takes_during_the_start_is_not_measured(use, tmp_path, monkeypatch):
    use("mute")
    with subprocess.Popen([sys.executable, "-c", SERVER, "0"], stdin=subprocess.PIPE) as stranger:
        wait_until(lambda: ports_of(stranger.pid))
        (taken,) = ports_of(stranger.pid)
        monkeypatch.setattr(_port, "claim_port", lambda *_: taken)
        with pytest.raises(engines.EngineError, match=rf"port {taken} of 127.0.0.1 was taken by another process"):
            asyncio.run(start_and(nothing, tmp_path / "log"))
        stranger.kill()


def ports_of(pid: int) -> list[int]:
    """The ports on which a process listens."""
    held = _port._sockets(Path(f"/proc/{pid}"))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].rsplit(":")[1], 16) for row in rows if f"socket:[{row[9]}]" in held and row[3] == "0A"]


def test_an_attached_engine_is_handed_over_and_left_running(use, tmp_path):
    use()
    with subprocess.Popen([sys.executable, "-c", SERVER, "0"], stdin=subprocess.PIPE) as running:
        wait_until(lambda: ports_of(running.pid))
        root = f"http://127.0.0.1:{ports_of(running.pid)[0]}"

        async def body(engine):
            assert (engine.base_url, engine.ended()) == (f"{root}/v1", None)
            assert engine.facts.details == {"attached": True}

        asyncio.run(start_and(body, tmp_path / "log", attach=f"{root}/"))
        assert not (tmp_path / "log").exists()
        assert running.poll() is None
        running.kill()


def test_an_attached_engine_that_is_not_there_is_told_with_the_cure(use, tmp_path):
    use()
    with pytest.raises(engines.EngineError, match=r"nothing at http://127.0.0.1:1/health answers 200.*`attach`"):
        asyncio.run(start_and(nothing, tmp_path / "log", attach="http://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "max_model_len"),
        ("[Errno 98] error while attempting to bind on address: address already in use", "port = 0"),
        ("python: cannot be started: No such file or directory", "`python` or `program`"),
        ("gguf_init_from_file: failed to open GGUF file 'x.gguf'", "path of a model"),
        ("Error: No such option: --cb-blocks", "Correct `arguments`"),
        ("engine small: ended with signal 9; the last lines", "want of memory"),
        ("engine llama-server: ended with signal 4; the last lines", "another processor"),
        (
            "llama-server: error while loading shared libraries: libllama-common.so.0: cannot open shared object "
            "file: No such file or directory",
            "LD_LIBRARY_PATH",
        ),
        ("something new", "read the log above"),
    ],
)
def test_the_last_words_of_an_engine_lead_to_a_cure(said, cure):
    assert cure in _cures.cure(said)
