"""The processor's side of the machine: model, governor, memory nodes, kernel."""

import os
import platform
from pathlib import Path
from typing import Any

SYS = Path("/sys/devices/system")


def facts(sys: Path = SYS) -> dict[str, Any]:
    """What decides a processor's speed beside its name; null where the kernel does not tell."""
    return {
        "kernel": platform.release(),
        "cpu_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu_governor": _first_line(sys / "cpu/cpu0/cpufreq/scaling_governor"),
        "cpu_max_khz": _number(sys / "cpu/cpu0/cpufreq/cpuinfo_max_freq"),
        "smt": _first_line(sys / "cpu/smt/control"),
        "numa_nodes": {
            path.name: _first_line(path / "cpulist") for path in sorted((sys / "node").glob("node[0-9]*"))
        },
    }


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text().split("\n", 1)[0].strip()
    except OSError:
        return None


def _number(path: Path) -> int | None:
    line = _first_line(path)
    return int(line) if line and line.isdigit() else None
