"""llama.cpp's server. Options held against `common/arg.cpp` of build 11434.

It announces `Keep-Alive` and closes the connection 0.04 ms behind the last bytes of a stream all the same: a
request sent in between would be lost.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from pipeline.collect.engines import _flags, _http, _model, _program
from pipeline.collect.engines._contract import Command, Engine, EngineError, EngineFacts, Options, as_started

NAME = "llama-server"


class LlamaOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`model`: a GGUF file; a request's `model` is its name without the ending.

    `context_tokens` are shared by all `slots`, which is how many requests run at once. `threads` = None:
    llama.cpp's own choice. `arguments` are added as they stand. The prompt cache is off, so that every
    prompt is computed.
    """

    model: str
    program: str = "llama-server"
    context_tokens: Annotated[int, msgspec.Meta(ge=1)] = 8192
    slots: Annotated[int, msgspec.Meta(ge=1)] = 4
    gpu_layers: str | None = None
    threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    flash_attention: str | None = None
    tensor_split: str | None = None
    seed: int = 0
    prefix_cache: bool = False
    arguments: tuple[str, ...] = ()
    start_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0


def command(options: LlamaOptions, port: int) -> Command:
    """Look for the program and the model now, so that what is missing is told before anything starts."""
    program = _program.installed(NAME, options.program, "install llama.cpp")
    return Command([program, *flags(options, port), *options.arguments])


def flags(options: LlamaOptions, port: int) -> list[str]:
    """The command line."""
    return _flags.words({
        "--model": str(_file(options)),
        "--alias": _file(options).stem,
        "--host": "127.0.0.1",
        "--port": port,
        "--ctx-size": options.context_tokens,
        "--parallel": options.slots,
        "--gpu-layers": options.gpu_layers,
        "--threads": options.threads,
        "--flash-attn": options.flash_attention,
        "--tensor-split": options.tensor_split,
        "--seed": options.seed,
        "--no-cache-prompt": not options.prefix_cache,
        "--cache-ram": None if options.prefix_cache else 0,
        "--metrics": True,
        "--no-webui": True,
        "--offline": True,
    })  # fmt: skip


def _file(options: LlamaOptions) -> Path:
    path = _model.local(NAME, options.model)
    if path is None:
        raise EngineError(
            f"engine {NAME}: no file {options.model}. Cure: write the path of a GGUF file into `model`."
        )
    return path


def facts(options: LlamaOptions, root: str) -> EngineFacts:
    """Ask the server for its build and its context."""
    told = _http.get_json(NAME, root, "/props")
    started = as_started(
        options,
        context_tokens=options.context_tokens,
        gpu_layers=options.gpu_layers,
        flash_attention=options.flash_attention,
        prefix_cache=options.prefix_cache,
        seed=options.seed,
    )
    return EngineFacts(
        name=NAME,
        version=told.get("build_info"),
        model=Path(options.model).stem,
        quantisation=told.get("model_ftype"),
        threads=None if options.attach else options.threads,
        device=None,
        pid=None,
        details={**started, "slots": told.get("total_slots"), "weights": "checkpoint"},
    )


ENGINE = Engine(
    name=NAME,
    options=LlamaOptions,
    command=command,
    facts=facts,
    metrics_path="/metrics",
    keeps_connections=False,
)
