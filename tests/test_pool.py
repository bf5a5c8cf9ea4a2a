"""Collections on one Dagster instance take turns: a pool of one place, given back however a run ends."""

import os
import subprocess
import sys
import threading
import time

import dagster as dg
import pytest

from pipeline import assets, plan
from pipeline.assets import POOL
from pipeline.collect.night import tonight
from pipeline.instance import PROCESS, free_places, prepare
from tests import plans
from tests.servers import HELLO, serving

ENOUGH_S = 60.0


@pytest.fixture
def instance(layout):
    prepare(layout)
    with dg.DagsterInstance.get() as instance:
        yield instance


def places(instance):
    """Runs that are in the pool, and runs that wait for it."""
    info = instance.event_log_storage.get_concurrency_info(POOL)
    return info.active_run_ids, info.pending_run_ids


def claim(instance, run_id):
    assert instance.event_log_storage.claim_concurrency_slot(POOL, run_id, "collect").is_claimed


def until(condition):
    deadline = time.monotonic() + ENOUGH_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_a_run_sends_nothing_while_another_collects_and_starts_when_that_is_over(
    layout, instance, tmp_path, monkeypatch
):
    other = "00000000-0000-0000-0000-000000000000"
    seen = []

    def end_the_other():  # once the second run has been seen waiting
        seen.append((until(lambda: places(instance)[1]), len(server.requests)))
        instance.event_log_storage.free_concurrency_slots_for_run(other)

    with serving(HELLO) as server:
        path = plans.write(tmp_path, server.url)
        monkeypatch.setenv("TOKENCLOCK_PLAN", str(path))
        monkeypatch.setenv("P_API_KEY", "sk-planted-secret")
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        claim(instance, other)
        ending = threading.Thread(target=end_the_other)
        ending.start()
        result = dg.materialize(
            [assets.traces(plan.load())], instance=instance, partition_key=str(tonight()), selection=["traces/t"]
        )
        ending.join()
        assert result.success
        assert seen == [({result.run_id}, 0)]
        assert len(server.requests) == 3
    assert places(instance) == (set(), set())


def test_the_place_of_a_run_whose_process_was_killed_is_given_back(instance):
    with subprocess.Popen([sys.executable, "-c", "pass"]) as ended:
        ended.wait()
    job = dg.define_asset_job("nothing")
    ids = {}
    for name, process in (("dead", ended.pid), ("alive", os.getpid()), ("of a worker", None)):
        tags = {PROCESS: str(process)} if process else {}
        run = instance.create_run_for_job(
            dg.Definitions(assets=[assets.published_figures], jobs=[job]).resolve_job_def("nothing"), tags=tags
        )
        instance.event_log_storage.set_concurrency_slots(POOL, 4)
        claim(instance, run.run_id)
        ids[name] = run.run_id
    claim(instance, "00000000-0000-0000-0000-000000000000")
    assert set(free_places(instance)) == {ids["dead"], "00000000-0000-0000-0000-000000000000"}
    assert places(instance)[0] == {ids["alive"], ids["of a worker"]}
    assert free_places(instance, of_workers=True) == [ids["of a worker"]]
    assert places(instance)[0] == {ids["alive"]}
