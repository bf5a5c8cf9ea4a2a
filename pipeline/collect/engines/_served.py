"""What the engines have in common that are Python packages and serve a Hugging Face checkpoint on GPUs."""

from typing import Annotated

import msgspec

from pipeline.collect.engines import _model, _python
from pipeline.collect.engines._contract import Command, EngineFacts, Fact, Options, as_started


class ServedOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`model`: a folder, or a name on the hub. A request's `model` is the folder's name, or that name.

    `python`: the Python that has the engine, if not this one. `memory_share`: of the GPU's memory.
    `arguments` are added as they stand. The prefix cache is off, so that every prompt is computed.
    """

    model: str
    python: str | None = None
    dtype: str = "auto"
    quantisation: str | None = None
    tensor_parallel: Annotated[int, msgspec.Meta(ge=1)] = 1
    max_model_len: Annotated[int, msgspec.Meta(ge=1)] | None = None
    prefix_cache: bool = False
    memory_share: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    arguments: tuple[str, ...] = ()
    start_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 900.0
    stop_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 20.0


def command(name: str, options: ServedOptions, module: list[str], flags: list[str]) -> Command:
    """Run a module of the engine's package with these flags."""
    path = _model.local(name, options.model)
    return Command(
        [_python.interpreter(options.python), "-m", *module, *flags, *options.arguments],
        environment=_model.environment(path),
    )


def model(name: str, options: ServedOptions) -> str:
    """The model as the engine is told it."""
    return str(_model.local(name, options.model) or options.model)


def served_name(name: str, options: ServedOptions) -> str:
    """The name that requests carry."""
    path = _model.local(name, options.model)
    return path.name if path else options.model


def facts(name: str, options: ServedOptions, version: str | None, details: dict[str, Fact]) -> EngineFacts:
    """What was served, as far as the options tell; `details` go before what they imply."""
    path = _model.local(name, options.model)
    dtype = _model.dtype(path) if options.dtype == "auto" else options.dtype
    started = as_started(
        options,
        tensor_parallel=options.tensor_parallel,
        max_model_len=options.max_model_len,
        prefix_cache=options.prefix_cache,
        memory_share=options.memory_share,
    )
    return EngineFacts(
        name=name,
        version=version,
        model=served_name(name, options),
        quantisation=options.quantisation or dtype,
        threads=None,
        device="cuda",
        pid=None,
        details={**started, **_model.weights(path), **details},
    )
