"""Collections elsewhere as Dagster shows them, while they run and after."""

import signal

import dagster as dg
import pytest

from pipeline import assets, plan, progress, trace
from pipeline.assets import recording
from pipeline.collect.night import tonight
from pipeline.collect.remote.line import LineCutError
from pipeline.definitions import defs
from pipeline.instance import prepare
from tests.collect.engines.process_watch import is_gone
from tests.collect.remote import fleets

FAR = assets.traces_key("far")


@pytest.fixture
def instance(layout):
    prepare(layout)
    with dg.DagsterInstance.get() as instance:
        yield instance


def materialize(path, instance):
    return dg.materialize(
        [assets.traces(plan.load(path), "box")],
        instance=instance,
        partition_key=str(tonight()),
        raise_on_error=False,
    )


def test_a_host_has_a_step_of_its_own_with_the_assets_of_its_targets(layout, tmp_path, monkeypatch):
    monkeypatch.setenv("TOKENCLOCK_PLAN", str(fleets.write(tmp_path)))
    graph = defs().get_repository_def().asset_graph
    steps = {key.to_user_string(): graph.get(key).assets_def.op.name for key in (FAR, assets.traces_key("t"))}
    assert steps == {"traces/far": "collect_on_box", "traces/t": "collect"}
    assert graph.get(FAR).metadata["host"] == "box"


def test_log_steps_and_runs_of_the_far_side_are_in_the_event_log_before_the_step_ends(layout, tmp_path, instance):
    result = materialize(fleets.write(tmp_path, rounds=2, requests=2, warmup=0), instance)
    assert result.success
    logs = instance.all_logs(result.run_id)
    said = [entry.user_message for entry in logs]
    for words in ("recording as box on ", "far, s, round 2 (2 of 4 requests done)", "opened dagster pipes"):
        assert [one for one in said if words in one], words
    seen = [one.dagster_event.event_specific_data.asset_observation for one in logs if is_observation(one)]
    assert [one.metadata["round"].value for one in seen] == [1, 2]
    assert {one.partition for one in seen} == {str(tonight())}
    (made,) = result.get_asset_materialization_events()
    metadata = made.materialization.metadata
    assert (metadata["dagster/row_count"].value, metadata["runs"].value) == (4, 2)
    assert metadata["recorder"].value["recorder"] == "box"
    assert len(trace.manifests(layout.traces, tonight())) == 2


def is_observation(entry):
    return entry.is_dagster_event and entry.dagster_event.event_type == dg.DagsterEventType.ASSET_OBSERVATION


def test_what_goes_wrong_there_is_the_failure_here(layout, tmp_path, instance):
    result = materialize(fleets.write(tmp_path, 'kind = "subprocess"\npython = "/nowhere/python"'), instance)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "/nowhere/python cannot be started" in failure.step_failure_data.user_failure_data.description
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_an_interrupt_in_dagster_ends_the_engine_there_and_brings_home_what_was_finished(
    layout, tmp_path, instance
):
    interrupted = []

    def interrupt_once(step):
        if step.done > 0 and not interrupted:
            interrupted.append(step)
            signal.raise_signal(signal.SIGINT)

    with progress.listening(interrupt_once):
        result = materialize(fleets.write(tmp_path, requests=500, warmup=0, ttft_ms=20), instance)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data.description == assets.INTERRUPTED
    (one,) = trace.manifests(layout.traces, tonight())
    assert one.outcome == "interrupted"
    assert one.requests_recorded >= 1
    assert is_gone(one.engine["pid"])


def test_a_line_that_was_cut_is_tried_again(layout, tmp_path, instance, monkeypatch):
    tries = []

    def collect(*_):
        tries.append(1)
        if len(tries) == 1:
            raise LineCutError("planted")
        return [], {}

    monkeypatch.setattr(recording.elsewhere, "collect", collect)
    monkeypatch.setattr(recording, "RETRY_S", 0)
    result = materialize(fleets.write(tmp_path), instance)
    assert result.success
    assert [event.step_key for event in result.all_events if event.is_step_up_for_retry] == ["collect_on_box"]
