"""One row a run and device that was sampled: power, energy, clocks and throttling inside the run's window.

A run of which no energy can be told has a row without a device that says why.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from pipeline.tables import energy, throttling
from pipeline.tables.energy import Energy, Span
from pipeline.tables.keys import KEYS
from pipeline.tables.recorded import Recorded
from pipeline.tables.windows import windows
from pipeline.trace import Manifest

INPUTS = ("trace", "runs", "requests")
USES = {"requests": ("run_id", "load", "concurrency", "is_warmup", "sent_ns", "end_ns")}

_MEANS = {
    "gpu_utilisation_pct": "Share of the time in which a kernel ran, %, mean of the samples",
    "memory_utilisation_pct": "Share of the time in which memory was read or written, %, mean of the samples",
    "sm_clock_mhz": "Clock of the multiprocessors, mean of the samples",
    "memory_clock_mhz": "Clock of the memory, mean of the samples",
}

COLUMNS = {
    **{name: text for name, text in KEYS.items() if name != "request_id"},
    "device": "gpu0, …; package-0, dram, … of a processor; null where there is no energy of the run at all",
    "device_title": "What the device calls itself",
    "is_counted": "Its energy is part of the run's: all GPUs of the machine; without a GPU, or for an engine on "
    "the processor, its packages and memory",
    "window_s": "Length of the window in seconds; null where the run has none",
    "samples": "Readings in all of the run",
    "samples_in_window": "Of these, inside the window: every figure below is of them",
    "errors": "Readings at which the device did not answer as it should",
    "error": "What it said the first time",
    "rate_planned_hz": "Readings a second, as planned",
    "rate_hz": "Readings a second, as reached",
    "covered_share": "Share of the window between two readings near enough to each other",
    "sampler_cpu_share": "Share of one processor that the sampler itself took",
    "read_ms": "What one reading took, mean",
    "power_mean_w": "Mean of the samples",
    "power_max_w": "Highest sample",
    "power_limit_w": "What the device may draw",
    "energy_j": "Energy drawn in the window",
    "energy_source": "counter (the device's own; straight lines at the window's ends) or integrated (power)",
    "reason": "Why there is no energy",
    **_MEANS,
    "sm_clock_max_mhz": "Highest clock that the device can have",
    "memory_used_max_bytes": "Most memory in use",
    "temperature_max_c": "Highest sample",
    "throttle_reasons": "Why clocks were below what they could be, each reason that was seen, by name",
    "throttled_share": "Share of the samples with a reason other than idle or a setting of the user",
}

_NUMBERS = [name for name in COLUMNS if name.endswith(("_s", "_hz", "_share", "_ms", "_w", "_j", "_pct", "_mhz"))]
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.String),
    **dict.fromkeys(_NUMBERS, pl.Float64),
    **dict.fromkeys(
        ("samples", "samples_in_window", "errors", "memory_used_max_bytes", "temperature_max_c"), pl.Int64
    ),
    "night": pl.Date,
    "round": pl.Int32,
    "is_counted": pl.Boolean,
}


def build(recorded: Recorded, runs: pl.DataFrame, requests: pl.DataFrame) -> pl.DataFrame:
    """What every device did while the load stood."""
    spans = {run: (float(start), float(end)) for run, start, end in windows(requests).iter_rows()}
    manifests = {one.run_id: one for one in recorded.manifests}
    samples = {run: frame for (run,), frame in recorded.samples.group_by("run_id")}
    nothing = recorded.samples.clear()
    rows: list[dict[str, Any]] = []
    for run in runs.iter_rows(named=True):
        name = run["run_id"]
        keys = {key: run[key] for key in COLUMNS if key in run}
        found = _devices(manifests.get(name), samples.get(name, nothing), spans.get(name))
        rows += [{**dict.fromkeys(COLUMNS), **keys, **row} for row in found]
    return pl.DataFrame(rows, schema=_SCHEMA).sort("run_id", "device", nulls_last=True)


def _devices(run: Manifest | None, samples: pl.DataFrame, span: Span | None) -> Iterator[dict[str, Any]]:
    """The devices of one run, and a row without one where none of them counts."""
    facts = (run and run.hardware) or {}
    names = samples["device"].unique().sort().to_list()
    counted = _counted(names, is_on_processor=_is_on_processor(run))
    for name in names:
        of_device = samples.filter(pl.col("device") == name).sort("at_ns")
        yield {"device": name, "is_counted": name in counted, **_device(name, of_device, facts, span)}
    if not counted:
        yield {"is_counted": True, "window_s": _seconds(span), "reason": _missing(run, names, span)}


def _is_on_processor(run: Manifest | None) -> bool:
    return bool(run and run.engine and str(run.engine.get("device")).lower().startswith("cpu"))


def _counted(names: list[str], *, is_on_processor: bool) -> list[str]:
    """The devices whose energy is the run's. Cores are a part of their package, and psys holds packages."""
    gpus = [] if is_on_processor else [name for name in names if name.startswith("gpu")]
    packages = [name for name in names if re.fullmatch(r"package-\d+", name) or name.endswith("dram")]
    return gpus or packages or [name for name in names if name == "psys"]


