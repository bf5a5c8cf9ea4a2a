"""A night's collection: the gates before it, then one run after the other.

Only one collection runs at a time on a machine: two would disturb each other's measurements.
"""

import asyncio
import contextlib
import hashlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Self

import httpx
import msgspec
from filelock import FileLock, Timeout

from pipeline import ledger, trace
from pipeline import plan as plans
from pipeline.collect import engines, facts, flow, host, loop, redaction, schedule, sweeping, until
from pipeline.collect.calibrate import calibrate
from pipeline.collect.money import Purse
from pipeline.collect.run import Endpoint, Progress, limiter, record_run
from pipeline.collect.store import RunStore, recover
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.plan import Plan, PlanError, Run
from pipeline.progress import Step, tell

GRACE = timedelta(hours=6)  # a night may run on past its midnight, and be retried then


class CollectError(TokenclockError):
    """A night cannot be collected; the message names the cure."""


@dataclass(frozen=True)
class Collection:
    """What to collect, into which folders, with which keys, and how long to wait for another to end.

    `known`: runs of the night that lie elsewhere and need not be recorded again. `pause` is called whenever a
    target's runs of a round are over, and nothing is measured until it returns.
    """

    plan: Plan
    layout: Layout
    night: date
    environment: Mapping[str, str] = field(repr=False)
    wait_s: float = 0.0
    known: Sequence[trace.Manifest] = ()
    pause: Callable[[], None] = lambda: None


def tonight() -> date:
    """The night that a collection started now belongs to."""
    return datetime.now(UTC).date()


def collect(this: Collection, targets: list[str]) -> list[trace.Manifest]:
    """Record the runs that are due (`schedule.due`) for some targets and return their manifests.

    Raises `PlanError` for an unknown target and `CollectError` where the night is not now, a target
    cannot be measured, the budget is too small, or another collection is running.
    """
    refuse(this, targets)
    traces = this.layout.traces
    with alone(traces, this.wait_s):
        for one in recover(traces):
            said = f"{one.run_id} closed with {one.requests_recorded} finished requests: {one.error}"
            tell(Step("recovered", 1, 1, said))
        take_census(this)
        recorded = [*trace.manifests(traces, this.night), *this.known]
        due = schedule.due(this.plan, recorded, this.night, targets)
        return loop.run(_collect(this, due, [*flow.before(traces, this.night), *recorded]))


def refuse(this: Collection, targets: list[str]) -> None:
    """Raise where a collection of these targets must not begin, here or anywhere."""
    _refuse_other_nights(this.night)
    _refuse_skipped(this, targets)
    _refuse_over_budget(this, targets)


def take_census(this: Collection) -> None:
    """Write down the plan's targets, and why one of them is not measured.

    Entered first: a crash leaves an entry too many, not too few.
    """
    census = facts.census(this.plan, this.night, this.environment)
    path = this.layout.traces / f"night={this.night}" / "targets.json"
    content = trace.json_bytes(census)
    ledger.enter(this.layout.traces, {_entered(this, path): hashlib.sha256(content).hexdigest()})
    trace.replace(path, content)


def _entered(this: Collection, path: Path) -> str:
    """A file's name in the ledger."""
    return path.relative_to(this.layout.traces).as_posix()


@contextlib.contextmanager
def alone(traces: Path, wait_s: float) -> Iterator[None]:
    """Hold the right to change traces. A file lock ends with the process that holds it, however that ends."""
    traces.mkdir(parents=True, exist_ok=True)
    lock = FileLock(traces / ".collecting")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell(Step("requests", 0, 1, "waiting for another collection to end"))
        try:
            lock.acquire(timeout=wait_s)
        except Timeout:
            raise CollectError(
                f"{traces}: another collection is running, and two would disturb each other; wait for its end"
            ) from None
    try:
        yield
    finally:
        lock.release()


def _refuse_other_nights(night: date) -> None:
    start = datetime(night.year, night.month, night.day, tzinfo=UTC)
    if not start <= datetime.now(UTC) < start + timedelta(days=1) + GRACE:
        raise CollectError(
            f"night {night} is not now: traces can only be recorded in their own night (tonight is "
            f"{tonight()}). To recompute a past night from its traces, materialize `events` and what is "
            "downstream of it"
        )


