"""A night of a plan: its runs in their order, and what they would cost at most."""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from pipeline.plan.stanzas import Plan, Price, Workload
from pipeline.plan.targets import price, skip_reason


@dataclass(frozen=True)
class Run:
    """Target × workload × scenario × round, expanded: nothing in it is left to a default."""

    night: date
    target: str
    workload: str
    scenario: str
    round: int
    attempt: int = 1

    @property
    def id(self) -> str:
        """The run's name, unique over all nights; it is also its folder's name."""
        again = f".a{self.attempt}" if self.attempt > 1 else ""
        return f"{self.night}.{self.target}.{self.workload}.{self.scenario}.r{self.round:02d}{again}"


def runs(plan: Plan, night: date, targets: list[str], rounds: list[int], before: int = 0) -> list[Run]:
    """All runs of some targets in some rounds, in the plan's order; `before` them were others.

    Probes once a night, at the end of round 1.
    """
    return [
        Run(night, name, workload, scenario, number)
        for number in rounds
        for name in targets
        for workload, scenario in (
            *itertools.product(plan.targets[name].workloads, plan.targets[name].scenarios),
            *((probe, probe) for probe in plan.probes if number == 1),
        )
        if (workload in plan.probes) or number - before <= rounds_of(plan, scenario)
    ]


def rounds_of(plan: Plan, scenario: str) -> int:
    """How many rounds a scenario has in a night, at most."""
    until = plan.scenarios[scenario].until
    return until.at_most_rounds if until else plan.night.rounds


def most_rounds(plan: Plan, targets: Iterable[str]) -> int:
    """How many rounds a night of these targets has, at most."""
    named = {scenario for name in targets for scenario in plan.targets[name].scenarios}
    return max((rounds_of(plan, scenario) for scenario in named), default=plan.night.rounds)


@dataclass(frozen=True)
class Estimate:
    """What one target would be sent in a night. `usd` is 0 for local engines, None without a price."""

    target: str
    reason: str | None
    requests: int
    input_tokens: int
    output_tokens: int
    usd: float | None


TOKENS_PER_WORD = 2.5  # more than the 2.07 to 2.3 that our prompts have in Llama 3: bills shall surprise downwards


def estimate(plan: Plan, name: str, night: date, environment: Mapping[str, str]) -> Estimate:
    """Count a night's requests and the most tokens they can cost."""
    target = plan.targets[name]
    reason = skip_reason(plan, name, night, environment)
    requests = tokens_in = tokens_out = 0
    for run in runs(plan, night, [name], list(range(1, most_rounds(plan, [name]) + 1))):
        scenario, workload = plan.scenarios[run.scenario], plan.workloads[run.workload]
        n = scenario.requests + scenario.warmup_requests
        requests += n
        tokens_in += n * input_tokens(workload)
        tokens_out += n * workload.output_tokens
    known = price(target, night)
    return Estimate(
        name, reason, requests, tokens_in, tokens_out, usd(known, tokens_in, tokens_out) if known else None
    )


def input_tokens(workload: Workload) -> int:
    """Tokens that a prompt of this workload has at most."""
    return math.ceil(workload.input_words * TOKENS_PER_WORD)


def usd(at: Price, tokens_in: int, tokens_out: int) -> float:
    """What so many tokens cost."""
    return (tokens_in * at.usd_per_million_input + tokens_out * at.usd_per_million_output) / 1e6
