"""The two sensors, over runs of small jobs on an instance of their own."""

import json

import dagster as dg
import pytest

from pipeline import sensors
from pipeline.definitions import defs
from tests.servers import serving

OK = [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]
NIGHTS = dg.DailyPartitionsDefinition(start_date="2026-11-01")


@pytest.fixture
def instance(tmp_path, layout):
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


@dg.asset(partitions_def=NIGHTS)
def requests():
    return None


@dg.asset_check(asset=requests, blocking=True)
def time_runs_forward():
    return dg.AssetCheckResult(passed=False, description="a broken clock", metadata={"failing rows": 3})


@dg.asset_check(asset=requests)
def looks_odd():
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="odd")


def publication(held):
    @dg.asset(name="warehouse")
    def build():
        return dg.MaterializeResult(metadata={sensors.HELD: dg.MetadataValue.json(held)})

    return build


@dg.asset
def broken():
    raise dg.Failure("no engine; install one", allow_retries=False)


def ran(instance, *assets, partition=None):
    return dg.materialize(list(assets), instance=instance, partition_key=partition, raise_on_error=False)


def evaluated(sensor_name, instance, result):
    """One tick of the sensor for a run, as Dagster's daemon makes it."""
    [sensor] = [one for one in sensors.run_alerts() if one.name == sensor_name]
    kind = dg.DagsterEventType.RUN_SUCCESS if result.success else dg.DagsterEventType.RUN_FAILURE
    [record] = instance.all_logs(result.run_id, of_type=kind)
    context = dg.build_run_status_sensor_context(
        sensor_name, record.get_dagster_event(), instance, instance.get_run_by_id(result.run_id)
    )
    return sensor(context if result.success else context.for_run_failure())


def test_alerts_are_off_until_the_environment_names_a_channel(layout, monkeypatch):
    def statuses():
        found = defs().get_repository_def().sensor_defs
        return {one.name: one.default_status for one in found if one.name != "inbox"}

    assert set(statuses().values()) == {dg.DefaultSensorStatus.STOPPED}
    monkeypatch.setenv("TOKENCLOCK_ALERT_WEBHOOK", "http://127.0.0.1:9")
    assert statuses() == dict.fromkeys(
        ("alert_of_failures", "alert_of_held_nights"), dg.DefaultSensorStatus.RUNNING
    )


def test_a_failed_run_tells_its_critical_checks_and_no_warning(instance, monkeypatch):
    result = ran(instance, requests, time_runs_forward, looks_odd, partition="2026-11-24")
    with serving(OK) as server:
        monkeypatch.setenv("TOKENCLOCK_ALERT_WEBHOOK", server.url)
        assert evaluated("alert_of_failures", instance, result) is None
        [request] = server.requests
    said = json.loads(request.partition(b"\r\n\r\n")[2])
    assert said["night"] == "2026-11-24"
    assert said["title"].endswith("of 2026-11-24 failed: 1 critical checks")
    assert said["lines"] == ["requests.time_runs_forward (3 rows): a broken clock"]


def test_a_run_that_fails_otherwise_tells_step_and_cure(instance):
    result = ran(instance, broken)
    told = sensors.failure(instance, instance.get_run_by_id(result.run_id))
    assert told.lines == ("broken: no engine; install one",)
    assert told.night is None


def test_a_held_night_is_told_once(instance, monkeypatch):
    held = {"2026-11-23": ["time_runs_forward"]}
    with serving(OK) as server:
        monkeypatch.setenv("TOKENCLOCK_ALERT_WEBHOOK", server.url)
        for held_now in ({}, held, held):
            evaluated("alert_of_held_nights", instance, ran(instance, publication(held_now)))
        [request] = server.requests
    said = json.loads(request.partition(b"\r\n\r\n")[2])
    assert (said["kind"], said["title"]) == ("held", "1 night held back: 2026-11-23")
    assert said["lines"] == ["2026-11-23: time_runs_forward"]


def test_a_run_that_published_nothing_tells_nothing(instance):
    ran(instance, publication({"2026-11-23": ["x"]}))
    result = ran(instance, requests, partition="2026-11-24")
    assert "newly held" in evaluated("alert_of_held_nights", instance, result).skip_message
