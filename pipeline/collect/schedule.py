"""Which runs are due, and in which order: a pure function of the plan and of what is recorded."""

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from pipeline import plan as plans
from pipeline import trace
from pipeline.collect import sweeping, until
from pipeline.plan import Plan, Run


def due(plan: Plan, recorded: Sequence[trace.Manifest], night: date, targets: list[str]) -> list[Run]:
    """The runs to record now: those of the plan's rounds that have not been finished, and are needed still.

    When none is left, another full set of rounds. Within a round targets take turns run by run, in an order drawn
    from the seed anew for each pass; the runs of an engine that we start for them stay together, at a place so
    drawn.
    """
    finished = {_coordinates(one) for one in recorded if one.outcome == "finished"}
    rounds = range(1, plans.most_rounds(plan, targets) + 1)
    every = plans.runs(plan, night, targets, list(rounds))
    wanted = [run for run in every if _is_needed(plan, run, recorded)]
    missing = [run for run in wanted if (run.target, run.workload, run.scenario, run.round) not in finished]
    if not missing:
        last = max((one.round for one in recorded if one.target.name in targets), default=0)
        missing = plans.runs(plan, night, targets, [last + number for number in rounds], last)
    taken = {one.run_id for one in recorded}
    return [_fresh(run, taken) for run in _in_turns(plan, missing)]


def _is_needed(plan: Plan, run: Run, recorded: Sequence[trace.Manifest]) -> bool:
    """Neither is its median known well enough nor its sweep saturated."""
    return not until.is_reached(recorded, run) and sweeping.reason_to_stop(plan, run, recorded) is None


def _coordinates(one: trace.Manifest) -> tuple[str, str, str, int]:
    return one.target.name, one.workload, one.scenario, one.round


def _fresh(run: Run, taken: set[str]) -> Run:
    """The same run under the first attempt number that is free."""
    return next(again for n in itertools.count(1) if (again := replace(run, attempt=n)).id not in taken)


def _in_turns(plan: Plan, runs: Sequence[Run]) -> list[Run]:
    """Order runs by round, and within it by pass; a pass takes the next run of every target."""
    mine: defaultdict[tuple[int, str], list[Run]] = defaultdict(list)
    for run in runs:
        mine[run.round, run.target].append(run)
    passes = {round_: max(len(of) for (at, _), of in mine.items() if at == round_) for round_, _ in mine}
    turns = [
        (round_, _place(plan, of[0], number, passes[round_]), target, number, run)
        for (round_, target), of in mine.items()
        for number, run in enumerate(of)
    ]
    return [run for *_, run in sorted(turns, key=lambda turn: turn[:4])]


def _place(plan: Plan, first: Run, number: int, passes: int) -> float:
    """Where in its round, from 0 to 1, a target's run of this number lies."""
    seed = f"{plan.night.seed}/{first.night}/{first.round}/{first.target}"
    if plan.targets[first.target].engine is not None:
        return random.Random(seed).random()  # noqa: S311 - reproducible on purpose
    return (number + random.Random(f"{seed}/{number}").random()) / passes  # noqa: S311 - the same


def size(plan: Plan, run: Run) -> int:
    """Requests of a run, warm-up included."""
    scenario = plan.scenarios[run.scenario]
    return scenario.requests + scenario.warmup_requests
