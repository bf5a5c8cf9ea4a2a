"""The whole system on one screen: assets, checks, the nightly job and its schedule."""

from collections import defaultdict
from datetime import UTC, datetime

import dagster as dg

from pipeline import assets, charts, inbox, plan, sensors, tables
from pipeline.collect.environment import environment
from pipeline.collect.fleet import by_host
from pipeline.layout import Layout

JOB = "nightly"
MAILED = "inbox"
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


@dg.sensor(
    name=MAILED,
    job_name=MAILED,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks into data/inbox and asks for the nights whose results lie there. It sends nothing anywhere.",
)
def postman(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One run for each night with letters; what is no letter is refused at once."""
    layout, found = Layout.from_environment(), defaultdict[str, list[str]](list)
    for path in inbox.waiting(layout, settled=True):
        night = inbox.night_of(path)
        if night is None:
            context.log.error(f"{path}: {inbox.open_letter(layout, path).refused}")
        elif not assets.NIGHTLY.has_partition_key(night.isoformat()):
            context.log.error(f"{path}: night {night} has no partition; `tokenclock ingest {path}` takes it in")
        else:
            found[night.isoformat()].append(f"{path.name}@{path.stat().st_mtime_ns}")
    requests = [
        dg.RunRequest(run_key=f"{night} {' '.join(sorted(found[night]))}", partition_key=night) for night in found
    ]
    return dg.SensorResult(requests, skip_reason=None if requests else f"nothing new lies in {layout.inbox}")


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
    mailed = dg.define_asset_job(
        MAILED,
        selection=dg.AssetSelection.all() - dg.AssetSelection.assets(*map(assets.traces_key, this.targets)),
        description="Take in what was collected elsewhere; derive, check, publish its night.",
        tags=TAGS,
    )
    return dg.Definitions(
        assets=[
            *(assets.traces(this, host) for host in by_host(this, list(this.targets))),
            *(assets.table(this, one) for one in tables.tables().values()),
            assets.received,
            assets.published_figures,
            assets.released,
            assets.warehouse,
            *(assets.chart(one) for one in drawn),
            assets.site(drawn),
        ],
        asset_checks=[
            *(assets.table_checks(name) for name in assets.checked_tables()),
            assets.levels_are_steady,
            assets.targets_are_fresh,
        ],
        jobs=[job, rebuild, publish, mailed],
        schedules=[_schedule(this)],
        sensors=[postman, *sensors.run_alerts()],
        executor=dg.in_process_executor,
    )


def nightly() -> dg.JobDefinition:
    """The nightly job, for those who run it without the UI."""
    return defs().resolve_job_def(JOB)
