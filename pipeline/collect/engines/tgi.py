"""Hugging Face's Text Generation Inference, through its launcher.

Options as in `docs/source/reference/launcher.md` of its public repository (commit 032fc4c); the prefix
cache is set by the environment, as in `launcher/src/main.rs`. It has no seed and no random weights.
"""

from typing import Annotated

import msgspec

from pipeline.collect.engines import _flags, _http, _model, _program
from pipeline.collect.engines._contract import Command, Engine, EngineFacts, Options, as_started

NAME = "tgi"


class TgiOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`model`: a folder, or a name on the hub; TGI answers to any name in a request.

    `dtype` and `quantisation` exclude each other. `arguments` are added as they stand.
    """

    model: str
    program: str = "text-generation-launcher"
    dtype: str | None = None
    quantisation: str | None = None
    tensor_parallel: Annotated[int, msgspec.Meta(ge=1)] = 1
    max_model_len: Annotated[int, msgspec.Meta(ge=2)] | None = None
    memory_share: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    prefix_cache: bool = False
    streams: int | None = None
    arguments: tuple[str, ...] = ()
    start_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 900.0
    stop_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 20.0


def command(options: TgiOptions, port: int) -> Command:
    """Look for the launcher and the model now, so that what is missing is told before anything starts."""
    program = _program.installed(NAME, options.program, "install text-generation-inference")
    path = _model.local(NAME, options.model)
    return Command(
        [program, *flags(options, port), *options.arguments],
        environment={**_model.environment(path), "PREFIX_CACHING": str(int(options.prefix_cache))},
    )


def flags(options: TgiOptions, port: int) -> list[str]:
    """The command line. The longest prompt is one token shorter than the longest whole."""
    longest = options.max_model_len
    return _flags.words({
        "--model-id": str(_model.local(NAME, options.model) or options.model),
        "--hostname": "127.0.0.1",
        "--port": port,
        "--num-shard": options.tensor_parallel,
        "--dtype": options.dtype,
        "--quantize": options.quantisation,
        "--max-total-tokens": longest,
        "--max-input-tokens": longest - 1 if longest else None,
        "--max-concurrent-requests": options.streams,
        "--cuda-memory-fraction": options.memory_share,
    })  # fmt: skip


def facts(options: TgiOptions, root: str) -> EngineFacts:
    """Ask the router what it serves."""
    told = _http.get_json(NAME, root, "/info")
    return EngineFacts(
        name=NAME,
        version=told.get("version"),
        model=options.model.rstrip("/").rpartition("/")[2],
        quantisation=options.quantisation or told.get("model_dtype") or options.dtype,
        threads=None,
        device="cuda",
        pid=None,
        details={
            **as_started(options, tensor_parallel=options.tensor_parallel, prefix_cache=options.prefix_cache),
            "max_model_len": told.get("max_total_tokens"),
            **_model.weights(_model.local(NAME, options.model)),
        },
    )


ENGINE = Engine(name=NAME, options=TgiOptions, command=command, facts=facts, metrics_path="/metrics")
