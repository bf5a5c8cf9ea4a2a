"""In which order runs are recorded: a pure function of plan, night and what is there."""

import dataclasses

import pytest
from msgspec.structs import replace

from pipeline import plan as plans
from pipeline.collect import schedule
from tests import plans as written
from tests.streams import NIGHT

HOSTED = ("t", "u", "v")
SCENARIOS = """
[scenarios.s2]
title = "S2"
kind = "closed"
concurrency = 2
requests = 2
warmup_requests = 0
timeout_s = 5
[scenarios.s3]
title = "S3"
kind = "closed"
concurrency = 3
requests = 2
warmup_requests = 0
timeout_s = 5
"""
ALL = 'scenarios = ["s", "s2", "s3"]'


@pytest.fixture
def plan(tmp_path):
    """Three hosted targets and one engine of ours, three scenarios each, in three rounds."""
    target = written.TARGET.replace('scenarios = ["s"]', ALL)
    more = "".join(f"\n[targets.{name}]{target}" for name in HOSTED[1:])
    path = written.write(tmp_path, rounds=3, extra=more + SCENARIOS)
    path.write_text(path.read_text().replace('scenarios = ["s"]', ALL))
    this = plans.load(path)
    ours = replace(this.targets["t"], engine={"name": "simulator"})
    return dataclasses.replace(this, targets={**this.targets, "e": ours})


def order(plan, targets=(*HOSTED, "e"), recorded=()):
    return [(run.round, run.target, run.scenario) for run in schedule.due(plan, recorded, NIGHT, list(targets))]


def test_every_run_is_due_once_and_rounds_follow_one_another(plan):
    found = order(plan)
    assert len(found) == len(set(found)) == 3 * 4 * 3
    assert [round_ for round_, _, _ in found] == [1] * 12 + [2] * 12 + [3] * 12


def test_hosted_targets_take_turns_run_by_run(plan):
    for round_ in (1, 2, 3):
        targets = [target for at, target, _ in order(plan, HOSTED) if at == round_]
        assert [set(targets[at : at + 3]) for at in (0, 3, 6)] == [set(HOSTED)] * 3


def test_the_runs_of_an_engine_that_we_start_stay_together(plan):
    for round_ in (1, 2, 3):
        at = [number for number, (one, target, _) in enumerate(order(plan)) if (one, target) == (round_, "e")]
        assert at == list(range(at[0], at[0] + 3))


def test_the_order_is_drawn_from_the_seed(plan):
    orders = set()
    for seed in range(8):
        seeded = dataclasses.replace(plan, night=replace(plan.night, seed=seed))
        assert order(seeded) == order(seeded)
        orders.add(tuple(order(seeded)))
    assert len(orders) == 8


def test_scenarios_of_a_target_keep_the_order_of_the_plan(plan):
    mine = [scenario for round_, target, scenario in order(plan) if (round_, target) == (1, "u")]
    assert mine == ["s", "s2", "s3"]
