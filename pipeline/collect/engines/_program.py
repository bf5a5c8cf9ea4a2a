"""Engines that are programs of their own, found on PATH or by their path."""

import shutil

from pipeline.collect.engines._contract import EngineError


def installed(engine: str, program: str, install: str) -> str:
    """Where the program lies."""
    if found := shutil.which(program):
        return found
    raise EngineError(
        f"engine {engine}: there is no program {program}. Cure: {install}, or write its path into `program`."
    )
