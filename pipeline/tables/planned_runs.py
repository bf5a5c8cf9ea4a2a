"""One row a run that the night's plan has: what became of it, and why where it was not finished."""

import polars as pl

from pipeline.tables.recorded import Recorded
from pipeline.trace import Manifest, PlannedRun

INPUTS = ("trace",)

COLUMNS = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan",
    "workload": "Prompts and lengths, as named in the plan",
    "scenario": "Shape of the load, as named in the plan",
    "round": "Pass over all targets within the night, from 1",
    "status": "finished, interrupted, failed, stopped or refused, as its manifest says; skipped with its target; "
    "missing: "
    "neither a manifest nor a reason tells",
    "reason": "Why it was not finished; null where it was, and where nobody knows",
    "run_id": "The run that was finished, else the last attempt; null where none was made",
    "attempts": "Manifests of it",
}

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.String),
    "night": pl.Date,
    "round": pl.Int32,
    "attempts": pl.Int64,
}

Coordinates = tuple[str, str, str, int]


def build(recorded: Recorded) -> pl.DataFrame:
    """The runs of the census, each with what its manifests say; none where the census has no list of runs."""
    census = recorded.census
    made: dict[Coordinates, list[Manifest]] = {}
    for one in recorded.manifests:
        made.setdefault((one.target.name, one.workload, one.scenario, one.round), []).append(one)
    reasons = {one.name: one.reason for one in census.targets} if census else {}
    planned = (census.runs if census else None) or []
    rows = [_row(recorded, run, made.get(_coordinates(run), []), reasons.get(run.target)) for run in planned]
    return pl.DataFrame(rows, schema=_SCHEMA).sort("target", "workload", "scenario", "round")


def _coordinates(run: PlannedRun) -> Coordinates:
    return run.target, run.workload, run.scenario, run.round


def _row(recorded: Recorded, run: PlannedRun, made: list[Manifest], skipped: str | None) -> dict[str, object]:
    finished = [one for one in made if one.outcome == "finished"]
    last = next(reversed(finished or made), None)
    return {
        "night": recorded.night,
        "target": run.target,
        "workload": run.workload,
        "scenario": run.scenario,
        "round": run.round,
        "status": last.outcome if last else "skipped" if skipped else "missing",
        "reason": None if finished else last.error if last else skipped,
        "run_id": last.run_id if last else None,
        "attempts": len(made),
    }
