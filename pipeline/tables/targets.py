"""One row a target of the plan and night: measured, failed, or skipped with the reason."""

import msgspec
import polars as pl

from pipeline.tables.recorded import Recorded
from pipeline.trace import Manifest, Target

INPUTS = ("trace",)

COLUMNS = {
    "night": "UTC date on which the night began",
    "target": "Endpoint under test, as named in the plan. Key with night",
    "title": "The target's name on charts",
    "kind": "hosted (somebody's endpoint) or local (an engine that the run started)",
    "provider": "Who runs the endpoint",
    "provider_title": "The provider's name on charts",
    "engine": "Serving software, where we started it ourselves",
    "engine_version": "Its version, as it reported it",
    "model": "Model of the plan",
    "model_title": "The model's name on charts",
    "model_id": "The id that requests ask for",
    "family": "Models that one chart compares",
    "hardware": "What the target is said (hosted) or seen (local) to run on",
    "region": "Where it runs, if known",
    "precision": "Precision of the weights, if known",
    "dialect": "Wire protocol",
    "provenance": "measured, imported, published or simulated; never drawn alike",
    "usd_per_million_input": "Price of that night; null for engines of our own",
    "usd_per_million_output": "Price of that night; null for engines of our own",
    "price_source": "Where the price is from",
    "usd_per_hour": "Rent of all GPUs that serve the target, on that night; null where the plan names none",
    "rent_source": "Where the rent is from",
    "may_publish": "Figures may stand on the site: somebody has read the provider's terms, and they allow it",
    "status": "recorded (a run was finished), failed (none was), skipped (not tried)",
    "reason": "Why it was skipped, or why it failed",
    "recorder": "Name of the recording machine: here, a host of the plan, or a bundle",
    "host": "Recording machine, in short",
    "engine_facts": "Facts of the local engine as JSON",
}

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.String),
    "night": pl.Date,
    **dict.fromkeys(("usd_per_million_input", "usd_per_million_output", "usd_per_hour"), pl.Float64),
    "may_publish": pl.Boolean,
}


def build(recorded: Recorded) -> pl.DataFrame:
    """The census of the night, joined with what became of each target."""
    runs: dict[str, list[Manifest]] = {}
    for one in recorded.manifests:
        runs.setdefault(one.target.name, []).append(one)
    census = {target.name: target for target in recorded.census.targets} if recorded.census else {}
    known = {**census, **{name: ones[-1].target for name, ones in runs.items()}}
    rows = [_row(recorded, target, runs.get(name, [])) for name, target in known.items()]
    return pl.DataFrame(rows, schema=_SCHEMA).sort("target")


def _row(recorded: Recorded, target: Target, runs: list[Manifest]) -> dict[str, object]:
    finished = [one for one in runs if one.outcome == "finished"]
    last = next(reversed(finished or runs), None)
    engine = (last.engine if last else None) or {}
    return {
        **{name: getattr(target, name) for name in COLUMNS if hasattr(target, name)},
        "night": recorded.night,
        "target": target.name,
        "engine_version": engine.get("version"),
        "status": "recorded" if finished else "failed" if runs else "skipped",
        "reason": None if finished else last.error if last else target.reason or "no run was recorded",
        "recorder": last.host.get("recorder", "here") if last else None,
        "host": f"{last.host['cpu']}, {last.host['cpu_count']} CPUs" if last else None,
        "engine_facts": msgspec.json.encode(engine, order="sorted").decode() if engine else None,
    }