def _refuse_skipped(this: Collection, targets: list[str]) -> None:
    for name in targets:
        if name not in this.plan.targets:
            raise PlanError(f"{this.plan.source}: no target `{name}`; known: {', '.join(this.plan.targets)}")
        if reason := plans.skip_reason(this.plan, name, this.night, this.environment):
            raise CollectError(f"target {name} cannot be measured: {reason}")


def _refuse_over_budget(this: Collection, targets: list[str]) -> None:
    estimates = [plans.estimate(this.plan, name, this.night, this.environment) for name in targets]
    usd, limit = sum(one.usd or 0 for one in estimates), this.plan.night.max_usd
    if usd > limit:
        raise CollectError(
            f"{this.plan.source}: tonight is estimated at {usd:.2f} USD, above [night] max_usd = {limit:g}; "
            "raise it, or measure fewer targets"
        )


async def _collect(this: Collection, due: list[Run], earlier: list[trace.Manifest]) -> list[trace.Manifest]:
    """Record round after round, the instrument calibrated before and after each. `earlier`: runs of before."""
    progress = Progress(sum(schedule.size(this.plan, run) for run in due))
    purse = Purse(this.plan, this.night)
    purse.remember(this.layout.traces)
    recorded: list[trace.Manifest] = []
    async with _Standing(this) as standing:
        for round_, of_round in itertools.groupby(due, key=lambda run: run.round):
            runs = _still_needed(this.plan, list(of_round), recorded, progress)
            if not runs:
                continue
            pause_s = this.plan.night.round_pause_s
            if recorded and pause_s:
                await standing.stop()
                await asyncio.sleep(pause_s)
            if pause_s or not recorded:  # else what came after the last round has just been told
                await _calibrate(
                    this, round_, "before", flow.loads(this.plan, runs, [*earlier, *recorded]), progress
                )
            for name, group in itertools.groupby(runs, key=lambda run: run.target):
                progress.say(f"{name}, round {round_}")
                recorded += await _record_target(this, list(group), standing, purse, progress)
                this.pause()
            await _calibrate(this, round_, "after", flow.loads(this.plan, runs, [*earlier, *recorded]), progress)
    return recorded


def _still_needed(plan: Plan, runs: list[Run], recorded: list[trace.Manifest], progress: Progress) -> list[Run]:
    """Without the runs of series of which an earlier round found that there is enough."""
    needed = [run for run in runs if not until.is_reached(recorded, run)]
    progress.skip(sum(schedule.size(plan, run) for run in runs) - sum(schedule.size(plan, run) for run in needed))
    return needed


async def _calibrate(
    this: Collection, round_: int, moment: str, loads: Sequence[flow.Load], progress: Progress
) -> None:
    """Hold the recorder against the truth server at the loads of a round."""
    night = this.plan.night
    if night.calibration_tokens == 0:
        return
    for load in loads:
        progress.say(f"calibrating {moment} round {round_}, {load}")
        found, error = None, None
        try:
            found = await calibrate(load, night.calibration_tokens)
        except (TokenclockError, httpx.TransportError) as failure:  # an unknown error is shown, not a lost night
            error = str(failure)
        one = trace.Calibration(
            schema_version=trace.SCHEMA_VERSION,
            recorder=host.recorder(),
            night=this.night,
            round=round_,
            moment=moment,
            measured_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            concurrency=load.concurrency,
            tok_s=load.tok_s,
            rate_req_s=load.rate_req_s,
            found=found,
            error=error,
        )
        path = trace.write_calibration(this.layout.traces, one)
        ledger.enter(this.layout.traces, {_entered(this, path): trace.sha256(path)})


