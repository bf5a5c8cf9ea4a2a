"""An engine of ours that is killed while it is measured: what the night says of it, and what it keeps."""

import os
import signal

from pipeline import trace
from pipeline.collect import night as nights
from pipeline.collect.night import tonight
from pipeline.progress import listening
from tests import plans
from tests.collect.engines.process_watch import is_gone
from tests.collect.remote import fleets


def write(folder, **more):
    """A plan whose engine runs here, under two scenarios."""
    target = fleets.TARGET.format(host=fleets.SUBPROCESS, ttft_ms=20)
    target = target.replace('host = "box"\n', "").replace('scenarios = ["s"]', 'scenarios = ["s", "s2"]')
    path = plans.write(folder, extra=target, **more)
    second = path.read_text().partition("[scenarios.s]")[2].partition("[providers.p]")[0]
    path.write_text(path.read_text() + "\n[scenarios.s2]" + second)
    return path


def collect(layout, path):
    return nights.collect(fleets.collection(layout, path), ["far"])


def test_a_killed_engine_fails_its_run_and_those_behind_it_and_the_next_collection_makes_up_for_them(
    layout, tmp_path
):
    killed = []

    def kill_the_engine(step):
        if step.done >= 3 and not killed:
            (draft,) = layout.traces.glob("night=*/target=far/.*/draft.json")
            killed.append(trace.read_manifest(draft).engine["pid"])
            os.kill(killed[0], signal.SIGKILL)

    with listening(kill_the_engine):
        during, behind = collect(layout, write(tmp_path, requests=20, warmup=0))
    assert (during.outcome, behind.outcome) == ("failed", "failed")
    assert "engine simulator: ended with signal 9" in during.error
    assert "engine simulator: ended with signal 9" in behind.error
    assert is_gone(killed[0])
    requests, _ = trace.load(layout.traces, tonight())
    assert requests["outcome"].to_list().count("ended") >= 3
    assert (during.requests_recorded, behind.requests_recorded) == (20, 0)
    again = collect(layout, write(tmp_path, requests=2, warmup=0))
    assert [(one.scenario, one.outcome) for one in again] == [("s", "finished"), ("s2", "finished")]
    assert all(one.run_id.endswith(".a2") for one in again)


def written(folder, options):
    path = write(folder, requests=2, warmup=0, rounds=2, calibration_tokens=20)
    path.write_text(path.read_text().replace("tok_s = 2000", f"tok_s = 2000{options}"))
    return path


def processes(manifests):
    return [one.engine["pid"] for one in manifests]


def test_an_engine_is_started_anew_for_each_round(layout, tmp_path):
    first, second, third, fourth = processes(collect(layout, written(tmp_path, "")))
    assert first == second
    assert third == fourth != first


def test_an_engine_that_need_not_start_anew_serves_the_round_that_follows_at_once(layout, tmp_path):
    recorded = collect(layout, written(tmp_path, ", restart_each_round = false"))
    assert [one.outcome for one in recorded] == ["finished"] * 4
    (process,) = set(processes(recorded))
    assert is_gone(process)


def test_an_engine_that_ended_between_two_rounds_is_started_again(layout, tmp_path):
    killed = []

    def kill_the_engine(step):
        if "calibrating after round 1" in step.text and not killed:
            killed.append(engine_of(layout.traces))
            os.kill(killed[0], signal.SIGKILL)

    with listening(kill_the_engine):
        first, second, third, fourth = collect(layout, written(tmp_path, ", restart_each_round = false"))
    assert processes([first, second]) == killed * 2
    assert [third.outcome, fourth.outcome] == ["finished", "finished"]
    assert third.engine["pid"] != killed[0]


def engine_of(traces):
    """The process that served the runs of this night so far."""
    return trace.manifests(traces, tonight())[0].engine["pid"]


def test_between_rounds_that_pause_no_engine_stays(layout, tmp_path):
    path = written(tmp_path, ", restart_each_round = false")
    path.write_text(path.read_text().replace("round_pause_s = 0", "round_pause_s = 1"))
    first, _, third, _ = processes(collect(layout, path))
    assert first != third
