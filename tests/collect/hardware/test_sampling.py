"""Sampling: what is written, at which rate, at which cost, and what is said where nothing can be."""

import threading
import time

import msgspec
import polars as pl
import pytest

from pipeline import trace
from pipeline.collect import hardware
from pipeline.collect.hardware import Row, machine, rapl
from tests.collect.engines.process_watch import wait_until


class Counter:
    """A source that counts its readings."""

    def __init__(self, device: str = "gpu0", slow_s: float = 0.0) -> None:
        self.device, self.slow_s, self.readings = device, slow_s, 0

    def read(self) -> Row:
        time.sleep(self.slow_s)
        self.readings += 1
        return Row(device=self.device, energy_uj=self.readings)


def rows(path) -> list[Row]:
    return [msgspec.json.decode(line, type=Row) for line in path.read_bytes().splitlines()]


def sample(path, *sources, rate_hz: float = 200.0, ticks: int = 5) -> hardware.Sampling:
    with hardware.running(list(sources), path, rate_hz, time.monotonic_ns(), {}) as one:
        wait_until(lambda: one.ticks >= ticks)
    return one


def test_every_tick_reads_every_source_once(tmp_path):
    one = sample(tmp_path / "s", Counter("gpu0"), Counter("gpu1"))
    found = rows(tmp_path / "s")
    assert len(found) == 2 * one.ticks
    assert [row.device for row in found[:4]] == ["gpu0", "gpu1", "gpu0", "gpu1"]
    stamps = [row.at_ns for row in found]
    assert stamps == sorted(stamps)
    assert stamps[0] >= 0
    assert all(row.read_ns >= 0 for row in found)


def test_the_first_and_the_last_reading_span_the_body(tmp_path):
    anchor_ns = time.monotonic_ns()
    with hardware.running([Counter()], tmp_path / "s", 0.01, anchor_ns, {}) as one:
        wait_until(lambda: one.ticks == 1)
        end_ns = time.monotonic_ns() - anchor_ns
    first, last = rows(tmp_path / "s")
    assert first.at_ns < end_ns < last.at_ns


def test_readings_that_take_longer_than_a_tick_are_counted_as_missed_ticks(tmp_path):
    one = sample(tmp_path / "s", Counter(slow_s=0.03), rate_hz=100.0)
    assert one.ticks_missed >= 2 * (one.ticks - 2)


def test_the_cost_of_sampling_is_measured(tmp_path):
    facts = sample(tmp_path / "s", Counter()).facts()
    assert 0 < facts["sampler_cpu_share"] <= 1
    assert (facts["rate_hz"], facts["sources"], facts["error"]) == (200.0, 1, None)


def test_the_thread_is_gone_when_the_body_raises(tmp_path):
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), hardware.running([Counter()], tmp_path / "s", 10.0, 0, {}):
        fail()
    assert "hardware" not in [thread.name for thread in threading.enumerate()]


def test_a_disk_that_takes_nothing_ends_the_sampling_and_not_the_measurement(tmp_path):
    with hardware.running([Counter()], tmp_path / "none" / "s", 10.0, 0, {}) as one:
        wait_until(lambda: one.error is not None)
    assert "none" in one.facts()["error"]


def test_where_nothing_can_be_read_no_file_is_written_and_the_reasons_are_given(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware.nvml, "sources", lambda: ([], "no driver"))
    monkeypatch.setattr(hardware.rapl, "sources", lambda: ([], "no counters"))
    with hardware.sampling(tmp_path / "s", 10.0, 0) as one:
        pass
    assert not (tmp_path / "s").exists()
    facts = one.facts()
    assert facts["missing"] == {"nvml": "no driver", "rapl": "no counters"}
    assert facts["sampler_cpu_share"] is None


def test_this_machine_can_be_sampled_or_says_why_not(tmp_path):
    with hardware.sampling(tmp_path / "s", 50.0, time.monotonic_ns()) as one:
        pass
    assert (tmp_path / "s").exists() == bool(one.sources)
    assert one.sources or set(one.reasons) == {"nvml", "rapl"}


def test_rows_have_the_columns_of_the_trace():
    assert Row.__struct_fields__ == tuple(name for name in trace.HARDWARE.names() if name != "run_id")


def zone(root, name: str, told: str, energy: str | None) -> None:
    (root / name).mkdir(parents=True)
    (root / name / "name").write_text(told + "\n")
    if energy is not None:
        (root / name / "energy_uj").write_text(energy + "\n")


def test_rapl_zones_are_named_as_the_kernel_names_them(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", "123456")
    zone(tmp_path, "intel-rapl:0:0", "dram", "77")
    zones, reason = rapl.sources(tmp_path)
    assert [one.read() for one in zones] == [
        Row(device="package-0", energy_uj=123_456),
        Row(device="package-0/dram", energy_uj=77),
    ]
    assert reason is None


def test_rapl_that_cannot_be_read_is_a_reason_with_the_cure(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", None)
    found, reason = rapl.sources(tmp_path)
    assert found == []
    assert reason.startswith("RAPL counters cannot be read: ")
    assert reason.endswith("run as root")
    assert "a virtual machine" in (rapl.sources(tmp_path / "none")[1] or "")


def test_the_machine_tells_governor_and_memory_nodes_or_null(tmp_path):
    assert machine.facts(tmp_path)["cpu_governor"] is None
    (tmp_path / "cpu/cpu0/cpufreq").mkdir(parents=True)
    (tmp_path / "cpu/cpu0/cpufreq/scaling_governor").write_text("performance\n")
    (tmp_path / "cpu/cpu0/cpufreq/cpuinfo_max_freq").write_text("3700000\n")
    (tmp_path / "node/node0").mkdir(parents=True)
    (tmp_path / "node/node0/cpulist").write_text("0-15\n")
    facts = machine.facts(tmp_path)
    assert (facts["cpu_governor"], facts["cpu_max_khz"]) == ("performance", 3_700_000)
    assert facts["numa_nodes"] == {"node0": "0-15"}


def test_samples_are_sealed_with_the_run_and_read_back(tmp_path):
    sample(tmp_path / trace.SAMPLES, Counter())
    with (tmp_path / trace.SAMPLES).open("ab") as file:
        file.write(b'{"device": "cut by a cra')
    written = rows_before_the_cut(tmp_path / trace.SAMPLES)
    files = trace.seal_samples(tmp_path, "the-run")
    frame = pl.read_parquet(tmp_path / "hardware.parquet")
    assert files["hardware.parquet"].rows == frame.height == written
    assert frame.schema == trace.HARDWARE
    assert frame["run_id"].unique().to_list() == ["the-run"]


def rows_before_the_cut(path) -> int:
    return path.read_bytes().count(b"\n")


def test_a_run_without_samples_has_no_such_file(tmp_path):
    assert trace.seal_samples(tmp_path, "the-run") == {}
    assert list(tmp_path.iterdir()) == []


def test_where_a_rapl_counter_wraps_is_a_fact_of_the_manifest(tmp_path):
    zone(tmp_path, "intel-rapl:0", "package-0", "123456")
    zone(tmp_path, "intel-rapl:0:0", "dram", "77")
    (tmp_path / "intel-rapl:0" / "max_energy_range_uj").write_text("262143328850\n")
    assert rapl.facts(tmp_path) == {"rapl": {"package-0": 262_143_328_850, "package-0/dram": None}}
