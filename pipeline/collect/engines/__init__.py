"""Local engines: serving software that the pipeline starts, measures and stops by itself.

One module here is one engine, and its name is the engine's name (`openvino-genai` is
`openvino_genai.py`); it holds `ENGINE`, an `Engine`. Names with an underscore in front are not engines.
What is measured is not known here: an engine offers a base URL and facts, nothing else.
"""

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.collect.engines import _child
from pipeline.collect.engines._contract import Engine, EngineError, EngineFacts, Options, parse_options

__all__ = ["Engine", "EngineError", "EngineFacts", "Options", "RunningEngine", "find", "names", "running"]


@dataclass(frozen=True)
class RunningEngine:
    """An engine that is ready: where it is, and what it is."""

    base_url: str
    facts: EngineFacts
    _process: _child.Child

    def ended(self) -> str | None:
        """Say how the engine ended on its own, with its last log lines; None while it runs."""
        return _child.ended(self._process)


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


@asynccontextmanager
async def running(name: str, options: Mapping[str, object], log_path: Path) -> AsyncIterator[RunningEngine]:
    """Start an engine, hand it over when it is ready, and stop it whatever happens in the body."""
    engine = find(name)
    parsed = parse_options(engine, options)
    port = _child.claim_port(name, parsed.port)
    child = _child.start(name, engine.command(parsed, port), port, log_path)
    try:
        await _child.wait_until_ready(child, engine.ready_path, parsed.start_timeout_s)
        facts = await asyncio.to_thread(engine.facts, parsed, port)
        yield RunningEngine(base_url=f"http://{_child.HOST}:{port}/v1", facts=facts, _process=child)
    finally:
        await asyncio.to_thread(_child.stop, child)
