"""A collection in a process of its own: what comes home, and what becomes of it when something is killed."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from pipeline import plan, trace
from pipeline.collect import fleet, ingest
from pipeline.collect.night import CollectError, tonight
from pipeline.collect.parcel import ParcelError
from pipeline.collect.remote import line, near
from pipeline.collect.remote.line import FarError
from pipeline.progress import listening
from tests import plans
from tests.collect.engines.process_watch import is_gone, wait_until
from tests.collect.remote import fleets
from tests.collect.remote.fleets import collection, under_way
from tests.servers import HELLO, serving

ROOT = plan.DEFAULT.parent.parent
LONG = {"requests": 500, "warmup": 0, "ttft_ms": 20}
SHORT = {"requests": 2, "warmup": 0}


def collect(layout, path, targets=("far",)):
    return fleet.collect(collection(layout, path), list(targets))


def traces_there(layout):
    return layout.data / "hosts" / "box" / "data" / "traces"


def left_there(layout):
    """Runs that lie on the box, whether finished or not."""
    return list(traces_there(layout).glob("night=*/target=far/*far*"))


def test_what_is_recorded_in_a_process_of_its_own_comes_home_as_if_recorded_here(layout, tmp_path):
    steps = []
    with serving(HELLO) as server, listening(steps.append):
        this = collection(layout, fleets.write(tmp_path, url=server.url, rounds=2, **SHORT))
        here, *recorded = fleet.collect(replace(this, environment={"P_API_KEY": "k"}), ["far", "t"])[1:]
    assert (here.target.name, here.host["recorder"]) == ("t", "here")
    assert [(one.round, one.outcome, one.requests_recorded) for one in recorded] == [
        (number, "finished", 2) for number in (1, 2)
    ]
    assert recorded == trace.manifests(layout.traces, tonight())[:2]
    assert {one.host["recorder"] for one in recorded} == {"box"}
    assert {one.target.provenance for one in recorded} == {"simulated"}
    assert {one.code_commit for one in recorded} == {near.code.host.code_commit()}
    requests, reads = trace.load(layout.traces, tonight())
    assert (requests.height, set(requests["outcome"])) == (8, {"ended"})
    assert reads.height > 8
    assert (layout.traces / f"night={tonight()}" / "target=far" / "engine.r01.log").exists()
    assert {one.name for one in trace.read_night(layout.traces, tonight()).targets} == {"t", "far"}
    assert {"starting on The box", "far, s, round 2"} <= {step.text for step in steps}
    assert (steps[-1].done, steps[-1].total) == (4, 4)
    assert left_there(layout) == []
    assert is_gone(recorded[0].engine["pid"])


@pytest.fixture
def cut_off(layout, tmp_path, monkeypatch):
    """A collection under way in a thread, with the error it ends with."""
    monkeypatch.setattr(line, "WATCH_EVERY_S", 0.1)
    path, errors = fleets.write(tmp_path, **LONG), []

    def run():
        try:
            collect(layout, path)
        except FarError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    yield errors, under_way(traces_there(layout)), thread
    thread.join()


def test_a_killed_collector_leaves_no_engine_and_what_was_finished_comes_home_next_time(layout, tmp_path, cut_off):
    errors, (collector, engine), thread = cut_off
    os.kill(collector, signal.SIGKILL)
    thread.join()
    wait_until(lambda: is_gone(engine))
    (error,) = errors
    assert "host box (The box): the collection there broke off (signal 9)" in error
    assert "Cure: what was finished is kept" in error
    assert trace.manifests(layout.traces, tonight()) == []
    collect(layout, fleets.write(tmp_path, **SHORT))
    first, second = trace.manifests(layout.traces, tonight())
    assert (first.outcome, second.outcome) == ("interrupted", "finished")
    assert first.requests_recorded >= 3
    assert left_there(layout) == []


def test_a_frozen_collector_is_killed_with_its_engine_and_what_was_finished_comes_home_next_time(
    layout, tmp_path, cut_off, monkeypatch
):
    errors, (collector, engine), thread = cut_off
    os.kill(collector, signal.SIGSTOP)
    monkeypatch.setattr(line, "PATIENCE_S", 0.5)
    thread.join()
    wait_until(lambda: is_gone(collector) and is_gone(engine))
    (error,) = errors
    assert error.startswith("host box (The box): nothing came from there for 0.5 s")
    assert "the collector there is frozen, and was killed" in error
    assert "Cure: see there what stops a process" in error
    monkeypatch.setattr(line, "PATIENCE_S", 60.0)
    collect(layout, fleets.write(tmp_path, **SHORT))
    first, second = trace.manifests(layout.traces, tonight())
    assert (first.outcome, second.outcome) == ("interrupted", "finished")
    assert first.requests_recorded >= 3


def test_a_killed_engine_ends_its_requests_and_not_the_collection(layout, tmp_path, cut_off):
    errors, (collector, engine), thread = cut_off
    os.kill(engine, signal.SIGKILL)
    thread.join()
    (one,) = trace.manifests(layout.traces, tonight())
    assert errors == []
    assert one.outcome == "failed"
    assert "engine simulator: ended with signal 9" in one.error
    requests, _ = trace.load(layout.traces, tonight())
    assert set(requests["outcome"]) >= {"ended", "not_connected"}
    assert is_gone(collector)


def test_who_interrupts_here_stops_it_there_and_gets_what_was_finished(layout, tmp_path):
    interrupted = []

    def interrupt_once(step):
        if step.done > 0 and not interrupted:
            interrupted.append(under_way(traces_there(layout), requests=1))
            signal.raise_signal(signal.SIGINT)

    with listening(interrupt_once), pytest.raises(KeyboardInterrupt):
        collect(layout, fleets.write(tmp_path, **LONG))
    (one,) = trace.manifests(layout.traces, tonight())
    assert (one.outcome, left_there(layout)) == ("interrupted", [])
    assert one.requests_recorded >= 1
    assert all(is_gone(pid) for pid in interrupted[0])


def test_who_is_killed_here_leaves_nothing_running_there(layout, tmp_path):
    path = fleets.write(tmp_path, **LONG)
    words = [sys.executable, "-m", "pipeline.cli", "collect", "--quiet", "--target", "far", "--plan", str(path)]
    with subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path) as process:
        collector, engine = under_way(traces_there(layout))
        process.kill()
    wait_until(lambda: is_gone(collector) and is_gone(engine))
    collect(layout, fleets.write(tmp_path, **SHORT))
    one, _ = trace.manifests(layout.traces, tonight())
    assert one.outcome == "interrupted"
    assert one.requests_recorded >= 3


def test_a_line_that_falls_silent_ends_the_far_side(layout, tmp_path, monkeypatch):
    monkeypatch.setattr(line, "BEAT_S", 1000.0)
    monkeypatch.setattr(near, "SILENCE_S", 1.0)
    with pytest.raises(FarError, match="interrupted"):
        collect(layout, fleets.write(tmp_path, **LONG))
    assert len(left_there(layout)) == 1


def test_a_parcel_that_is_refused_is_kept_with_the_reason_and_told(layout, tmp_path, monkeypatch):
    def refusing(*_):
        raise ParcelError("planted")

    monkeypatch.setattr(line, "ingest", refusing)
    with pytest.raises(FarError, match="what it sent was refused: planted"):
        collect(layout, fleets.write(tmp_path, calibration_tokens=100, **SHORT))
    monkeypatch.undo()
    kept = sorted((layout.inbox / "refused").glob("*.tar"))
    for path in kept:
        assert path.with_name(f"{path.name}.reason.txt").read_text() == "planted\n"
        with path.open("rb") as file:
            ingest.ingest(layout.traces, file, path.name)
    assert len(kept) == 2  # one when the target's runs were over, one with the calibration after them
    assert [one.outcome for one in trace.manifests(layout.traces, tonight())] == ["finished"]
    taken = trace.calibrations(layout.traces, tonight())
    assert [(one.recorder, one.moment, one.error) for one in taken] == [
        ("box", "before", None),
        ("box", "after", None),
    ]
    assert left_there(layout) == []


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("/nowhere/python", "/nowhere/python cannot be started"),
        (
            "bare",
            r"did not begin there \(exit status 3\)(?s:.*)has no dagster_pipes, (?s:.*)requirements-collect.lock",
        ),
        ("/bin/false", r"did not begin there \(exit status 1\)"),
    ],
)
def test_a_python_that_cannot_do_it_is_told_with_the_cure(layout, tmp_path, python, said):
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    host = f'kind = "subprocess"\npython = "{bare if python == "bare" else python}"'
    with pytest.raises(FarError, match=said):
        collect(layout, fleets.write(tmp_path, host))


def test_a_host_that_fails_keeps_no_other_from_being_measured_nor_an_engine_that_does_not_start(layout, tmp_path):
    path = fleets.write(tmp_path, 'kind = "subprocess"\npython = "/nowhere/python"', **SHORT)
    other = fleets.TARGET.replace("targets.far", "targets.near").replace("box", "shelf").replace("groq", "groqq")
    path.write_text(path.read_text() + other.format(host=fleets.SUBPROCESS, ttft_ms=5))
    with pytest.raises(FarError, match="host box"):
        collect(layout, path, ["far", "near"])
    (one,) = trace.manifests(layout.traces, tonight())
    assert (one.target.name, one.outcome) == ("near", "failed")
    assert "`speaks`" in one.error


def test_the_gates_hold_before_anything_is_started(layout, tmp_path):
    path = fleets.write(tmp_path, 'kind = "subprocess"\npython = "/nowhere/python"', **SHORT)
    path.write_text(path.read_text().replace('host = "box"', 'host = "box"\nvalid_to = 2020-01-01'))
    with pytest.raises(CollectError, match="ended on 2020-01-01"):
        collect(layout, path)
    with pytest.raises(plan.PlanError, match="no target `nobody`"):
        collect(layout, plans.write(tmp_path), ["nobody"])


def test_only_what_records_is_sent(tmp_path):
    sent = dict(near.code.files())
    assert {name.split("/")[1] for name in sent} == {*near.code.PARTS, "_commit"}
    assert near.code.packed() == near.code.packed()


OPENED = '{"__dagster_pipes_version": "0.1", "method": "opened", "params": {"extras": {}}}'


def saying(folder, *lines):
    """A far side that says these lines and ends."""
    path = folder / "saying"
    path.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(f"'{line}'" for line in lines) + "\n")
    path.chmod(0o755)
    return f'kind = "subprocess"\npython = "{path}"'


def test_a_line_that_is_cut_in_the_middle_of_a_parcel_leaves_nothing_of_it(layout, tmp_path):
    host = saying(tmp_path, "Welcome!", OPENED, '{"__tokenclock_parcel": {"number": 1, "bytes": 1000}}', "no more")
    with pytest.raises(line.LineCutError, match=r"broke off(?s:.*)Welcome!"):
        collect(layout, fleets.write(tmp_path, host))
    assert [path for path in layout.inbox.rglob("*") if path.is_file()] == []
    assert list(layout.traces.rglob("*.parquet")) == []


def test_a_parcel_that_was_damaged_on_the_line_is_put_aside(layout, tmp_path):
    host = saying(tmp_path, OPENED, '{"__tokenclock_parcel": {"number": 1, "bytes": 10}}', "0123456789")
    with pytest.raises(FarError, match=r"was refused: .*not a tar"):
        collect(layout, fleets.write(tmp_path, host))
    (kept,) = (layout.inbox / "refused").glob("*.tar")
    assert kept.read_bytes() == b"0123456789"
