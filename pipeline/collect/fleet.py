"""A night's collection wherever its targets run: first what runs here, then one host after the other."""

from pipeline import trace
from pipeline.collect import night as nights
from pipeline.collect.remote import near
from pipeline.errors import TokenclockError
from pipeline.plan import Plan, PlanError


def by_host(plan: Plan, targets: list[str]) -> dict[str | None, list[str]]:
    """Targets under the host where they run; None is this very process."""
    found: dict[str | None, list[str]] = {}
    for name in targets:
        if name not in plan.targets:
            raise PlanError(f"{plan.source}: no target `{name}`; known: {', '.join(plan.targets)}")
        found.setdefault(plan.targets[name].host, []).append(name)
    return found


def collect(this: nights.Collection, targets: list[str]) -> list[trace.Manifest]:
    """Record the runs that are due. A host that fails keeps no other from being measured; its error comes last."""
    hosts = by_host(this.plan, targets)
    here = hosts.pop(None, [])
    recorded = nights.collect(this, here) if here else []
    errors = []
    for host, names in hosts.items():
        try:
            recorded += near.collect(this, str(host), names)
        except TokenclockError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return recorded
