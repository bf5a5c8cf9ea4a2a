"""Which runs are due, and in which order: a pure function of the plan and of what is recorded."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from pipeline import plan as plans
from pipeline import trace
from pipeline.collect import until
from pipeline.plan import Plan, Run


def due(plan: Plan, recorded: Sequence[trace.Manifest], night: date, targets: list[str]) -> list[Run]:
    """The runs to record now: those of the plan's rounds that have not been finished, and are needed still.

    When none is left, another full set of rounds. Targets take turns within a round, in an order drawn
    from the seed.
    """
    finished = {_coordinates(one) for one in recorded if one.outcome == "finished"}
    rounds = range(1, plans.most_rounds(plan, targets) + 1)
    wanted = [run for run in plans.runs(plan, night, targets, list(rounds)) if not until.is_reached(recorded, run)]
    missing = [run for run in wanted if (run.target, run.workload, run.scenario, run.round) not in finished]
    if not missing:
        last = max((one.round for one in recorded if one.target.name in targets), default=0)
        missing = plans.runs(plan, night, targets, [last + number for number in rounds], last)
    taken = {one.run_id for one in recorded}
    return sorted((_fresh(run, taken) for run in missing), key=lambda run: _turn(plan, run))


def _coordinates(one: trace.Manifest) -> tuple[str, str, str, int]:
    return one.target.name, one.workload, one.scenario, one.round


def _fresh(run: Run, taken: set[str]) -> Run:
    """The same run under the first attempt number that is free."""
    return next(again for n in itertools.count(1) if (again := replace(run, attempt=n)).id not in taken)


def _turn(plan: Plan, run: Run) -> tuple[int, float, str]:
    draw = random.Random(f"{plan.night.seed}/{run.night}/{run.round}/{run.target}").random()  # noqa: S311 - reproducible on purpose
    return run.round, draw, run.target


def size(plan: Plan, run: Run) -> int:
    """Requests of a run, warm-up included."""
    scenario = plan.scenarios[run.scenario]
    return scenario.requests + scenario.warmup_requests
