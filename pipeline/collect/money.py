"""What a night may spend: before a request the most that it can cost is set aside, after it what it cost is paid.

Usage is looked for in the stored bytes by its usual names, whatever the dialect; where a server reports none, the
most that the request can have cost counts. The figures that are published come from the decoded events instead.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipeline import plan as plans
from pipeline import trace
from pipeline.plan import Plan, Price, Run

INPUT = re.compile(rb'"(?:prompt_tokens|input_tokens|prompt_eval_count|promptTokenCount)"\s*:\s*(\d+)')
OUTPUT = re.compile(rb'"(?:completion_tokens|output_tokens|eval_count|candidatesTokenCount)"\s*:\s*(\d+)')
THOUGHT = re.compile(rb'"thoughtsTokenCount"\s*:\s*(\d+)')  # Gemini bills it beside the candidates


def usage(body: bytes) -> tuple[int, int] | None:
    """Tokens in and out as the server counts them, the last of each; None where it reports none."""
    into, out = _last(INPUT, body), _last(OUTPUT, body)
    return None if into is None or out is None else (into, out + (_last(THOUGHT, body) or 0))


def _last(pattern: re.Pattern[bytes], body: bytes) -> int | None:
    found = pattern.findall(body)
    return int(found[-1]) if found else None


def cost(price: Price, most_usd: float, was_sent: bool, http_status: int | None, body: bytes) -> float:
    """USD of one request. A refusal costs nothing; an answer without usage as much as it can have cost."""
    found = usage(body)
    if found is not None:
        return plans.usd(price, *found)
    return most_usd if was_sent and (http_status is None or http_status < 400) else 0.0


@dataclass
class Purse:
    """What a night's targets have spent, and what is set aside for requests under way, in USD."""

    plan: Plan
    night: date
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    aside: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def reserve(self, run: Run) -> str | None:
        """Set aside the most that the next request of a run can cost; or say which limit forbids it."""
        most = self.most(run)
        of_target = self.spent[run.target] + self.aside[run.target]
        of_night = sum(self.spent.values()) + sum(self.aside.values())
        for what, held, limit in (
            (f"[targets.{run.target}] max_usd", of_target, self.plan.targets[run.target].max_usd),
            ("[night] max_usd", of_night, self.plan.night.max_usd),
        ):
            if limit is not None and held + most > limit:
                return (
                    f"{what} = {limit:g} is reached: {held:.4f} USD are spent or set aside, and the next request "
                    f"may cost {most:.4f}"
                )
        self.aside[run.target] += most
        return None

    def settle(self, run: Run, request: dict[str, object], payloads: Iterable[bytes]) -> None:
        """Pay for a finished request."""
        most = self.most(run)
        self.aside[run.target] -= most
        self.spent[run.target] += self._cost(run, request, b"".join(payloads))

    def most(self, run: Run) -> float:
        """What one request of a run can cost at most; nothing where no price is known."""
        price, workload = plans.price(self.plan.targets[run.target], self.night), self.plan.workloads[run.workload]
        return plans.usd(price, plans.input_tokens(workload), workload.output_tokens) if price else 0.0

    def _cost(self, run: Run, request: dict[str, object], body: bytes) -> float:
        price, status = plans.price(self.plan.targets[run.target], self.night), request["http_status"]
        if price is None:
            return 0.0
        assert status is None or isinstance(status, int)  # noqa: S101 - the recorder's own row
        return cost(price, self.most(run), request["sent_ns"] is not None, status, body)

    def remember(self, traces: Path) -> None:
        """Take in what runs of the same night have spent before, one at a time; free ones are not read."""
        for one in trace.manifests(traces, self.night):
            run = Run(self.night, one.target.name, one.workload, one.scenario, one.round)
            is_planned = run.target in self.plan.targets and run.workload in self.plan.workloads
            if is_planned and self.most(run) > 0:
                self.spent[run.target] += self._cost_of_run(traces, run, one)

    def _cost_of_run(self, traces: Path, run: Run, manifest: trace.Manifest) -> float:
        requests, reads = trace.load_runs(traces, [manifest], reads=("request_id", "read_index", "payload"))
        bodies: dict[str, list[bytes]] = {}
        for request_id, payload in reads.select("request_id", "payload").iter_rows():
            bodies.setdefault(request_id, []).append(payload)
        return sum(
            self._cost(run, request, b"".join(bodies.get(request["request_id"], [])))
            for request in requests.iter_rows(named=True)
        )
