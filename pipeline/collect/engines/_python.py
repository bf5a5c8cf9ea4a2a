"""Engines that are Python packages: in which Python they are, and in which versions."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from pipeline.collect.engines._contract import EngineError

LOOK_TIMEOUT_S = 60.0
_LOOK = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found[name] = None
print(json.dumps(found))
"""


def interpreter(python: str | None) -> str:
    """The Python to run: ours, one on PATH by its name, or one by its path, wherever the engine will stand."""
    if python is None:
        return sys.executable
    return str(Path(python).expanduser().absolute()) if os.sep in python else python


def versions(engine: str, python: str | None, packages: list[str]) -> dict[str, str | None]:
    """The installed version of each package; None for one that is missing."""
    program = interpreter(python)
    try:
        said = subprocess.run(
            [program, "-c", _LOOK, *packages],
            capture_output=True,
            check=True,
            timeout=LOOK_TIMEOUT_S,
            cwd=os.sep,  # else packages in the current folder would be found
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(
            f"engine {engine}: the Python {program} cannot be run ({error}). Cure: write the path of the "
            "Python that has the engine into `python`."
        ) from error
    return msgspec.json.decode(said, type=dict[str, str | None])


def installed(engine: str, python: str | None, packages: list[str], install: str) -> dict[str, str]:
    """The versions of packages that must be there; the first names the engine's own."""
    found = versions(engine, python, packages)
    missing = [name for name, version in found.items() if version is None]
    if missing:
        program = interpreter(python)
        raise EngineError(
            f"engine {engine}: {', '.join(missing)} not installed for {program}. Cure: run "
            f"`{program} -m pip install {install}`, or write the path of the Python that has it into `python`."
        )
    return {name: version for name, version in found.items() if version is not None}
