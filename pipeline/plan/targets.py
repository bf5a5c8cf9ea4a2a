"""What a plan says of one target in one night: where it is, what it costs, whether it is measured."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import TypeVar

import msgspec

from pipeline.plan.stanzas import Limits, Plan, Price, Rent, Target

ALLOW_UNPRICED = "TOKENCLOCK_ALLOW_UNPRICED"

FREE = Price(valid_from=date.min, usd_per_million_input=0, usd_per_million_output=0, source="our own engine")

Dated = TypeVar("Dated", Price, Rent)


def at_home(plan: Plan) -> Plan:
    """The same plan as the machine sees it that its targets were sent to: they are here."""
    return replace(
        plan, targets={name: msgspec.structs.replace(one, host=None) for name, one in plan.targets.items()}
    )


def base_url(plan: Plan, target: Target) -> str | None:
    """Where a target answers: its own URL, else its provider's; None for an engine we start."""
    return target.base_url or plan.providers[target.provider].base_url


def limits(plan: Plan, target: Target) -> Limits:
    """What holds for a target: its own limits, else its provider's, else none."""
    return target.limits or plan.providers[target.provider].limits or Limits()


def price(target: Target, night: date) -> Price | None:
    """What holds on that night; of several the one that began last. An engine that we start costs nothing."""
    return FREE if target.engine is not None else _in_force(target.prices, night)


def rent(target: Target, night: date) -> Rent | None:
    """What the GPUs of a target cost an hour on that night, whoever pays it: no budget counts it."""
    return _in_force(target.rents, night)


def _in_force(dated: list[Dated], night: date) -> Dated | None:
    valid = [one for one in dated if one.valid_from <= night <= (one.valid_to or night)]
    return max(valid, key=lambda one: one.valid_from, default=None)


def hardware(plan: Plan, target: Target) -> str | None:
    """What a target is said to run on."""
    return target.hardware or plan.providers[target.provider].hardware


def skip_reason(plan: Plan, name: str, night: date, environment: Mapping[str, str]) -> str | None:
    """Why a target is not measured that night, or None when it is."""
    target = plan.targets[name]
    provider = plan.providers[target.provider]
    why = f" ({target.valid_source})" if target.valid_source else ""
    if target.valid_to and night > target.valid_to:
        return f"model id {target.model_id} ended on {target.valid_to}{why}"
    if target.valid_from and night < target.valid_from:
        return f"model id {target.model_id} starts on {target.valid_from}{why}"
    if target.engine is None and provider.key_env and not environment.get(provider.key_env):
        return f"no key: set {provider.key_env} in the environment or in .env"
    if target.engine is None and provider.key_env and not _fits_a_header(environment[provider.key_env]):
        return f"the key in {provider.key_env} holds a blank, a line end or a letter that no header carries"
    if price(target, night) is None and not environment.get(ALLOW_UNPRICED):
        return f"no price known for {night}: add one to `prices`, or run it all the same with --allow-unpriced"
    return None


def _fits_a_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


def enabled(plan: Plan, night: date, environment: Mapping[str, str]) -> list[str]:
    """Names of the targets that the night measures, in the plan's order."""
    return [name for name in plan.targets if skip_reason(plan, name, night, environment) is None]
