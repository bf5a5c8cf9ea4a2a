"""A stand-in for libnvidia-ml.so.1 at the ctypes boundary: it fills what the caller's pointers point to.

It replays samples in the shape in which a real GPU gave them; a sample may also be a fault.
"""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field

OK, NOT_SUPPORTED, NOT_FOUND, GPU_IS_LOST = 0, 3, 6, 15


@dataclass
class FakeGpu:
    """One GPU: what each counter reads, one value a reading; the last one stays. A value below 0 is −error."""

    power_mw: list[int] = field(default_factory=lambda: [69_350, 412_802, 688_113])
    energy_mj: list[int] = field(default_factory=lambda: [5_000_000, 5_041_280, 5_110_091])
    utilisation: tuple[int, int] = (98, 61)
    memory_used: int = 119_034_740_736
    memory_total: int = 150_754_820_096
    sm_clock_mhz: int = 1980
    memory_clock_mhz: int = 3201
    temperature_c: int = 54
    throttle_reasons: int = 0x4

    def next(self, values: list[int]) -> int:
        return values.pop(0) if len(values) > 1 else values[0]


class FakeNvml:
    """The library: its functions, by name. What is not here it does not have."""

    def __init__(self, *gpus: FakeGpu) -> None:
        self.gpus = gpus
        self.init_status = OK

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("nvml"):
            raise AttributeError(name)
        function = _FUNCTIONS.get(name)
        if function is None:
            raise AttributeError(name)
        return lambda *given: function(self, *given)

    def gpu(self, handle: ctypes.c_void_p) -> FakeGpu:
        address = ctypes.cast(handle, ctypes.c_void_p).value
        assert address is not None
        return self.gpus[address - 1]


def put(pointer, value: int) -> int:
    """Fill a number, or return the error that it stands for."""
    if value < 0:
        return -value
    pointer._obj.value = value
    return OK


def handle(_nvml: FakeNvml, number, pointer) -> int:
    ctypes.cast(pointer, ctypes.POINTER(ctypes.c_void_p))[0] = int(getattr(number, "value", number)) + 1
    return OK


def text(said: str) -> Callable[..., int]:
    def fill(_nvml: FakeNvml, *given) -> int:
        buffer = next(one for one in given if isinstance(one, ctypes.Array))
        buffer.value = said.encode()
        return OK

    return fill


def utilisation(nvml: FakeNvml, device, pointer) -> int:
    pointer._obj.gpu, pointer._obj.memory = nvml.gpu(device).utilisation
    return OK


def memory(nvml: FakeNvml, device, pointer) -> int:
    gpu = nvml.gpu(device)
    pointer._obj.total, pointer._obj.used = gpu.memory_total, gpu.memory_used
    return OK


def clock(nvml: FakeNvml, device, kind, pointer) -> int:
    gpu = nvml.gpu(device)
    return put(pointer, gpu.sm_clock_mhz if kind.value == 1 else gpu.memory_clock_mhz)


def two(first: int, second: int) -> Callable[..., int]:
    def fill(_nvml: FakeNvml, _device, one, other) -> int:
        return put(one, first) or put(other, second)

    return fill


def number(value: int) -> Callable[..., int]:
    return lambda _nvml, *given: put(given[-1], value)


_FUNCTIONS: dict[str, Callable[..., int]] = {
    "nvmlInitWithFlags": lambda nvml, _flags: nvml.init_status,
    "nvmlErrorString": lambda _nvml, code: f"error {code}".encode(),
    "nvmlDeviceGetCount_v2": lambda nvml, pointer: put(pointer, len(nvml.gpus)),
    "nvmlDeviceGetHandleByIndex_v2": handle,
    "nvmlDeviceGetPowerUsage": lambda nvml, gpu, p: put(p, nvml.gpu(gpu).next(nvml.gpu(gpu).power_mw)),
    "nvmlDeviceGetTotalEnergyConsumption": lambda nvml, gpu, p: put(p, nvml.gpu(gpu).next(nvml.gpu(gpu).energy_mj)),
    "nvmlDeviceGetUtilizationRates": utilisation,
    "nvmlDeviceGetMemoryInfo": memory,
    "nvmlDeviceGetClockInfo": clock,
    "nvmlDeviceGetTemperature": lambda nvml, gpu, _sensor, p: put(p, nvml.gpu(gpu).temperature_c),
    "nvmlDeviceGetCurrentClocksThrottleReasons": lambda nvml, gpu, p: put(p, nvml.gpu(gpu).throttle_reasons),
    "nvmlDeviceGetName": text("NVIDIA H200"),
    "nvmlSystemGetDriverVersion": text("580.159.04"),
    "nvmlSystemGetCudaDriverVersion_v2": number(13_000),
    "nvmlSystemGetCudaDriverVersion": number(13_000),
    "nvmlDeviceGetEnforcedPowerLimit": number(700_000),
    "nvmlDeviceGetMigMode": two(0, 0),
    "nvmlDeviceGetTopologyCommonAncestor": number(50),
}