def _missing(run: Manifest | None, names: list[str], span: Span | None) -> str:
    if span is None:
        return "the run has no window"
    if names:
        return f"nothing was sampled that the engine runs on, only {', '.join(names)}"
    if run and run.target.kind != "local":
        return "the target does not run on a machine of ours"
    told = ((run and run.hardware) or {}).get("sampling", {}).get("missing", {})
    return "; ".join(told.values()) or "power was not sampled"


def _device(name: str, samples: pl.DataFrame, facts: Mapping[str, Any], span: Span | None) -> dict[str, Any]:
    sampling, about = facts.get("sampling", {}), _about(name, facts)
    planned = sampling.get("rate_hz")
    answered = samples.filter(pl.any_horizontal(pl.col("power_mw", "energy_uj").is_not_null()))
    at_ns = answered["at_ns"].to_numpy().astype(np.float64)
    inside = samples.filter(pl.col("at_ns").is_between(*span)) if span else samples.clear()
    wraps_at = facts.get("rapl", {}).get(name)
    drawn = _energy(answered, span, wraps_at, planned)
    stamps_s = samples["at_ns"].to_numpy() / 1e9
    spread_s = float(stamps_s[-1] - stamps_s[0])
    return {
        "device_title": about.get("name"),
        "window_s": _seconds(span),
        "samples": samples.height,
        "samples_in_window": inside.height,
        "errors": samples["error"].count(),
        "error": next(iter(samples["error"].drop_nulls()), None),
        "rate_planned_hz": planned,
        "rate_hz": (samples.height - 1) / spread_s if spread_s else None,
        "covered_share": energy.covered_share(at_ns, span, energy.longest_gap_s(planned)) if span else None,
        "sampler_cpu_share": sampling.get("sampler_cpu_share"),
        "read_ms": _number(samples["read_ns"].mean(), 1e-6),
        "power_limit_w": _number(about.get("power_limit_mw"), 1e-3),
        "sm_clock_max_mhz": about.get("sm_clock_max_mhz"),
        "energy_j": drawn.joules,
        "energy_source": drawn.source,
        "reason": drawn.reason if drawn.joules is None else None,
        **_figures(inside),
    }


def _about(name: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the manifest knows of a GPU."""
    number, gpus = re.fullmatch(r"gpu(\d+)", name), facts.get("gpus") or []
    return gpus[int(number[1])] if number and int(number[1]) < len(gpus) else {}


def _energy(answered: pl.DataFrame, span: Span | None, wraps_at: int | None, rate_hz: float | None) -> Energy:
    if span is None:
        return energy.unknown("the run has no window")
    counter, power = answered.drop_nulls("energy_uj"), answered.drop_nulls("power_mw")
    if not counter.is_empty():
        return energy.by_counter(*_arrays(counter, "energy_uj"), span, wraps_at)
    return energy.by_power(*_arrays(power, "power_mw"), span, energy.longest_gap_s(rate_hz))


def _arrays(frame: pl.DataFrame, column: str) -> tuple[energy.Array, energy.Array]:
    return frame["at_ns"].to_numpy().astype(np.float64), frame[column].to_numpy().astype(np.float64)


def _figures(inside: pl.DataFrame) -> dict[str, Any]:
    reasons = [int(bits) for bits in inside["throttle_reasons"].drop_nulls()]
    seen = sorted({name for bits in set(reasons) for name in throttling.names(bits)})
    return {
        "power_mean_w": _number(inside["power_mw"].mean(), 1e-3),
        "power_max_w": _number(inside["power_mw"].max(), 1e-3),
        **{name: inside[name].mean() for name in _MEANS},
        "memory_used_max_bytes": inside["memory_used_bytes"].max(),
        "temperature_max_c": inside["temperature_c"].max(),
        "throttle_reasons": ", ".join(seen) if reasons else None,
        "throttled_share": sum(map(throttling.is_throttled, reasons)) / len(reasons) if reasons else None,
    }


def _number(value: Any, factor: float) -> float | None:
    return None if value is None else float(value) * factor


def _seconds(span: Span | None) -> float | None:
    return (span[1] - span[0]) / 1e9 if span else None
