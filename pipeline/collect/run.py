"""One run: target × workload × scenario × round, request by request, within its limits and its budget."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import plan as plans
from pipeline import trace
from pipeline.collect import asking, facts, flow, hardware, load, retry, sweeping, until
from pipeline.collect.breaker import Breaker
from pipeline.collect.engine_metrics import scraping
from pipeline.collect.limits import Limiter, LimitReachedError
from pipeline.collect.money import Purse
from pipeline.collect.recorder import Job, Trace, record, request_id
from pipeline.collect.store import RunStore
from pipeline.collect.transport import StampedTransport
from pipeline.errors import ungrouped
from pipeline.plan import Open, Plan, Run, Until
from pipeline.progress import Step, tell

SCRAPE_S = 1.0
"""Between two looks at an engine's own metrics."""


@dataclass
class Progress:
    """Counts finished requests and tells whoever listens."""

    total: int
    done: int = 0
    text: str = ""

    def say(self, text: str) -> None:
        """Show what is going on."""
        self.text = text
        tell(Step("requests", self.done, self.total, text))

    def advance(self) -> None:
        """A planned request is over."""
        self.done += 1
        self.say(self.text)

    def skip(self, requests: int) -> None:
        """So many planned requests will not be made."""
        self.total -= requests
        self.say(self.text)


@dataclass(frozen=True)
class Endpoint:
    """Where a target's requests go: address, key, limiter; of an engine of ours its facts and its metrics page.

    `ended` says how an engine of ours ended on its own; None while it runs. `keeps_connections`: see `Engine`.
    `may_stay`: it need not be given up between two rounds.
    """

    url: str
    key: str | None = field(repr=False)
    limiter: Limiter
    engine: dict[str, Any] | None = None
    metrics_url: str | None = None
    ended: Callable[[], str | None] = lambda: None
    keeps_connections: bool = True
    may_stay: bool = False


def limiter(folder: Path, plan: Plan, target: str) -> Limiter:
    """The limiter of a target's endpoint; targets of one provider and model id share it."""
    one = plan.targets[target]
    name = re.sub(r"[^a-z0-9]+", "-", f"{one.provider}-{one.model_id}".lower()).strip("-")
    return Limiter(folder / f"{name}.json", plans.limits(plan, one))


@dataclass
class _Sending:
    """A run under way. `stopped` says why it sends no more, `refused` that it is the endpoint that wants none."""

    transport: StampedTransport
    job: Job
    store: RunStore
    purse: Purse
    limiter: Limiter
    progress: Progress
    breaker: Breaker = field(default_factory=Breaker)
    stopped: str | None = None
    values_ms: list[float] = field(default_factory=list)
    measured: list[dict[str, Any]] = field(default_factory=list)
    refused: bool = False

    @property
    def outcome(self) -> str:
        """How the run ended."""
        return "refused" if self.refused else "finished" if self.stopped is None else "stopped"

    async def start(self, index: int, scheduled_ns: int) -> None:
        """Make request `index`; where the server refuses it for now, again after the wait that it asks for."""
        night = self.job.plan.night
        for attempt in range(1, night.retries + 2):
            if not await self._may_send():
                self.progress.skip(1)
                return
            if attempt > 1 or not isinstance(self.job.scenario, Open):
                scheduled_ns = time.monotonic_ns()  # a closed loop's request is due when it may be sent
            self.store.begin(request_id(self.job.run, index, attempt))
            taken = await record(self.transport, self.job, index, scheduled_ns, attempt, keep=self.store.keep)
            self._keep(taken)
            wait_s = retry.wait_s(taken.status, taken.headers, attempt, f"{night.seed}/{self.job.run.id}/{index}")
            if wait_s is None or wait_s > night.retry_wait_max_s or attempt > night.retries:
                break
            await asyncio.sleep(wait_s)
        self.progress.advance()

    async def _may_send(self) -> bool:
        """Wait for the endpoint's limits, then set the price aside. What is refused here stops the run."""
        if self.stopped is None:
            try:
                await self.limiter.acquire(self.job.most_tokens, self.job.plan.night.retry_wait_max_s)
            except LimitReachedError as error:
                self.stopped = str(error)
        if self.stopped is None:
            self.stopped = self.purse.reserve(self.job.run)
        return self.stopped is None

    def _keep(self, taken: Trace) -> None:
        self.store.append(taken)
        if not taken.request["is_warmup"]:
            envelope = {name: taken.request[name] for name in sweeping.ENVELOPE}
            self.measured.append({**envelope, "reads_s": taken.reads_s})
        wanted = self.job.scenario.until
        value = until.value_ms(taken, wanted) if wanted else None
        if value is not None:
            self.values_ms.append(value)
        self.purse.settle(self.job.run, taken.request, taken.reads.payloads)
        self.limiter.learn(taken.status, taken.headers, self.job.most_tokens)
        if said := self.breaker.said(taken.status, taken.reads.payloads):
            self.stopped, self.refused = said, True


