"""Samples of the GPU that gamma runs on, while it was measured: what is known of its power to the millijoule."""

from typing import Any

import polars as pl

from pipeline import trace
from tests.streams import MS

GPU = {"name": "NVIDIA H100 80GB HBM3", "power_limit_mw": 700_000, "sm_clock_max_mhz": 1980}
FACTS = {"gpus": [GPU], "sampling": {"rate_hz": 10.0, "sampler_cpu_share": 0.01, "missing": {}}}
TICKS = 60  # ten a second: from the anchor to after the last answer
POWER_CAP = 0x4


def gpu(run_id: str, at_once: int, number: int) -> pl.DataFrame:
    """A GPU that draws more the more it has to do.

    In the third round it is held back for a while at its limit; in the second round of four streams it is reset.
    """
    watt = min(200 + 30 * at_once, 690)
    is_capped, is_reset = at_once >= 16 and number == 3, at_once == 4 and number == 2
    rows = [
        {
            **dict.fromkeys(trace.HARDWARE), "run_id": run_id, "device": "gpu0", "at_ns": tick * 100 * MS,
            "read_ns": MS, "power_mw": watt * 1000, "gpu_utilisation_pct": min(30 + 4 * at_once, 100),
            "energy_uj": (tick if is_reset and tick >= 16 else 50_000 + tick) * watt * 100_000,
            "sm_clock_mhz": 1980, "temperature_c": 55,
            "throttle_reasons": POWER_CAP if is_capped and 14 <= tick < 18 else 0,
        }
        for tick in range(TICKS)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=trace.HARDWARE)


def facts(kind: str) -> dict[str, Any] | None:
    """What a manifest says of the machine; nobody knows it of a hosted target."""
    return FACTS if kind == "local" else None
