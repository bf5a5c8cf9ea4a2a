"""Every plan in plans/ can be used as it stands: it parses, expands, and its engines know their options."""

from datetime import date
from pathlib import Path

import pytest

from pipeline import plan
from pipeline.collect import engines, workload
from pipeline.collect.engines import _python, vllm
from pipeline.collect.engines._contract import parse_options

PLANS = sorted((plan.DEFAULT.parent.parent / "plans").glob("*.toml"))
NIGHT = date(2026, 11, 24)
PARSER = Path(__file__).parent / "collect" / "engines" / "parsers" / "vllm.txt"


def ids(paths):
    return [path.name for path in paths]


def test_there_are_plans_for_the_machines_that_people_ask_about():
    assert {"h100-8b.toml", "h100-8b-random.toml", "h100x4-70b.toml", "h200-8b-transformers.toml"} <= set(
        ids(PLANS)
    )


@pytest.mark.parametrize("path", PLANS, ids=ids(PLANS))
def test_a_plan_parses_and_expands_into_runs_of_different_names(path):
    this = plan.load(path)
    runs = plan.runs(this, NIGHT, list(this.targets), [1, 2])
    assert len({run.id for run in runs}) == len(runs) > 0
    for run in runs:
        target = this.targets[run.target]
        assert workload.body(target, this.workloads[run.workload], "words")
        assert this.scenarios[run.scenario].most_in_flight >= 1
    assert all(plan.estimate(this, name, NIGHT, {}).requests for name in this.targets)


@pytest.mark.parametrize("path", PLANS, ids=ids(PLANS))
def test_every_engine_of_a_plan_knows_its_options(path):
    for target in plan.load(path).targets.values():
        if target.engine:
            assert parse_options(engines.find(target.engine["name"]), target.engine)


@pytest.mark.parametrize(("name", "gpus"), [("h100-8b.toml", 1), ("h100x4-70b.toml", 4)])
def test_the_h100_plans_start_vllm_in_bf16_and_fp8_with_flags_that_it_knows(name, gpus, monkeypatch):
    monkeypatch.setattr(_python, "versions", lambda _engine, _python, packages: dict.fromkeys(packages, "1"))
    this = plan.load(PLANS[0].with_name(name))
    flags = {target: vllm.flags(parse_options(vllm.ENGINE, one.engine), 1) for target, one in this.targets.items()}
    known = set(PARSER.read_text().splitlines())
    for target, words in flags.items():
        one = this.targets[target]
        assert {word for word in words if word.startswith("--")} <= known
        assert ("fp8" in words) == (one.precision == "fp8"), target
        assert words[words.index("--tensor-parallel-size") + 1] == str(gpus)
        assert "--no-enable-prefix-caching" in words
        assert words[words.index("--served-model-name") + 1] == one.model_id
        longest = max(
            plan.input_tokens(this.workloads[each]) + this.workloads[each].output_tokens for each in one.workloads
        )
        assert longest <= int(words[words.index("--max-model-len") + 1])
    assert {one.precision for one in this.targets.values()} == {"bf16", "fp8"}


@pytest.mark.parametrize("name", ["h100-8b.toml", "h100x4-70b.toml"])
def test_the_h100_plans_go_to_saturation_to_the_knee_offline_and_into_long_contexts(name):
    this = plan.load(PLANS[0].with_name(name))
    assert {type(one).__name__ for one in this.sweeps.values()} == {"Sweep", "Rates"}
    assert {name for name, one in this.sweeps.items() if one.until} == {"sweep", "poisson"}
    used = {scenario for target in this.targets.values() for scenario in target.scenarios}
    assert used == set(this.scenarios)
    assert {each for target in this.targets.values() for each in target.workloads} == set(this.workloads)
