"""The Dagster instance in `data/dagster`: made ready, used for a run without the UI, opened with it."""

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from pipeline.assets import POOL
from pipeline.layout import PACKAGE, Layout, shipped

PROCESS = "tokenclock/process"
"""Tag of a run that lives in a terminal's process rather than in a worker that Dagster watches."""


@dataclass(frozen=True)
class Outcome:
    """How a run of the nightly job ended."""

    succeeded: bool
    failures: list[str]


def prepare(layout: Layout) -> Path:
    """Make the instance's folder and its dagster.yaml; an existing one is left as its owner made it."""
    home = layout.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(PACKAGE / "dagster.yaml", home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def run_nightly(layout: Layout, night: date) -> Outcome:
    """Run the nightly job in this process, on the instance that the UI shows."""
    from pipeline.definitions import nightly  # noqa: PLC0415 - reads the plan, which the caller may just have set

    prepare(layout)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.get() as instance:
        _close_abandoned(instance)
        free_places(instance)
        result = dg.execute_job(
            dg.reconstructable(nightly),
            instance,
            run_config=quiet,
            tags={"dagster/partition": night.isoformat(), PROCESS: str(os.getpid())},
        )
        return Outcome(result.success, [_told(event) for event in result.filter_events(_is_failure)])


def _close_abandoned(instance: dg.DagsterInstance) -> None:
    """Tell the instance of runs whose process was killed: it cannot know, and would show them as running."""
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
    for run in instance.get_runs(filters=started):
        process = run.tags.get(PROCESS)
        if process and not _is_alive(int(process)):
            instance.report_run_failed(
                run, f"process {process} ended before the run did; finished requests are kept"
            )


def free_places(instance: dg.DagsterInstance, *, of_workers: bool = False) -> list[str]:
    """Give back the places in the pool of runs that are over or whose process is gone; return their ids.

    Nobody else does where a process was killed, and the next night would wait for ever. `of_workers`: also those of
    runs that a UI had started, for when no other one runs. Should such a run live on all the same, the file lock of
    the collection still holds the two apart.
    """
    held = instance.event_log_storage.get_concurrency_info(POOL)
    gone = [
        run for run in sorted({*held.active_run_ids, *held.pending_run_ids}) if _is_gone(instance, run, of_workers)
    ]
    for run in gone:
        instance.event_log_storage.free_concurrency_slots_for_run(run)
    return gone


def _is_gone(instance: dg.DagsterInstance, run_id: str, of_workers: bool) -> bool:
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return True
    process = run.tags.get(PROCESS)
    return not _is_alive(int(process)) if process else of_workers


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process: alive
        return True
    return True


def _is_failure(event: dg.DagsterEvent) -> bool:
    return event.is_step_failure or event.is_job_failure


def _told(event: dg.DagsterEvent) -> str:
    """The cause of a failure in words."""
    if not event.is_step_failure:
        return event.message or "the run failed"
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return f"{event.step_key}: {data.user_failure_data.description}"
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key}: {error.message.strip() if error else event.message}"


def open_ui(layout: Layout, port: int) -> None:
    """Become `dg dev`, which serves the UI and runs the schedule until it is stopped."""
    prepare(layout)
    with dg.DagsterInstance.get() as instance:
        free_places(instance, of_workers=True)
    dg_command = Path(sys.executable).with_name("dg")
    workspace = shipped("workspace.yaml")
    os.execv(dg_command, [str(dg_command), "dev", "-w", str(workspace), "--port", str(port)])  # noqa: S606 - our own command, no shell
