from datetime import UTC, datetime, timedelta

import dagster as dg
import duckdb
import pytest

from pipeline import assets, charts, checks, plan, publish, tables
from pipeline.assets import recording
from pipeline.collect.night import tonight
from pipeline.definitions import defs, nightly
from pipeline.tables import metrics
from pipeline.tables.metrics import ttft_ms
from tests import nights, plans, streams
from tests.servers import HELLO, serving

KEY = "sk-planted-secret"


@pytest.fixture
def instance(layout):
    """Dagster without a disk: that of the demo, of the search for keys and of Postgres have one."""
    with dg.DagsterInstance.ephemeral(tempdir=str(layout.data / "dagster")) as instance:
        yield instance


def use(path, monkeypatch):
    monkeypatch.setenv("TOKENCLOCK_PLAN", str(path))
    monkeypatch.setenv("P_API_KEY", KEY)


def run(instance, night=None):
    """Run the nightly job as the schedule would, in this process."""
    return nightly().execute_in_process(
        instance=instance, partition_key=str(night or tonight()), raise_on_error=False
    )


def keys(repository):
    return {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()}


def test_everything_is_an_asset(layout):
    found = keys(defs().get_repository_def())
    assert {"events", "requests", "ttft", "throughput", "warehouse", "site", "published_figures"} <= found
    assert set(tables.tables()) <= found
    assert {f"charts/{chart.name}" for chart in charts.charts()} <= found
    targets = plan.load().targets
    assert {assets.traces_key(name).to_user_string() for name in targets} <= found
    assert len(found) == len(targets) + len(tables.tables()) + len(charts.charts()) + 5


def test_every_asset_has_a_description_a_group_an_owner_and_a_kind(layout):
    graph = defs().get_repository_def().asset_graph
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.group_name in {"traces", "tables", "publication", "charts"}, key
        assert node.owners, key
        assert node.kinds, key


def test_every_expectation_is_a_check_and_critical_ones_block(layout):
    graph = defs().get_repository_def().asset_graph
    found = {
        (key.asset_key.to_user_string(), key.name): graph.get_check_spec(key) for key in graph.asset_check_keys
    }
    of_nights = {("warehouse", "levels_are_steady"), ("warehouse", "targets_are_fresh")}
    assert set(found) == {(check.table, check.name) for check in checks.specs()} | of_nights
    assert not any(found[one].blocking for one in of_nights)
    for check in checks.specs():
        assert found[check.table, check.name].blocking == (check.severity == "critical")


def test_a_target_without_a_key_stays_visible_but_out_of_the_nightly_job(layout):
    selected = {key.to_user_string() for key in nightly().asset_layer.executable_asset_keys}
    assert "traces/embedded_smollm2_135m" in selected
    assert "traces/groq_gpt_oss_120b" not in selected
    spec = defs().get_repository_def().asset_graph.get(assets.traces_key("groq-gpt-oss-120b"))
    assert "set GROQ_API_KEY" in spec.description


def test_the_schedule_asks_for_tonights_partition_at_two_utc(layout):
    (schedule,) = defs().get_repository_def().schedule_defs
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 2 * * *", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    at = datetime(2026, 11, 24, 2, tzinfo=UTC)
    repository = defs().get_repository_def()
    with dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository) as context:
        (request,) = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2026-11-24"


def test_the_nightly_job_measures_checks_and_publishes(layout, instance, tmp_path, monkeypatch):
    with serving(HELLO) as server:
        use(plans.write(tmp_path, server.url, rounds=2), monkeypatch)
        result = run(instance)
    assert result.success
    made = {event.asset_key.to_user_string(): event for event in result.get_asset_materialization_events()}
    assert {"traces/t", "events", "summary", "warehouse", "site", "charts/ttft_llama_8b"} <= set(made)
    assert made["traces/t"].partition == str(tonight())
    metadata = made["ttft"].materialization.metadata
    assert metadata["dagster/row_count"].value == 4
    assert {column.name for column in metadata["dagster/column_schema"].value.columns} >= {"ttft_ms", "request_id"}
    assert "data:image/png;base64," in made["charts/ttft_llama_8b"].materialization.metadata["preview"].value
    evaluated = result.get_asset_check_evaluations()
    assert {(one.asset_key.to_user_string(), one.check_name) for one in evaluated} == {
        *((check.table, check.name) for check in checks.specs()),
        ("warehouse", "levels_are_steady"),
        ("warehouse", "targets_are_fresh"),
    }
    assert (layout.site / "index.html").exists()
    (fresh,) = [one for one in evaluated if one.check_name == "targets_are_fresh"]
    assert fresh.passed


