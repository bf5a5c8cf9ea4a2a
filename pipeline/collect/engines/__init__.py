"""Local engines: serving software that the pipeline starts, measures and stops by itself.

One module here is one engine, and its name is the engine's name (`openvino-genai` is
`openvino_genai.py`); it holds `ENGINE`, an `Engine`. Names with an underscore in front are not engines.
What is measured is not known here: an engine offers a base URL and facts, nothing else.
"""

import asyncio
import importlib
import itertools
import pkgutil
import re
import shlex
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pipeline.collect.engines import _child, _http, _port
from pipeline.collect.engines._contract import (
    Command,
    Engine,
    EngineError,
    EngineFacts,
    Fact,
    Options,
    OptionsT,
    parse_options,
)

__all__ = [
    "Command",
    "Engine",
    "EngineError",
    "EngineFacts",
    "Options",
    "RunningEngine",
    "find",
    "is_simulated",
    "names",
    "running",
]

_SECRET = re.compile(r"^-.*(key|token|secret|password)$")


@dataclass(frozen=True)
class RunningEngine:
    """An engine that is ready: where it is, and what it is. `metrics_url` is for Prometheus, where it has one.

    `restart_each_round`: see `Options`.
    """

    base_url: str
    metrics_url: str | None
    facts: EngineFacts
    keeps_connections: bool
    restart_each_round: bool
    _process: _child.Child | None

    def ended(self) -> str | None:
        """Say how the engine ended on its own, with its last log lines; None while it runs, and if not ours."""
        return _child.ended(self._process) if self._process else None


def names() -> list[str]:
    """List the engines there are, by their files."""
    found = (module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))


def find(name: str) -> Engine[Any]:
    """Look an engine up by its name."""
    if name not in names():
        raise EngineError(
            f"engine {name!r} is not known. Cure: use one of {', '.join(names())}, "
            f"or add {name.replace('-', '_')}.py to {Path(__file__).parent}."
        )
    engine: Engine[Any] = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").ENGINE
    return engine


def is_simulated(name: str) -> bool:
    """Whether an engine only pretends; one that is not known says so when it is to be started."""
    return name in names() and find(name).is_simulated


@asynccontextmanager
async def running(
    name: str, options: Mapping[str, object], log_path: Path, withheld: Collection[str] = ()
) -> AsyncIterator[RunningEngine]:
    """Start an engine, hand it over when it is ready, and stop it whatever happens in the body.

    It gets our environment without the variables that are `withheld`: an engine writes what it likes into its log.
    An engine that runs already (`attach`) is handed over as it is, and left running.
    """
    engine = find(name)
    parsed = parse_options(engine, options)
    if parsed.attach is not None:
        yield await _attached(engine, parsed, parsed.attach.rstrip("/"))
        return
    port = _port.claim_port(name, parsed.port)
    command = await asyncio.to_thread(engine.command, parsed, port)
    child = _child.start(name, command, port, parsed.stop_timeout_s, log_path, withheld=withheld)
    try:
        await _child.wait_until_ready(child, engine.ready_path, parsed.start_timeout_s)
        yield await asyncio.to_thread(_introduce, engine, parsed, child.root, child)
    finally:
        await asyncio.to_thread(_child.stop, child)


async def _attached(engine: Engine[OptionsT], options: OptionsT, root: str) -> RunningEngine:
    if not await asyncio.to_thread(_http.is_ready, root, engine.ready_path):
        raise EngineError(
            f"engine {engine.name}: nothing at {root}{engine.ready_path} answers 200. Cure: start the engine "
            "there, correct `attach`, or remove it to have the engine started."
        )
    return await asyncio.to_thread(_introduce, engine, options, root, None)


def _introduce(
    engine: Engine[OptionsT], options: OptionsT, root: str, process: _child.Child | None
) -> RunningEngine:
    """Let a ready engine answer once where it builds things at its first request, and say what it is."""
    if engine.first_request is not None:
        engine.first_request(options, root)
    metrics_url = None if engine.metrics_path is None else root + engine.metrics_path
    facts = _with_start(engine.facts(options, root), process)
    return RunningEngine(
        f"{root}/v1", metrics_url, facts, engine.keeps_connections, options.restart_each_round, process
    )


def _with_start(facts: EngineFacts, process: _child.Child | None) -> EngineFacts:
    """Add how the engine was started, or that it was not by us."""
    how: dict[str, Fact] = (
        {"attached": True} if process is None else {"command": shlex.join(_masked(process.words))}
    )
    return msgspec.structs.replace(facts, details={**facts.details, **how})


def _masked(words: list[str]) -> list[str]:
    """Leave out the word after a flag that asks for a secret: commands are recorded, keys are not."""
    return words[:1] + ["…" if _SECRET.search(flag) else word for flag, word in itertools.pairwise(words)]
