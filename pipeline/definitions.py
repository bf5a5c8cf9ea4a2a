"""The whole system on one screen: assets, checks, the nightly job and its schedule."""

from datetime import UTC, datetime

import dagster as dg

from pipeline import assets, charts, plan, sensors, tables
from pipeline.collect.environment import environment

JOB = "nightly"
TAGS = {"team": "tokenclock"}


def _tonight(this: plan.Plan) -> dg.AssetSelection:
    """All assets but the traces of targets that are skipped today; their reason stands on the asset."""
    today = datetime.now(UTC).date()
    skipped = set(this.targets) - set(plan.enabled(this, today, environment()))
    keys = [assets.traces_key(name) for name in sorted(skipped)]
    everything = dg.AssetSelection.all()
    return everything - dg.AssetSelection.assets(*keys) if keys else everything


def _schedule(this: plan.Plan) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=JOB,
        job_name=JOB,
        cron_schedule=this.night.cron,
        execution_timezone="UTC",
        description="Off until somebody switches it on: with keys set, a night spends money.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        night = context.scheduled_execution_time.astimezone(UTC).date().isoformat()
        return dg.RunRequest(run_key=night, partition_key=night)

    return nightly


@dg.definitions
def defs() -> dg.Definitions:
    """Build everything from the plan in force."""
    this = plan.load()
    drawn = charts.charts()
    job = dg.define_asset_job(
        JOB,
        selection=_tonight(this),
        description="Record every enabled target, derive, check, publish.",
        tags=TAGS,
    )
    rebuild = dg.define_asset_job(
        "rebuild",
        selection=dg.AssetSelection.groups("tables"),
        description="Recompute the tables of past nights from their traces, and check them: choose the nights and "
        "launch a backfill, then run `publish`. Nothing is sent and nothing recorded.",
        tags=TAGS,
    )
    publish = dg.define_asset_job(
        "publish",
        selection=dg.AssetSelection.groups("publication", "charts"),
        description="Publish all nights that pass their checks: warehouse, charts, site.",
        tags=TAGS,
    )
    return dg.Definitions(
        assets=[
            assets.traces(this),
            *(assets.table(this, one) for one in tables.tables().values()),
            assets.published_figures,
            assets.warehouse,
            *(assets.chart(one) for one in drawn),
            assets.site(drawn),
        ],
        asset_checks=[
            *(assets.table_checks(name) for name in assets.checked_tables()),
            assets.levels_are_steady,
            assets.targets_are_fresh,
        ],
        jobs=[job, rebuild, publish],
        schedules=[_schedule(this)],
        sensors=sensors.run_alerts(),
        executor=dg.in_process_executor,
    )


def nightly() -> dg.JobDefinition:
    """The nightly job, for those who run it without the UI."""
    return defs().resolve_job_def(JOB)
