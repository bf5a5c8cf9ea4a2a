"""NVIDIA GPUs through NVML, with a library of our own at the ctypes boundary."""

import pytest

from pipeline.collect.hardware import nvml
from tests.collect.hardware.fake_nvml import GPU_IS_LOST, NOT_SUPPORTED, FakeGpu, FakeNvml

pynvml = pytest.importorskip("pynvml")


@pytest.fixture
def library(monkeypatch):
    """Put a library with these GPUs in the place of the driver's."""

    def put(*gpus: FakeGpu) -> FakeNvml:
        fake = FakeNvml(*gpus)
        monkeypatch.setattr(pynvml, "nvmlLib", fake)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return fake

    nvml._opened.cache_clear()
    yield put
    nvml._opened.cache_clear()


def test_every_counter_is_read_in_its_unit(library):
    library(FakeGpu())
    ((gpu,), reason) = nvml.sources()
    row = gpu.read()
    assert reason is None
    assert (row.device, row.power_mw, row.energy_uj) == ("gpu0", 69_350, 5_000_000_000)
    assert (row.gpu_utilisation_pct, row.memory_utilisation_pct) == (98, 61)
    assert (row.memory_used_bytes, row.temperature_c) == (119_034_740_736, 54)
    assert (row.sm_clock_mhz, row.memory_clock_mhz, row.throttle_reasons) == (1980, 3201, 4)
    assert row.error is None


def test_a_counter_that_the_gpu_lacks_is_null_and_no_error(library):
    library(FakeGpu(energy_mj=[-NOT_SUPPORTED]))
    row = nvml.sources()[0][0].read()
    assert (row.energy_uj, row.power_mw, row.error) == (None, 69_350, None)


def test_a_function_that_the_driver_lacks_is_null_and_told(library, monkeypatch):
    fake = library(FakeGpu())
    monkeypatch.delitem(type(fake).__getattr__.__globals__["_FUNCTIONS"], "nvmlDeviceGetTemperature")
    row = nvml.sources()[0][0].read()
    assert (row.temperature_c, row.power_mw) == (None, 69_350)
    assert "temperature_c" in row.error


def test_a_gpu_that_is_lost_in_the_middle_is_told_and_the_other_goes_on(library):
    library(FakeGpu(power_mw=[400_000, -GPU_IS_LOST], energy_mj=[7_000, -GPU_IS_LOST]), FakeGpu())
    lost, other = nvml.sources()[0]
    assert lost.read().energy_uj == 7_000_000
    gone = lost.read()
    assert (gone.power_mw, gone.energy_uj) == (None, None)
    assert "energy_uj" in gone.error
    assert (other.read().device, other.read().error) == ("gpu1", None)


def test_a_counter_that_starts_again_is_recorded_as_it_was_read(library):
    library(FakeGpu(energy_mj=[9_000_000, 12]))
    gpu = nvml.sources()[0][0]
    assert [gpu.read().energy_uj for _ in range(2)] == [9_000_000_000, 12_000]


def test_the_manifest_says_what_the_gpus_are(library):
    library(FakeGpu(), FakeGpu())
    facts = nvml.facts()
    assert (facts["driver"], facts["cuda"], facts["gpus_missing"]) == ("580.159.04", "13.0", None)
    assert [gpu["name"] for gpu in facts["gpus"]] == ["NVIDIA H200"] * 2
    assert facts["gpus"][0]["power_limit_mw"] == 700_000
    assert facts["gpus"][0]["has_mig"] is False
    assert facts["gpus"][0]["vbios"] is None
    assert facts["topology"] == [["self", "SYS"], ["SYS", "self"]]


def test_a_driver_that_does_not_open_is_a_reason(library):
    library().init_status = 9
    found, reason = nvml.sources()
    assert found == []
    assert reason.startswith("NVML: ")
    assert nvml.facts() == {"gpus": None, "gpus_missing": reason}


def test_a_machine_without_gpus_says_so(library):
    library()
    assert nvml.sources() == ([], "NVML finds no GPU")


def test_without_the_binding_the_reason_names_the_cure(monkeypatch):
    nvml._opened.cache_clear()
    monkeypatch.setattr(nvml, "pynvml", None)
    found, reason = nvml.sources()
    nvml._opened.cache_clear()
    assert (found, reason) == ([], "nvidia-ml-py is not installed; run `pip install nvidia-ml-py`")