async def record_run(
    traces: Path, run: Run, endpoint: Endpoint, purse: Purse, progress: Progress
) -> trace.Manifest:
    """Warm up, then measure; every finished request goes to disk at once.

    A run that its budget or its endpoint's limits end early is closed as `stopped`, one whose endpoint refuses for
    good as `refused`, with the reason; one whose engine ended in the middle as `failed`, with its last words.
    """
    plan = purse.plan
    scenario, one = plan.scenarios[run.scenario], plan.targets[run.target]
    anchor_ns = time.monotonic_ns()
    url = asking.url(endpoint.url, one.dialect, one.model_id)
    job = Job(plan, run, url, endpoint.key, anchor_ns, scenario.warmup_requests)
    store = RunStore(traces, facts.draft(plan, run, endpoint.url, endpoint.engine, anchor_ns))
    progress.say(f"{run.target}, {run.scenario}, round {run.round}")
    transport = StampedTransport(reuses=endpoint.keeps_connections)
    with _watched(plan, endpoint, store.folder, anchor_ns) as sampled:
        async with transport:
            sending = _Sending(transport, job, store, purse, endpoint.limiter, progress)
            with ungrouped():
                await load.apply(scenario, f"{plan.night.seed}/{run.id}", sending.start)
    seen: dict[str, Any] = {"hardware": {**hardware.facts(), "sampling": sampled.facts()}} if sampled else {}
    told: dict[str, Any] = {flow.FLOW: flow.seen(sending.measured)}
    if scenario.sweep:
        told[sweeping.PACE] = sweeping.pace(sending.measured, sweeping.most_ms(plan, run))
    if scenario.until:
        told["until"] = _enough(traces, run, scenario.until, sending.values_ms)
    seen["load"] = {**facts.load(plan, run), **told}
    broken, clock = endpoint.ended(), facts.clock(transport)
    return store.close("failed" if broken else sending.outcome, broken or sending.stopped, clock=clock, **seen)


def _enough(traces: Path, run: Run, wanted: Until, values_ms: list[float]) -> dict[str, Any]:
    """Look at the median of all rounds of this series so far, this one included."""
    series = (run.target, run.workload, run.scenario)
    before = [
        one
        for one in trace.manifests(traces, run.night)
        if (one.target.name, one.workload, one.scenario) == series and one.round <= run.round
    ]
    rounds = until.earlier(traces, before, wanted)
    rounds.setdefault(run.round, []).extend(values_ms)
    return until.verdict(rounds, wanted)


@contextmanager
def _watched(plan: Plan, endpoint: Endpoint, folder: Path, anchor_ns: int) -> Iterator[hardware.Sampling | None]:
    """Sample the machine of an engine of ours, and what the engine says of itself, while it is measured."""
    rate_hz = plan.night.hardware_hz
    if endpoint.engine is None or rate_hz == 0:
        yield None
        return
    scraped = scraping(endpoint.metrics_url, folder / trace.SCRAPES, SCRAPE_S, anchor_ns)
    with scraped, hardware.sampling(folder / trace.SAMPLES, rate_hz, anchor_ns) as sampled:
        yield sampled
