"""NVIDIA GPUs, through NVML: what each is, and its counters.

Energy is NVML's own counter since the driver was loaded. It may start again at 0 (a reset GPU, a
reloaded driver); what is recorded is what was read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.collect.hardware._row import Row

try:
    import pynvml
except ImportError:  # not installed everywhere: then there are no figures of GPUs, and the manifest says so
    pynvml = None

_MJ_IN_UJ = 1000


@dataclass(frozen=True)
class Gpu:
    """One GPU by NVML's number, which is the order of the bus and not CUDA's."""

    number: int
    handle: Any

    def read(self) -> Row:
        """Read all counters. One that the GPU lacks is null; a GPU that is gone says so."""
        read: dict[str, int] = {}
        error = None
        for column, reading in _READINGS.items():
            try:
                read[column] = reading(self.handle)
            except pynvml.NVMLError_NotSupported:
                continue
            except pynvml.NVMLError as failure:
                error = f"{column}: {failure}"
        return Row(device=f"gpu{self.number}", **read, error=error)


# Column of a row → how it is read. MIG and virtual GPUs lack some.
_READINGS: dict[str, Callable[[Any], int]] = {
    "power_mw": lambda gpu: int(pynvml.nvmlDeviceGetPowerUsage(gpu)),
    "energy_uj": lambda gpu: int(pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu)) * _MJ_IN_UJ,
    "gpu_utilisation_pct": lambda gpu: int(pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu),
    "memory_utilisation_pct": lambda gpu: int(pynvml.nvmlDeviceGetUtilizationRates(gpu).memory),
    "memory_used_bytes": lambda gpu: int(pynvml.nvmlDeviceGetMemoryInfo(gpu).used),
    "sm_clock_mhz": lambda gpu: int(pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM)),
    "memory_clock_mhz": lambda gpu: int(pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_MEM)),
    "temperature_c": lambda gpu: int(pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU)),
    "throttle_reasons": lambda gpu: int(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu)),
}

# Fact of the manifest → NVML's function, for those that answer with the fact itself. An older library lacks some.
_PLAIN_FACTS = {
    "name": "nvmlDeviceGetName",
    "power_limit_mw": "nvmlDeviceGetEnforcedPowerLimit",
    "power_limit_default_mw": "nvmlDeviceGetPowerManagementDefaultLimit",
    "pcie_generation": "nvmlDeviceGetMaxPcieLinkGeneration",
    "pcie_width": "nvmlDeviceGetMaxPcieLinkWidth",
    "vbios": "nvmlDeviceGetVbiosVersion",
    "numa_node": "nvmlDeviceGetNumaNodeId",
}
_OTHER_FACTS: dict[str, Callable[[Any], Any]] = {
    "memory_bytes": lambda gpu: pynvml.nvmlDeviceGetMemoryInfo(gpu).total,
    "sm_clock_max_mhz": lambda gpu: pynvml.nvmlDeviceGetMaxClockInfo(gpu, pynvml.NVML_CLOCK_SM),
    "memory_clock_max_mhz": lambda gpu: pynvml.nvmlDeviceGetMaxClockInfo(gpu, pynvml.NVML_CLOCK_MEM),
    "compute_capability": lambda gpu: ".".join(map(str, pynvml.nvmlDeviceGetCudaComputeCapability(gpu))),
    "has_persistence": lambda gpu: bool(pynvml.nvmlDeviceGetPersistenceMode(gpu)),
    "has_ecc": lambda gpu: bool(pynvml.nvmlDeviceGetEccMode(gpu)[0]),
    "has_mig": lambda gpu: bool(pynvml.nvmlDeviceGetMigMode(gpu)[0]),
}

# How near two GPUs are, in nvidia-smi's words (NVML's levels of a common ancestor).
_NEAR = {0: "board", 10: "PIX", 20: "PXB", 30: "PHB", 40: "NODE", 50: "SYS"}


@cache
def _opened() -> str | None:
    """Open NVML once for this process; the reason where that cannot be."""
    if pynvml is None:
        return "nvidia-ml-py is not installed; run `pip install nvidia-ml-py`"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return f"NVML: {error}"
    return None


def sources() -> tuple[list[Gpu], str | None]:
    """All GPUs, and the reason where there are none."""
    if reason := _opened():
        return [], reason
    try:
        found = [Gpu(number, _handle(number)) for number in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        return [], f"NVML: {error}"
    return found, None if found else "NVML finds no GPU"


def _handle(number: int) -> Any:
    return pynvml.nvmlDeviceGetHandleByIndex(number)


def facts() -> dict[str, Any]:
    """Driver, CUDA and every GPU; null with the reason where there are none."""
    gpus, reason = sources()
    if reason:
        return {"gpus": None, "gpus_missing": reason}
    cuda = _told(pynvml.nvmlSystemGetCudaDriverVersion)
    return {
        "gpus": [_facts_of(gpu.handle) for gpu in gpus],
        "gpus_missing": None,
        "driver": _told(pynvml.nvmlSystemGetDriverVersion),
        "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        "topology": [[_near(one, other) for other in gpus] for one in gpus] if len(gpus) > 1 else None,
    }


def _facts_of(gpu: Any) -> dict[str, Any]:
    plain = {name: getattr(pynvml, function, None) for name, function in _PLAIN_FACTS.items()}
    asked = {name: read for name, read in plain.items() if read is not None} | _OTHER_FACTS
    return dict.fromkeys(plain) | {name: _told(read, gpu) for name, read in asked.items()}


def _near(one: Gpu, other: Gpu) -> str | None:
    """How two GPUs are joined: by how many NVLinks, else over which part of the bus."""
    if one.number == other.number:
        return "self"
    links = _nvlinks(one, other)
    level = _told(pynvml.nvmlDeviceGetTopologyCommonAncestor, one.handle, other.handle)
    return f"NV{links}" if links else _NEAR.get(level)


def _nvlinks(one: Gpu, other: Gpu) -> int:
    """Count the active links that lead to the other GPU, or to a switch, which leads to all."""
    bus = _told(pynvml.nvmlDeviceGetPciInfo, other.handle)
    count = 0
    for link in range(pynvml.NVML_NVLINK_MAX_LINKS):
        if _told(pynvml.nvmlDeviceGetNvLinkState, one.handle, link) != 1:
            continue
        far = _told(pynvml.nvmlDeviceGetNvLinkRemotePciInfo, one.handle, link)
        kind = _told(pynvml.nvmlDeviceGetNvLinkRemoteDeviceType, one.handle, link)
        is_same = bus is not None and far is not None and far.busId == bus.busId
        count += is_same or kind == pynvml.NVML_NVLINK_DEVICE_TYPE_SWITCH
    return count


def _told(ask: Callable[..., Any], *of: Any) -> Any:
    """What NVML answers; null where it has no answer."""
    try:
        return ask(*of)
    except pynvml.NVMLError:
        return None
