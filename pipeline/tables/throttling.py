"""Why a GPU's clocks are below what they could be: NVML's bits, by name. Not a table itself."""

REASONS = {
    0x001: "idle",
    0x002: "clocks_set_by_user",
    0x004: "power_cap",
    0x008: "hardware_slowdown",
    0x010: "sync_boost",
    0x020: "software_thermal",
    0x040: "hardware_thermal",
    0x080: "power_brake",
    0x100: "display_clock",
    0x200: "board_limit",
    0x400: "reliability",
}
"""NVML's nvmlClocksEventReasons and the older nvmlClocksThrottleReasons, which share their bits."""

AS_SET = 0x001 | 0x002 | 0x100
"""Idle, or as somebody set the clocks: not throttled."""


def names(bits: int) -> list[str]:
    """The reasons that are set, in NVML's order; a bit that has no name here by its value."""
    values = [1 << place for place in range(bits.bit_length()) if bits >> place & 1]
    return [REASONS.get(value, f"unknown_{value:#x}") for value in values]


def is_throttled(bits: int) -> bool:
    """Whether the clocks are below what was asked of the GPU."""
    return bool(bits & ~AS_SET)
