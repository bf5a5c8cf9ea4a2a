"""Alerts of Dagster runs: failed ones, with the critical checks that failed in them, and nights held back.

Off until the environment names where to send them (`pipeline/alerts.py`).
"""

from collections.abc import Iterator

import dagster as dg

from pipeline import alerts
from pipeline.alerts import Alert, Channels
from pipeline.collect.environment import environment

HELD = "nights held back"
"""Name of the metadata in which the warehouse says so."""

WAREHOUSE = dg.AssetKey("warehouse")


def run_alerts() -> list[dg.SensorDefinition]:
    """The two sensors; they run where the environment names a channel."""
    is_on = bool(Channels.from_environment(environment()).names)
    status = dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED
    off = f"Off unless {alerts.WEBHOOK} or {alerts.EMAIL} is set."

    @dg.run_failure_sensor(
        name="alert_of_failures",
        default_status=status,
        description=f"Tells of each run that failed, and of the critical checks that did. {off}",
    )
    def alert_of_failures(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        return _tell(context, failure(context.instance, context.dagster_run))

    @dg.run_status_sensor(
        name="alert_of_held_nights",
        run_status=dg.DagsterRunStatus.SUCCESS,
        default_status=status,
        description=f"Tells of each night that is newly held back from publication. {off}",
    )
    def alert_of_held_nights(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        found = held_nights(context.instance, context.dagster_run)
        return _tell(context, found) if found else dg.SkipReason("no night is newly held back")

    return [alert_of_failures, alert_of_held_nights]


def _tell(context: dg.RunStatusSensorContext, alert: Alert) -> dg.SkipReason | None:
    channels = Channels.from_environment(environment())
    if not channels.names:
        return dg.SkipReason(f"nobody to tell: set {alerts.WEBHOOK} or {alerts.EMAIL}")
    context.log.info(f"told by {' and '.join(alerts.send(alert, channels))}: {alert.title}")
    return None


def failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Alert:
    """What a failed run says of itself: critical checks first, then the steps that failed for another reason."""
    critical = list(_critical(instance, run))
    lines = [*critical, *([] if critical else _steps(instance, run))]
    night = run.tags.get("dagster/partition")
    of = f" of {night}" if night else ""
    title = f"{run.job_name}{of} failed" + (f": {len(critical)} critical checks" if critical else "")
    return Alert("failure", title, tuple(lines), run.job_name, run.run_id, night)


def _critical(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        found = entry.get_dagster_event().asset_check_evaluation_data
        if not found.passed and found.severity == dg.AssetCheckSeverity.ERROR:
            rows = found.metadata.get("failing rows")
            count = f" ({rows.value} rows)" if rows and isinstance(rows.value, int) else ""
            yield f"{found.asset_key.to_user_string()}.{found.check_name}{count}: {found.description}"


def _steps(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        data = event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        yield f"{event.step_key}: {said or (error.message.strip() if error else event.message)}"


def held_nights(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Alert | None:
    """Nights that the run's publication held back and the one before did not."""
    records = instance.fetch_materializations(WAREHOUSE, limit=2).records
    if not records or records[0].run_id != run.run_id:
        return None
    now, before = (_held(records[index]) if index < len(records) else {} for index in (0, 1))
    new = {night: names for night, names in now.items() if night not in before}
    if not new:
        return None
    lines = tuple(f"{night}: {', '.join(names)}" for night, names in sorted(new.items()))
    title = f"{len(new)} {'night' if len(new) == 1 else 'nights'} held back: {', '.join(sorted(new))}"
    return Alert("held", title, lines, run.job_name, run.run_id, max(new))


def _held(record: dg.EventLogRecord) -> dict[str, list[str]]:
    found = record.asset_materialization
    told = found.metadata.get(HELD) if found else None
    return dict(told.value) if told and isinstance(told.value, dict) else {}
