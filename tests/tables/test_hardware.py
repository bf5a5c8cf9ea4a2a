"""Energy inside the window: by the counter, else by power, else null with the reason."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from pipeline import trace
from pipeline.tables import energy, throttling
from tests import streams
from tests.tables import nights

MS = streams.MS
S = 1_000 * MS
WATT = 300.0
GPU = {"name": "NVIDIA H100 80GB HBM3", "power_limit_mw": 700_000, "sm_clock_max_mhz": 1980}


def samples(device="gpu0", ticks=range(60), **columns):
    """Ten readings a second of a device that draws 300 W."""
    rows = []
    for tick in ticks:
        known = {
            "run_id": "run", "device": device, "at_ns": tick * 100 * MS, "read_ns": 2 * MS,
            "power_mw": round(WATT * 1000), "energy_uj": 5_000_000_000 + tick * round(WATT * 1e5),
            "throttle_reasons": 0, "sm_clock_mhz": 1980,
        }  # fmt: skip
        known |= {name: value(tick) if callable(value) else value for name, value in columns.items()}
        rows.append({**dict.fromkeys(trace.HARDWARE), **known})
    return pl.DataFrame(rows, schema=trace.HARDWARE)


def built(*frames, engine=None, hardware=None, kind="local"):
    """Tables of one run of two golden streams, sent at 1 s and at 3 s, while this was sampled."""
    facts = {"gpus": [GPU], "sampling": {"rate_hz": 10.0, "sampler_cpu_share": 0.03, "missing": {}}}
    night = nights.night_of(None, streams.GOLDEN, streams.GOLDEN)
    run = streams.manifest(
        target=streams.target(kind=kind), requests_planned=2, engine=engine, hardware=hardware or facts
    )
    seen = pl.concat([trace.HARDWARE.to_frame(), *frames])
    return nights.build(replace(night, samples=seen, manifests=[run]))


def of_run(*frames, **more):
    made = built(*frames, **more)
    [run] = made["throughput"].to_dicts()
    return made["hardware"].to_dicts(), run


def test_energy_by_the_counter_is_what_it_rose_by_inside_the_window():
    [gpu], run = of_run(samples())
    assert (gpu["energy_source"], gpu["reason"]) == ("counter", None)
    assert gpu["energy_j"] == pytest.approx(WATT * run["window_s"])
    assert run["energy_j"] == gpu["energy_j"]
    assert run["joules_per_token"] == pytest.approx(WATT / run["output_throughput_tok_s"])
    assert (gpu["device_title"], gpu["power_limit_w"], gpu["power_mean_w"]) == (GPU["name"], 700.0, WATT)
    assert gpu["rate_hz"] == pytest.approx(10.0)
    assert gpu["samples"] == 60
    assert gpu["covered_share"] == pytest.approx(1.0)
    assert gpu["read_ms"] == pytest.approx(2.0)


def test_energy_reaches_the_summary_by_itself():
    [row] = [row for row in built(samples())["summary"].to_dicts() if row["metric"] == "joules_per_token"]
    assert (row["unit"], row["n"]) == ("J", 1)


def test_without_a_counter_power_is_integrated():
    [gpu], run = of_run(samples(energy_uj=None))
    assert gpu["energy_source"] == "integrated"
    assert gpu["energy_j"] == pytest.approx(WATT * run["window_s"])


def test_of_several_gpus_the_energy_is_the_sum_and_the_processor_is_left_out():
    rows, run = of_run(samples(), samples("gpu1"), samples("package-0", power_mw=None))
    assert [(row["device"], row["is_counted"]) for row in rows] == [
        ("gpu0", True), ("gpu1", True), ("package-0", False),
    ]  # fmt: skip
    assert run["energy_j"] == pytest.approx(2 * WATT * run["window_s"])


@pytest.mark.parametrize("engine", [None, {"device": "CPU"}])
def test_without_a_gpu_or_for_an_engine_on_the_processor_packages_and_memory_count(engine):
    cpu = [samples(name, power_mw=None) for name in ("package-0", "package-0/core", "package-0/dram", "psys")]
    rows, run = of_run(*cpu, *([samples()] if engine else []), engine=engine)
    assert {row["device"] for row in rows if row["is_counted"]} == {"package-0", "package-0/dram"}
    assert run["energy_j"] == pytest.approx(2 * WATT * run["window_s"])


def test_a_counter_that_starts_again_gives_no_energy_but_a_reason():
    def reset(tick):
        return 5_000_000_000 + tick * 30_000_000 if tick < 25 else tick * 30_000_000

    [gpu], run = of_run(samples(energy_uj=reset))
    assert (gpu["energy_j"], gpu["energy_source"]) == (None, None)
    assert gpu["reason"].startswith("the energy counter fell from 5720 to 750 J at 2.5 s: the device was reset")
    assert run["joules_per_token"] is None
    assert run["energy_reason"].startswith("gpu0: the energy counter fell")


def test_a_counter_that_wraps_where_it_is_known_to_goes_on():
    wraps_at = 5_500_000_000
    wrapped = samples("package-0", energy_uj=lambda tick: (5_000_000_000 + tick * 30_000_000) % wraps_at)
    facts = {"sampling": {"rate_hz": 10.0}, "rapl": {"package-0": wraps_at}}
    [package], run = of_run(wrapped, hardware=facts)
    assert package["energy_j"] == pytest.approx(WATT * run["window_s"])


def test_a_reset_before_the_window_does_not_matter():
    [gpu], run = of_run(samples(energy_uj=lambda tick: 9_000_000_000 if tick < 5 else tick * 30_000_000))
    assert gpu["energy_j"] == pytest.approx(WATT * run["window_s"])


def test_a_gpu_that_was_lost_says_when_and_what_it_said():
    lost = samples(ticks=range(20, 60), power_mw=None, energy_uj=None, error="energy_uj: GPU is lost")
    [gpu], run = of_run(samples(ticks=range(20)), lost)
    assert gpu["energy_j"] is None
    assert gpu["reason"] == ("the energy counter was read from 0.0 to 1.9 s, and the window lies from 1.0 to 4.0 s")
    assert (gpu["errors"], gpu["error"]) == (40, "energy_uj: GPU is lost")
    assert gpu["covered_share"] < 0.5
    assert run["energy_j"] is None


def test_a_hole_in_the_power_is_not_bridged():
    ticks = [tick for tick in range(60) if not 15 < tick < 35]
    [gpu], _ = of_run(samples(ticks=ticks, energy_uj=None))
    assert gpu["reason"] == "power was not read for 2.0 s of the window, and there is no energy counter"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": "hosted"}, "the target does not run on a machine of ours"),
        ({"hardware": {"sampling": {"missing": {"nvml": "NVML: no", "rapl": "no RAPL"}}}}, "NVML: no; no RAPL"),
        ({"hardware": {"gpus": None}}, "power was not sampled"),
    ],
)
def test_a_run_of_which_nothing_was_sampled_says_why(more, said):
    [row], run = of_run(**more)
    assert (row["device"], row["is_counted"], row["reason"]) == (None, True, said)
    assert run["joules_per_token"] is None
    assert run["energy_reason"] == f"no device: {said}"


def test_throttling_is_named_and_measured_and_idle_is_none():
    bits = {20: 0x1, 21: 0x4, 22: 0x24, 23: 0x1000}
    [gpu], _ = of_run(samples(throttle_reasons=lambda tick: bits.get(tick, 0)))
    assert gpu["throttle_reasons"] == "idle, power_cap, software_thermal, unknown_0x1000"
    assert gpu["throttled_share"] == pytest.approx(3 / gpu["samples_in_window"])


def test_every_reason_of_nvml_has_a_name_of_its_own():
    pynvml = pytest.importorskip("pynvml")
    known = {
        value
        for name, value in vars(pynvml).items()
        if name.startswith(("nvmlClocksThrottleReason", "nvmlClocksEventReason"))
        and not name.endswith(("All", "None"))
    }
    assert known == set(throttling.REASONS)


def test_changing_power_is_integrated_by_trapezoids():
    at = np.array([0.0, 1.0, 2.0]) * 1e9
    found = energy.by_power(at, np.array([0.0, 1e6, 1e6]), (0.0, 2e9))
    assert found.joules == pytest.approx(1500)
