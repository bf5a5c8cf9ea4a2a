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
