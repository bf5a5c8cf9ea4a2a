"""From TOML to a plan, strictly: errors name file, stanza and cure."""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from pipeline.plan.check import check
from pipeline.plan.loads import Closed, Offline, Open, Rates, Scenario, Sweep
from pipeline.plan.stanzas import (
    Family,
    Model,
    Night,
    Plan,
    Probe,
    Provider,
    Retention,
    Slo,
    Ssh,
    Subprocess,
    Target,
    Workload,
)
from pipeline.plan.words import Name, PlanError, hint

DEFAULT = Path(__file__).parents[1] / "plan.toml"

_SECTIONS: dict[str, Any] = {
    "families": Family,
    "models": Model,
    "workloads": Workload,
    "probes": Probe,
    "slos": Slo,
    "scenarios": Closed | Open | Offline | Sweep | Rates,
    "providers": Provider,
    "hosts": Subprocess | Ssh,
    "targets": Target,
}
_OPTIONAL = ("hosts", "probes", "slos")


def load(path: Path | str | None = None) -> Plan:
    """Read the plan at `path`, else where `TOKENCLOCK_PLAN` points, else the one in the package."""
    chosen = Path(path or os.environ.get("TOKENCLOCK_PLAN") or DEFAULT)
    own = _read(chosen)
    extends = own.pop("extends", None)
    if extends not in (None, "default"):
        raise PlanError(f'{chosen}: extends = {extends!r} is unknown; write extends = "default" or remove it')
    sections = _merge(_read(DEFAULT), own) if extends else own
    text = (DEFAULT.read_bytes() if extends else b"") + chosen.read_bytes()
    return check(_parse(sections, chosen, hashlib.sha256(text).hexdigest()))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise PlanError(f"{path}: no such plan; give --plan or TOKENCLOCK_PLAN an existing file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: not TOML: {error}") from error


def _merge(default: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Lay the user's stanzas over the default ones: `[night]` key by key, all others whole."""
    merged = dict(default)
    for section, stanzas in own.items():
        known = isinstance(stanzas, dict) and isinstance(default.get(section), dict)
        merged[section] = {**default[section], **stanzas} if known else stanzas
    return merged


def _parse(sections: dict[str, Any], path: Path, sha256: str) -> Plan:
    for section in sections:
        if section not in ("night", "retention", *_SECTIONS):
            raise PlanError(f"{path}: [{section}] is unknown{hint(section, ['night', 'retention', *_SECTIONS])}")
    sections = {**{section: {} for section in _OPTIONAL}, **sections}
    for section in ("night", *_SECTIONS):
        if not isinstance(sections.get(section), dict):
            raise PlanError(f'{path}: [{section}] is missing; add it, or start the file with extends = "default"')
    parsed: dict[str, Any] = {"night": _stanza(sections["night"], Night, path, "night")}
    parsed["retention"] = _stanza(sections.get("retention", {}), Retention, path, "retention")
    for section, kind in _SECTIONS.items():
        parsed[section] = {
            name: _stanza(raw, kind, path, f"{section}.{name}") for name, raw in sections[section].items()
        }
    return Plan(**_probed(_swept(parsed, path), path), sha256=sha256, source=str(path))


def _probed(parsed: dict[str, Any], path: Path) -> dict[str, Any]:
    """Give each probe the workload and the scenario of its name that its requests are made by."""
    made: dict[str, Any] = {**parsed}
    for section in ("workloads", "scenarios"):
        if taken := sorted(set(parsed[section]) & set(parsed["probes"])):
            raise PlanError(f"{path}: [probes.{taken[0]}] bears the name of one of {section}; rename it")
        kind = section.removesuffix("s")
        made[section] = parsed[section] | {name: getattr(one, kind)() for name, one in parsed["probes"].items()}
    return made


def _swept(parsed: dict[str, Any], path: Path) -> dict[str, Any]:
    """Put the levels of a sweep where the sweep is named."""
    sweeps = {name: one for name, one in parsed["scenarios"].items() if isinstance(one, Sweep | Rates)}
    _refuse_unordered(sweeps, path)
    named: dict[str, dict[str, Scenario]] = {
        name: {**sweeps[name].levels(name)} if name in sweeps else {name: one}
        for name, one in parsed["scenarios"].items()
    }
    targets = {
        name: msgspec.structs.replace(
            one, scenarios=[level for scenario in one.scenarios for level in named.get(scenario, [scenario])]
        )
        for name, one in parsed["targets"].items()
    }
    scenarios = {level: one for levels in named.values() for level, one in levels.items()}
    if len(scenarios) < sum(map(len, named.values())):
        raise PlanError(
            f"{path}: a scenario bears the name of a sweep's level (`<sweep>-<concurrency>`); rename one of "
            + ", ".join(named)
        )
    return {**parsed, "scenarios": scenarios, "sweeps": sweeps, "targets": targets}


def _refuse_unordered(sweeps: Mapping[str, Sweep | Rates], path: Path) -> None:
    """A sweep that ends by itself goes upwards."""
    for name, one in sweeps.items():
        if one.until and list(one.loads) != sorted(set(one.loads)):
            raise PlanError(
                f"{path}: [scenarios.{name}]: with `until` each level must be above the one before it; "
                f"write {sorted(set(one.loads))}"
            )


def _stanza(raw: object, kind: Any, path: Path, name: str) -> Any:
    try:
        msgspec.convert(name.split(".", 1)[-1], Name)
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        known = _fields(kind, raw)
        unknown = sorted(set(raw) - known) if isinstance(raw, dict) and known else []
        meant = hint(unknown[0], sorted(known)) if unknown else ""
        raise PlanError(f"{path}: [{name}]: {error}{meant}") from None


def _fields(kind: Any, raw: object) -> set[str]:
    """The keys of a stanza; of a scenario, those of its kind."""
    said = raw.get("kind") if isinstance(raw, dict) else None
    kinds = [one for one in get_args(kind) or (kind,) if one.__struct_config__.tag in (None, said)]
    return {*kinds[0].__struct_fields__, *filter(None, [kinds[0].__struct_config__.tag_field])} if kinds else set()
