"""Engines that are programs of their own, found on PATH or by their path."""

import os
import shutil
from pathlib import Path

from pipeline.collect.engines._contract import EngineError


def installed(engine: str, program: str, install: str) -> str:
    """Where the program lies, wherever the engine will stand."""
    if found := shutil.which(Path(program).expanduser() if os.sep in program else program):
        return str(Path(found).absolute())
    raise EngineError(
        f"engine {engine}: there is no program {program}. Cure: {install}, or write its path into `program`."
    )
