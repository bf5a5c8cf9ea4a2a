"""How fast a run's streams really came, and the loads that the recorder is calibrated at because of it.

What a recorder gets wrong depends on how many streams it reads and how often: so it is held against the truth
server at the concurrency of each scenario and at the rate that its target delivers. No plan knows that rate. The
runs do: a manifest says what came through (`seen`), and calibrations follow the last run of the same target,
workload and scenario, of this night or of an earlier one. Nothing is parsed: a recorder reads reads, not tokens.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from pipeline import plan as plans
from pipeline import trace
from pipeline.plan import Open, Plan, Run

FLOW = "flow"
"""In a manifest's `load`: what came through the run."""

NIGHTS = 7
"""Earlier nights that are asked when this one knows nothing yet."""

RATE_TOK_S = 50.0
"""Rates are rounded to this, its doubles and its halves, so that a few calibrations speak for many targets."""
SLOWEST_TOK_S = RATE_TOK_S / 4
"""Slower streams are calibrated here: between two reads the recorder sleeps all the same."""
MOST_READS_S = 50_000
"""Of all streams together; the truth server can do no more without being late itself."""

SPAN_S = 1.0
"""How long a calibration goes on; longer where it would not have `EVENTS`, which a p99 needs."""
EVENTS = 100


@dataclass(frozen=True)
class Load:
    """What the recorder is calibrated at: so many streams at once, so fast; of an open loop, arriving at a rate.

    `is_tls`: through TLS, as the target is reached.
    """

    concurrency: int
    tok_s: float
    rate_req_s: float | None = None
    is_tls: bool = False

    def __str__(self) -> str:
        arriving = "" if self.rate_req_s is None else f", arriving at {self.rate_req_s:g} a second"
        return f"{self.concurrency} streams of {self.tok_s:g} tok/s{arriving}{', TLS' * self.is_tls}"

    @property
    def span_s(self) -> float:
        """How long it goes on: `SPAN_S`, or until there are `EVENTS`."""
        return max(SPAN_S, EVENTS / (self.concurrency * self.tok_s))

    def tokens(self, most: int) -> int:
        """Tokens of a stream, at most so many. An open loop's stream is over when that many others have come."""
        lasts_s = self.span_s if self.rate_req_s is None else min(self.span_s, self.concurrency / self.rate_req_s)
        return min(most, math.ceil(self.tok_s * lasts_s))

    def starts_ns(self) -> list[int]:
        """When each stream starts, ns from the first: all at once, or as an open loop's requests arrive.

        Those that would have arrived before are there from the beginning.
        """
        if self.rate_req_s is None:
            return [0] * self.concurrency
        arriving = max(1, math.floor(self.rate_req_s * self.span_s))
        there = max(0, self.concurrency - arriving)
        return [0] * there + [round(number * 1e9 / self.rate_req_s) for number in range(arriving)]


def seen(requests: Sequence[Mapping[str, Any]]) -> dict[str, float | int | None]:
    """Of a run's measured requests: the median of a stream's reads a second, and the most under way at once.

    `requests` have `sent_ns`, `end_ns` (from sent) and `reads_s`; null where no request tells.
    """
    rates = [one["reads_s"] for one in requests if one["reads_s"] is not None]
    return {"stream_reads_s": median(rates) if rates else None, "in_flight": _most_at_once(requests)}


def _most_at_once(requests: Iterable[Mapping[str, Any]]) -> int:
    sent = [one for one in requests if one["sent_ns"] is not None and one["end_ns"] is not None]
    turns = [(one["sent_ns"], 1) for one in sent] + [(one["sent_ns"] + one["end_ns"], -1) for one in sent]
    most = under_way = 0
    for _, step in sorted(turns):
        under_way += step
        most = max(most, under_way)
    return most


def before(traces: Path, night: date) -> list[trace.Manifest]:
    """Manifests of the last nights before this one, oldest first.

    A night that cannot be read is left out: it would tell a rate, and what is wrong with it `verify` says.
    """
    earlier = [one for one in trace.nights(traces) if one < night]
    found: list[trace.Manifest] = []
    for one in earlier[-NIGHTS:]:
        with suppress(trace.TraceError):
            found += trace.manifests(traces, one)
    return found


def loads(plan: Plan, runs: Iterable[Run], recorded: Iterable[trace.Manifest]) -> list[Load]:
    """The loads that stand for these runs, each once. `recorded`: older runs first."""
    known = {_key(one): one.load[FLOW] for one in recorded if one.load and FLOW in one.load}
    found = {_load(plan, run, known.get((run.target, run.workload, run.scenario), {})) for run in runs}
    return sorted(found, key=lambda one: (one.concurrency, one.tok_s, one.rate_req_s or 0.0, one.is_tls))


def _key(one: trace.Manifest) -> tuple[str, str, str]:
    return one.target.name, one.workload, one.scenario


def _load(plan: Plan, run: Run, flow: Mapping[str, Any]) -> Load:
    """A run's load: as it was seen, and where nothing was, as the plan has it."""
    scenario = plan.scenarios[run.scenario]
    concurrency: float = scenario.most_in_flight
    rate_req_s = None
    if isinstance(scenario, Open):
        rate_req_s = scenario.rate_req_s
        concurrency = min(concurrency, _rung(flow["in_flight"], 1)) if flow.get("in_flight") else concurrency
    tok_s = (
        _rung(flow["stream_reads_s"], RATE_TOK_S) if flow.get("stream_reads_s") else plan.night.calibration_tok_s
    )
    too_fast = max(0, math.ceil(math.log2(tok_s * concurrency / MOST_READS_S)))
    is_tls = (plans.base_url(plan, plan.targets[run.target]) or "").startswith("https:")
    return Load(int(concurrency), max(tok_s / 2**too_fast, SLOWEST_TOK_S), rate_req_s, is_tls)


def _rung(value: float, unit: float) -> float:
    """The nearest of the doubles and halves of `unit`."""
    return float(unit * 2.0 ** round(math.log2(value / unit)))
