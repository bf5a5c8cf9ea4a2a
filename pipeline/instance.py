"""The Dagster instance in `data/dagster`: made ready, used for a run without the UI, opened with it."""

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

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
    dg_command = Path(sys.executable).with_name("dg")
    workspace = shipped("workspace.yaml")
    os.execv(dg_command, [str(dg_command), "dev", "-w", str(workspace), "--port", str(port)])  # noqa: S606 - our own command, no shell
