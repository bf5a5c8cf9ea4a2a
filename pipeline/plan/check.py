"""Whether the stanzas of a plan go together: names that lead somewhere, loads that an endpoint allows."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from pipeline.plan.stanzas import Plan, Target
from pipeline.plan.targets import base_url, limits
from pipeline.plan.words import PlanError, hint


def check(plan: Plan) -> Plan:
    """Follow every name from one stanza to another."""
    for name, model in plan.models.items():
        _known(plan, f"models.{name}", "family", model.family, plan.families)
    for name, provider in plan.providers.items():
        _check_url(plan, f"providers.{name}", provider.base_url)
    for name, load in plan.scenarios.items():
        if load.slo:
            _known(plan, f"scenarios.{name}", "slo", load.slo, plan.slos)
    for name, target in plan.targets.items():
        at = f"targets.{name}"
        _check_url(plan, at, target.base_url)
        _known(plan, at, "provider", target.provider, plan.providers)
        _known(plan, at, "model", target.model, plan.models)
        _check_measured(plan, at, target)
        if target.engine is None and base_url(plan, target) is None:
            raise PlanError(
                f"{plan.source}: [{at}]: nowhere to send requests; add `engine`, or `base_url` here "
                f"or in [providers.{target.provider}]"
            )
        _check_load(plan, at, target)
        _check_engine(plan, at, target)
    return plan


def _check_measured(plan: Plan, at: str, target: Target) -> None:
    """Follow the names of what a target is measured with. Fixed prompts come from caches: not with those."""
    workloads = {name: one for name, one in plan.workloads.items() if name not in plan.probes}
    scenarios = {name: one for name, one in plan.scenarios.items() if name not in plan.probes}
    for workload in target.workloads:
        _known(plan, at, "workloads", workload, workloads)
        if workloads[workload].prompts:
            raise PlanError(
                f"{plan.source}: [workloads.{workload}]: fixed prompts would be answered from caches; "
                f"make it [probes.{workload}], which no metric holds"
            )
    for scenario in target.scenarios:
        _known(plan, at, "scenarios", scenario, scenarios)


def _check_engine(plan: Plan, at: str, target: Target) -> None:
    """An engine has a name, and what has a host is an engine."""
    if target.engine is not None and not isinstance(target.engine.get("name"), str):
        raise PlanError(f'{plan.source}: [{at}]: engine has no name; write engine = {{ name = "…" }}')
    if target.host is not None:
        _known(plan, at, "host", target.host, plan.hosts)
        if target.engine is None:
            raise PlanError(f"{plan.source}: [{at}]: host is for engines; a provider is asked from here: remove it")


def _check_load(plan: Plan, at: str, target: Target) -> None:
    """A load that the endpoint does not allow would measure its limits: refuse it."""
    allowed = limits(plan, target).concurrency
    for name in target.scenarios:
        asked = plan.scenarios[name].most_in_flight
        if allowed is not None and asked > allowed:
            raise PlanError(
                f"{plan.source}: [{at}]: scenario `{name}` has up to {asked} requests in flight and the limit is "
                f"concurrency = {allowed}; choose another scenario, or raise the limit"
            )


def _check_url(plan: Plan, at: str, url: str | None) -> None:
    """An address is written to traces: it must not hold a password or a key."""
    parts = urlsplit(url or "")
    if parts.password or parts.username or parts.query:
        raise PlanError(
            f"{plan.source}: [{at}]: base_url carries a name, a password or a query, and addresses are written to "
            "traces; leave them out and name the key's variable in key_env"
        )


def _known(plan: Plan, at: str, key: str, name: str, section: Mapping[str, object]) -> None:
    if name not in section:
        raise PlanError(
            f"{plan.source}: [{at}]: {key} names `{name}`, which is not in the plan{hint(name, section)}"
        )
