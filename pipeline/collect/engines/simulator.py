"""A hosted provider, simulated: the truth server in the provider's wire format. No model, no network, no money.

What is measured on it says nothing of any provider: its provenance is `simulated`, whatever the plan says.
"""

import os
import sys
from typing import cast

import msgspec

from pipeline.collect.engines import _child, _http
from pipeline.collect.engines._contract import Command, Engine, EngineError, EngineFacts, Options
from pipeline.collect.truth import providers
from pipeline.collect.truth.simulation import Simulation

NAME = "simulator"

SimulatorOptions = cast(
    type[Options],
    msgspec.defstruct(
        "SimulatorOptions",
        [(one.name, one.type, one.default) for one in msgspec.structs.fields(Simulation)],
        bases=(Options,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    ),
)
"""The options of every engine, and what there is to simulate."""


def command(options: Options, port: int) -> Command:
    """Look the provider up now, so that an unknown one is told before anything starts."""
    this = simulation(options)
    try:
        providers.find(this.speaks)
    except providers.UnknownProviderError as error:
        raise EngineError(f"engine {NAME}: {error}") from error
    said = msgspec.json.encode(this).decode()
    words = [sys.executable, "-m", "pipeline.collect.truth", "--port", str(port), "--simulate", said]
    return Command(words, environment={"PYTHONPATH": _python_path()}, ends_with_stdin=True)


def simulation(options: Options) -> Simulation:
    """What the options say beside those of every engine."""
    return msgspec.convert(options, Simulation, from_attributes=True)


def _python_path() -> str:
    """Put this very package first, wherever the parent stands: the server is part of it."""
    return os.pathsep.join([str(_child.IMPORT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def facts(_options: Options, root: str) -> EngineFacts:
    """Ask the server itself."""
    return msgspec.convert(_http.get_json(NAME, root, "/facts"), EngineFacts)


ENGINE = Engine(name=NAME, options=SimulatorOptions, command=command, facts=facts, is_simulated=True)
