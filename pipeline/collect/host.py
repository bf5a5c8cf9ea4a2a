"""Facts of the machine and the code that recorded a run."""

import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from pipeline import __version__

RECORDER, HERE = "TOKENCLOCK_RECORDER", "here"
COMMIT = Path(__file__).resolve().parents[1] / "_commit"
"""Code that was sent to another machine has no checkout around it; the commit it is of was sent along."""


@cache
def facts() -> dict[str, Any]:
    """Processor, memory, system and Python; nothing that names a person or a network."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cpu_count": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "python": platform.python_version(),
        "recorder": recorder(),
    }


def recorder() -> str:
    """The name by which this machine's recordings go: as its host in the plan, or of a bundle; `here` at home."""
    return os.environ.get(RECORDER) or HERE


def set_recorder(name: str) -> None:
    """Name the recordings of this process, and of all that it starts."""
    os.environ[RECORDER] = name


def _cpu() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def code_version() -> str:
    """The version of tokenclock."""
    return __version__


@cache
def code_commit() -> str | None:
    """The commit of the checkout, with `+` where files were changed; None where it is not known."""
    if COMMIT.exists():
        return COMMIT.read_text().strip() or None
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - the git on PATH is the one that made the checkout
            cwd=here, capture_output=True, text=True, check=True, timeout=10,
        ).stdout.strip()  # fmt: skip
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],  # noqa: S607 - as above
            cwd=here, capture_output=True, text=True, check=True, timeout=10,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")