async def _record_target(
    this: Collection, runs: list[Run], standing: "_Standing", purse: Purse, progress: Progress
) -> list[trace.Manifest]:
    """Record a target's runs of one round. Where engine or endpoint refuses, the rest is kept as such."""
    recorded: list[trace.Manifest] = []
    left, name, round_ = runs, runs[0].target, runs[0].round
    log = this.layout.traces / f"night={this.night}" / f"target={name}" / f"engine.r{round_:02d}.log"
    try:
        async with standing.endpoint(name, log) as endpoint:
            for number, run in enumerate(runs):
                left = runs[number:]
                if why := _reason_to_stop(this, run):
                    progress.skip(schedule.size(this.plan, run))
                    progress.say(f"{name}: {run.scenario} is not measured, {why}")
                    continue
                recorded.append(await record_run(this.layout.traces, run, endpoint, purse, progress))
                left = runs[number + 1 :]
                _check_running(endpoint)
                if recorded[-1].outcome == "refused":
                    break
            else:
                left = []
    except engines.EngineError as error:
        return recorded + _unsent(this, left, "failed", str(error), progress)
    return recorded + _unsent(this, left, "refused", recorded[-1].error if recorded else None, progress)


def _unsent(
    this: Collection, runs: list[Run], outcome: str, error: str | None, progress: Progress
) -> list[trace.Manifest]:
    """Close runs for which nothing was sent."""
    closed = []
    for run in runs:
        progress.skip(schedule.size(this.plan, run))
        store = RunStore(this.layout.traces, facts.draft(this.plan, run, None, None, time.monotonic_ns()))
        closed.append(store.close(outcome, error))
    return closed


def _reason_to_stop(this: Collection, run: Run) -> str | None:
    """Why a level of a sweep is not measured any more; what earlier collections of the night recorded counts."""
    if this.plan.scenarios[run.scenario].sweep is None:
        return None
    return sweeping.reason_to_stop(this.plan, run, trace.manifests(this.layout.traces, this.night))


def _check_running(endpoint: Endpoint) -> None:
    """An engine that has ended is not measured again."""
    if (said := endpoint.ended()) is not None:
        raise engines.EngineError(said)


class _Standing:
    """Where the target of now answers. An engine that need not start anew stays up until others are measured."""

    def __init__(self, this: Collection) -> None:
        self._this = this
        self._stack = contextlib.AsyncExitStack()
        self._name: str | None = None
        self._endpoint: Endpoint | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @contextlib.asynccontextmanager
    async def endpoint(self, name: str, log: Path) -> AsyncIterator[Endpoint]:
        """A target's endpoint, for its runs of one round. An engine that has ended meanwhile is started again."""
        if self._name != name or self._endpoint is None or self._endpoint.ended() is not None:
            await self.stop()
            self._endpoint = await self._stack.enter_async_context(_endpoint(self._this, name, log))
            self._name = name
        stays = False
        try:
            yield self._endpoint
            stays = self._endpoint.may_stay
        finally:
            if not stays:
                await self.stop()

    async def stop(self) -> None:
        """Stop what runs."""
        self._name = self._endpoint = None
        await self._stack.aclose()


@contextlib.asynccontextmanager
async def _endpoint(this: Collection, name: str, log: Path) -> AsyncIterator[Endpoint]:
    """Where a target answers; its engine is started where we start one for it."""
    one = this.plan.targets[name]
    key = this.environment.get(this.plan.providers[one.provider].key_env or "")
    limits = limiter(this.layout.data / "limits", this.plan, name)
    if one.engine is None:
        yield Endpoint(plans.base_url(this.plan, one) or "", key, limits)
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    options = {key: value for key, value in one.engine.items() if key != "name"}
    names = {provider.key_env for provider in this.plan.providers.values() if provider.key_env}
    withheld = names - {this.plan.providers[one.provider].key_env}  # its own it may need, and may say
    with redaction.masking(log, key):
        async with engines.running(one.engine["name"], options, log_path=log, withheld=withheld) as engine:
            facts_of_it = msgspec.to_builtins(engine.facts)
            yield Endpoint(
                engine.base_url,
                key,
                limits,
                facts_of_it,
                engine.metrics_url,
                engine.ended,
                engine.keeps_connections,
                not engine.restart_each_round,
            )