def test_the_check_of_levels_warns_with_before_after_interval_and_night(layout, monkeypatch):
    nights.record(layout)
    publish.build_night(layout, streams.NIGHT)
    nights.stage_more(layout, streams.NIGHT, [1.0] * 12 + [1.5] * 4)
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])
    publish.publish_warehouse(layout)
    result = assets.levels_are_steady()
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    (row,) = [row for row in result.metadata["changes"].value if row["metric"] == "ttft_ms"]
    assert (row["night"], row["before"], row["after"]) == ("2026-12-07", 300, 450)
    assert (row["ratio_low"], row["ratio_high"]) == (1.5, 1.5)
    nights.stage_more(layout, streams.NIGHT, [1.0] * 16)
    publish.publish_warehouse(layout)
    assert assets.levels_are_steady().passed


def test_a_failing_critical_check_keeps_the_night_from_being_published(layout, instance, tmp_path, monkeypatch):
    wrong = metrics.Metric("ttft_ms", "ttft", "ms", "lower", "planted", lambda: -ttft_ms())
    monkeypatch.setitem(metrics.METRICS, "ttft_ms", wrong)
    with serving(HELLO) as server:
        use(plans.write(tmp_path, server.url), monkeypatch)
        result = run(instance)
    failed = {one.check_name: one for one in result.get_asset_check_evaluations() if not one.passed}
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert "ttft_is_positive" in failed
    assert "ttft" in made
    assert "warehouse" not in made
    assert not layout.warehouse.exists()
    told = failed["ttft_is_positive"].metadata
    assert told["failing rows"].value == 2
    assert told["first rows"].value.splitlines()[0] == "| request_id | ttft_ms |"
    query = told["all rows"].value.removeprefix("```sql").removesuffix("```")
    with duckdb.connect() as connection:
        assert len(connection.execute(query).fetchall()) == 2
    assert "ttft.ttft_is_positive" in (layout.site / "quality.html").read_text()


def test_a_past_night_is_refused_without_retries(layout, instance, tmp_path, monkeypatch):
    use(plans.write(tmp_path), monkeypatch)
    result = run(instance, tonight() - timedelta(days=3))
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "own night" in failure.step_failure_data.user_failure_data.description
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_tables_of_past_nights_are_rebuilt_from_their_traces(layout, instance):
    nights.record(layout)
    job = defs().get_repository_def().get_job("rebuild")
    assert job.partitions_def.get_partition_keys()[0] == assets.FIRST_NIGHT
    assert str(streams.NIGHT) in job.partitions_def.get_partition_keys()
    result = job.execute_in_process(instance=instance, partition_key=str(streams.NIGHT))
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert made == set(tables.tables())
    assert tables.nights(layout) == [streams.NIGHT]
    assert {one.partition for one in result.get_asset_check_evaluations()} <= {str(streams.NIGHT), None}
    assert len(result.get_asset_check_evaluations()) == len(checks.specs())


def test_what_a_night_makes_has_to_be_fresh_and_what_is_skipped_has_not(layout):
    graph = defs().get_repository_def().asset_graph
    without = {key.to_user_string() for key in graph.get_all_asset_keys() if not graph.get(key).freshness_policy}
    skipped = {assets.traces_key(name).to_user_string() for name in plan.load().targets} - {
        "traces/embedded_smollm2_135m"
    }
    assert without == skipped | {"published_figures", "received", "releases"}


def test_the_check_of_targets_warns_of_an_old_figure(layout, monkeypatch):
    for name, night in (("old", streams.NIGHT - timedelta(days=2)), ("new", streams.NIGHT)):
        nights.record(layout, night, name)
    census = [streams.target("old"), streams.target("new"), streams.target("off", reason="no key")]
    nights.take_census(layout, streams.NIGHT, census)
    for night in (streams.NIGHT - timedelta(days=2), streams.NIGHT):
        publish.build_night(layout, night)
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])
    publish.publish_warehouse(layout)
    found = publish.stale_targets(layout, streams.NIGHT)
    assert found.rows() == [("old", streams.NIGHT - timedelta(days=2))]
    monkeypatch.setattr(recording.nights, "tonight", lambda: streams.NIGHT)
    result = assets.targets_are_fresh()
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.description == "old (last: 2026-11-22)"


def test_one_target_can_be_materialized_alone(layout, instance, tmp_path, monkeypatch):
    second = "[targets.u]" + plans.TARGET
    with serving(HELLO) as server:
        use(plans.write(tmp_path, server.url, extra=second), monkeypatch)
        result = dg.materialize(
            [assets.traces(plan.load())], instance=instance, partition_key=str(tonight()), selection=["traces/u"]
        )
    assert result.success
    assert sorted(path.name for path in (layout.traces / f"night={tonight()}").iterdir()) == [
        "target=u",
        "targets.json",
    ]
