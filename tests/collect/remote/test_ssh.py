"""The same over SSH, through a real server on this machine."""

import os
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline import trace
from pipeline.collect import fleet
from pipeline.collect.night import tonight
from pipeline.collect.remote import line
from pipeline.collect.remote.line import FarError
from pipeline.collect.remote.ssh import quoted
from tests.collect.engines.process_watch import is_gone, wait_until
from tests.collect.remote import fleets, ssh
from tests.collect.remote.fleets import collection, under_way

SHORT = {"requests": 2, "warmup": 0}
LONG = {"requests": 500, "warmup": 0, "ttft_ms": 20}


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    with ssh.serving(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def there(layout):
    """Where the box keeps its things: not where this machine keeps its own."""
    return layout.data.parent / "the box's home" / "tokenclock"


@contextmanager
def collecting(layout, path):
    """A collection under way in a thread, with the error it ends with; it is over after the block."""
    errors = []

    def collect():
        try:
            fleet.collect(collection(layout, path), ["far"])
        except FarError as error:
            errors.append(str(error))

    thread = threading.Thread(target=collect)
    thread.start()
    yield errors
    thread.join()


def ssh_client():
    """The process of ours that speaks to the server."""
    children = Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for path in children for pid in path.read_text().split()]
    return next(pid for pid in pids if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ssh\0"))


def test_a_night_is_measured_over_ssh_and_comes_home(layout, tmp_path, sshd, there):
    path = fleets.write(tmp_path, sshd.host(sys.executable, there), **SHORT)
    (one,) = fleet.collect(collection(layout, path), ["far"])
    assert (one.outcome, one.requests_recorded, one.host["recorder"]) == ("finished", 2, "box")
    requests, _ = trace.load(layout.traces, tonight())
    assert set(requests["outcome"]) == {"ended"}
    assert list((there / "data" / "traces").rglob("*.parquet")) == []
    assert is_gone(one.engine["pid"])


def test_a_killed_ssh_leaves_nothing_running_there_and_the_next_brings_home_what_was_finished(
    layout, tmp_path, sshd, there
):
    path = fleets.write(tmp_path, sshd.host(sys.executable, there), **LONG)
    with collecting(layout, path) as errors:
        collector, engine = under_way(there / "data" / "traces")
        os.kill(ssh_client(), signal.SIGKILL)
    wait_until(lambda: is_gone(collector) and is_gone(engine))
    assert "broke off (signal 9)" in errors[0]
    fleet.collect(collection(layout, fleets.write(tmp_path, sshd.host(sys.executable, there), **SHORT)), ["far"])
    first, second = trace.manifests(layout.traces, tonight())
    assert (first.outcome, second.outcome) == ("interrupted", "finished")
    assert first.requests_recorded >= 3


def test_a_far_side_that_freezes_is_killed_there_and_what_was_finished_comes_home_as_interrupted(
    layout, tmp_path, sshd, there, monkeypatch
):
    monkeypatch.setattr(line, "WATCH_EVERY_S", 0.1)
    path = fleets.write(tmp_path, sshd.host(sys.executable, there), **LONG)
    with collecting(layout, path) as errors:
        collector, engine = under_way(there / "data" / "traces")
        os.kill(collector, signal.SIGSTOP)
        monkeypatch.setattr(line, "PATIENCE_S", 0.5)
    assert is_gone(collector)
    wait_until(lambda: is_gone(engine))
    assert "the collector there is frozen, and was killed" in errors[0]
    monkeypatch.setattr(line, "PATIENCE_S", 60.0)
    fleet.collect(collection(layout, fleets.write(tmp_path, sshd.host(sys.executable, there), **SHORT)), ["far"])
    first, second = trace.manifests(layout.traces, tonight())
    assert (first.outcome, second.outcome) == ("interrupted", "finished")
    assert first.requests_recorded >= 3


def test_a_host_that_cannot_be_reached_is_told_with_the_command_to_try(layout, tmp_path, sshd, there):
    host = sshd.host(sys.executable, there).replace('address = "box"', 'address = "nobody@box"')
    with pytest.raises(FarError, match=r"cannot be reached(?s:.*)Permission denied(?s:.*)nobody@box true` works"):
        fleet.collect(collection(layout, fleets.write(tmp_path, host)), ["far"])


def test_a_folder_in_the_home_there_is_found_by_the_shell_there():
    assert quoted("~/.token clock") == "\"$HOME\"/'.token clock'"
    assert quoted("a b;c") == "'a b;c'"
