"""One line of samples: the counters of one device at one moment."""

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of `pipeline.trace.HARDWARE`. Null is what the device does not tell; `error` is why none came."""

    device: str
    at_ns: int = 0
    read_ns: int = 0
    power_mw: int | None = None
    energy_uj: int | None = None
    gpu_utilisation_pct: int | None = None
    memory_utilisation_pct: int | None = None
    memory_used_bytes: int | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    temperature_c: int | None = None
    throttle_reasons: int | None = None
    error: str | None = None
