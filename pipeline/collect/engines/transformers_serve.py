"""`transformers serve`: Hugging Face's own server, with continuous batching. Options as of transformers 5.17.

It has no switch for its prefix cache, none for tensor parallelism, no endpoint for metrics, and builds
its batches and its key-value cache at the first request, with that request's sampling for all others.
"""

from pipeline.collect.engines import _flags, _http, _model, _python
from pipeline.collect.engines._contract import Command, Engine, EngineFacts, Options, as_started

NAME = "transformers-serve"
PACKAGES = ["transformers", "torch", "fastapi", "uvicorn", "openai", "pydantic", "requests"]
INSTALL = "'transformers[serving]' requests"  # its command line imports requests, and its extra does not bring it


class TransformersOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`model`: a folder, or a name on the hub. A request's `model` is the folder's name, or that name.

    `python`: the Python that has transformers, if not this one. `arguments` are added as they stand.
    """

    model: str
    python: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    quantisation: str | None = None
    attention: str | None = None
    seed: int | None = 0
    kv_blocks: int | None = None
    block_tokens: int | None = None
    batch_tokens: int | None = None
    memory_share: float | None = None
    cuda_graph: bool | None = None
    arguments: tuple[str, ...] = ()


def command(options: TransformersOptions, port: int) -> Command:
    """Look for the engine and the model now, so that what is missing is told before anything starts."""
    _python.installed(NAME, options.python, PACKAGES, INSTALL)
    path = _model.local(NAME, options.model)
    words = [_python.interpreter(options.python), "-m", "transformers.cli.transformers", "serve"]
    return Command(
        [*words, served_name(options), *flags(options, port), *options.arguments],
        environment=_model.environment(path),
        folder=path.parent if path else None,
    )


def served_name(options: TransformersOptions) -> str:
    """The name that requests must carry: the server compares it with its own argument, letter by letter."""
    path = _model.local(NAME, options.model)
    return path.name if path else options.model


def flags(options: TransformersOptions, port: int) -> list[str]:
    """The command line after the model's name."""
    given: dict[str, _flags.Value] = {
        "--continuous-batching": True,
        "--host": "127.0.0.1",
        "--port": port,
        "--device": options.device,
        "--dtype": options.dtype,
        "--quantization": options.quantisation,
        "--attn-implementation": options.attention,
        "--default-seed": options.seed,
        "--cb-num-blocks": options.kv_blocks,
        "--cb-block-size": options.block_tokens,
        "--cb-max-batch-tokens": options.batch_tokens,
        "--cb-max-memory-percent": options.memory_share,
        "--cb-use-cuda-graph": options.cuda_graph,
        "--no-cb-use-cuda-graph": options.cuda_graph is False,
    }
    return _flags.words(given)


def first_request(options: TransformersOptions, root: str) -> None:
    """Have the cache and the batches built, for greedy text: its sampling would hold for all later requests."""
    body = {
        "model": served_name(options),
        "messages": [{"role": "user", "content": "Say a word."}],
        "max_tokens": 8,
        "temperature": 0.0,
    }
    _http.answer_once(NAME, root, body, options.start_timeout_s)


def facts(options: TransformersOptions, _root: str) -> EngineFacts:
    """The server says nothing of itself, so its Python and its folder must."""
    found = {} if options.attach else _python.versions(NAME, options.python, PACKAGES)
    path = _model.local(NAME, options.model)
    return EngineFacts(
        name=NAME,
        version=found.get("transformers"),
        model=served_name(options),
        quantisation=options.quantisation or (_model.dtype(path) if options.dtype == "auto" else options.dtype),
        threads=None,
        device=options.device,
        pid=None,
        details={
            "torch": found.get("torch"),
            "prefix_cache": True,
            **as_started(options, seed=options.seed, attention=options.attention),
            **_model.weights(path),
        },
    )


ENGINE = Engine(
    name=NAME,
    options=TransformersOptions,
    command=command,
    facts=facts,
    first_request=first_request,
)
