"""The most memory that this process ever held."""

from pathlib import Path


def peak_gib() -> float:
    """From the system's own account: `ru_maxrss` also counts what a parent held when it started this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return kib / 2**20
