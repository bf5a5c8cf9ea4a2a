"""What a manifest says beside the reads: the target resolved, the host, the code, the clock."""

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from pipeline import plan as plans
from pipeline import trace
from pipeline.collect import engines, host
from pipeline.collect.transport import StampedTransport
from pipeline.plan import Plan, Run


def census(plan: Plan, night: date, environment: Mapping[str, str]) -> trace.Night:
    """Every target of the plan, and why it is not measured where it is not."""
    return trace.Night(
        schema_version=trace.SCHEMA_VERSION,
        night=night,
        plan_sha256=plan.sha256,
        rounds=plan.night.rounds,
        targets=[
            target(plan, name, night, None, plans.skip_reason(plan, name, night, environment))
            for name in plan.targets
        ],
        runs=[
            trace.PlannedRun(target=run.target, workload=run.workload, scenario=run.scenario, round=run.round)
            for run in plans.runs(plan, night, list(plan.targets), list(range(1, plan.night.rounds + 1)))
        ],
        max_usd=plan.night.max_usd,
    )


def target(plan: Plan, name: str, night: date, url: str | None, reason: str | None = None) -> trace.Target:
    """A target's facts on a night, resolved: nothing is left to be looked up in a plan that may change."""
    one = plan.targets[name]
    price, rent = plans.price(one, night) if one.engine is None else None, plans.rent(one, night)
    model, provider = plan.models[one.model], plan.providers[one.provider]
    is_simulated = one.engine is not None and engines.is_simulated(one.engine["name"])
    is_local = one.engine is not None and not is_simulated
    return trace.Target(
        name=name,
        title=one.title,
        kind="local" if is_local else "hosted",
        provider=one.provider,
        provider_title=provider.title,
        engine=one.engine["name"] if one.engine else None,
        model=one.model,
        model_title=model.title,
        model_id=one.model_id,
        family=model.family,
        tokenizer=model.tokenizer,
        dialect=one.dialect,
        url=url or plans.base_url(plan, one),
        hardware=plans.hardware(plan, one) or (host.facts()["cpu"] if is_local and one.host is None else None),
        region=provider.region,
        precision=one.precision,
        provenance="simulated" if is_simulated else one.provenance,
        usd_per_million_input=price.usd_per_million_input if price else None,
        usd_per_million_output=price.usd_per_million_output if price else None,
        price_source=price.source if price else None,
        usd_per_hour=rent.gpus * rent.usd_per_gpu_hour if rent else None,
        rent_source=rent.source if rent else None,
        may_publish=provider.may_publish,
        echoed_as=one.echoed_as,
        max_usd=one.max_usd,
        reason=reason,
    )


def draft(plan: Plan, run: Run, url: str | None, engine: dict[str, Any] | None, anchor_ns: int) -> trace.Manifest:
    """The manifest of a run that starts now; `anchor_ns` is its monotonic zero."""
    scenario = plan.scenarios[run.scenario]
    return trace.Manifest(
        schema_version=trace.SCHEMA_VERSION,
        run_id=run.id,
        night=run.night,
        workload=run.workload,
        scenario=run.scenario,
        round=run.round,
        concurrency=scenario.most_in_flight,
        load=load(plan, run),
        target=_as_served(target(plan, run.target, run.night, url), engine),
        requests_planned=scenario.requests,
        warmup_planned=scenario.warmup_requests,
        requests_recorded=0,
        outcome="running",
        error=None,
        started_at=datetime.now(UTC).isoformat(),
        anchor_monotonic_ns=anchor_ns,
        anchor_unix_ns=time.time_ns() - (time.monotonic_ns() - anchor_ns),
        plan_sha256=plan.sha256,
        code_version=host.code_version(),
        code_commit=host.code_commit(),
        host=host.facts(),
        engine=engine,
        files={},
    )


def load(plan: Plan, run: Run) -> dict[str, Any]:
    """Scenario, workload and SLO of a run, as planned."""
    scenario = plan.scenarios[run.scenario]
    return {
        "scenario": msgspec.to_builtins(scenario),
        "workload": msgspec.to_builtins(plan.workloads[run.workload]),
        **({"slo": msgspec.to_builtins(plan.slos[scenario.slo])} if scenario.slo else {}),
    }


def clock(transport: StampedTransport) -> dict[str, int]:
    """How well the kernel's stamps, which are of the wall clock, could be mapped to the monotonic one.

    `sent_by_kernel` requests have the kernel's stamp of their first packet, `sent_by_user` ours.
    """
    wall = transport.wall
    return {
        "wall_offset_ns": wall.offset_ns,
        "mapping_error_ns": wall.error_ns,
        "wall_steps": wall.steps,
        "sent_by_kernel": transport.sent_by["kernel"],
        "sent_by_user": transport.sent_by["user"],
    }


def _as_served(one: trace.Target, engine: dict[str, Any] | None) -> trace.Target:
    """What the engine says of its own precision goes before a guess in the plan."""
    return msgspec.structs.replace(one, precision=engine["quantisation"]) if engine else one
