"""Ollama. It is set by its environment, as in `envconfig/config.go` and the FAQ of its documentation.

It has no metrics, no switch for its prompt cache and no random weights, and it loads the model at the
first request. The model must be there already: nothing is pulled here.
"""

from typing import Annotated

import msgspec

from pipeline.collect.engines import _http, _program
from pipeline.collect.engines._contract import Command, Engine, EngineError, EngineFacts, Options, as_started

NAME = "ollama"


class OllamaOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`model`: as `ollama list` names it; a request's `model` is the same. `slots`: requests run at once."""

    model: str
    program: str = "ollama"
    models_folder: str | None = None
    context_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    slots: Annotated[int, msgspec.Meta(ge=1)] = 4
    flash_attention: bool | None = None
    start_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0


def command(options: OllamaOptions, port: int) -> Command:
    """Look for the program now, so that a missing one is told before anything starts."""
    program = _program.installed(NAME, options.program, "install Ollama")
    return Command([program, "serve"], environment=environment(options, port))


def environment(options: OllamaOptions, port: int) -> dict[str, str]:
    """What the server is told. The model stays loaded, so that no request pays for loading it again."""
    told = {
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_MAX_LOADED_MODELS": "1",
        "OLLAMA_NUM_PARALLEL": options.slots,
        "OLLAMA_MODELS": options.models_folder,
        "OLLAMA_CONTEXT_LENGTH": options.context_tokens,
        "OLLAMA_FLASH_ATTENTION": None if options.flash_attention is None else int(options.flash_attention),
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def first_request(options: OllamaOptions, root: str) -> None:
    """Have the model loaded."""
    _listed(options, root)
    body = {"model": options.model, "messages": [{"role": "user", "content": "Say a word."}], "max_tokens": 2}
    _http.answer_once(NAME, root, body, options.start_timeout_s)


def _listed(options: OllamaOptions, root: str) -> dict[str, object]:
    """What Ollama says of the model; a name without a tag means `latest`."""
    wanted = options.model if ":" in options.model else f"{options.model}:latest"
    found = _http.get_json(NAME, root, "/api/tags")["models"]
    for one in found:
        if one["name"] == wanted:
            details: dict[str, object] = one.get("details") or {}
            return details
    raise EngineError(
        f"engine {NAME}: no model {wanted} at {root}. Cure: run `ollama pull {options.model}`, or use one of "
        f"{', '.join(one['name'] for one in found) or '(none there)'}."
    )


def facts(options: OllamaOptions, root: str) -> EngineFacts:
    """Ask the server for its version and for what the model is."""
    quantisation = _listed(options, root).get("quantization_level")
    return EngineFacts(
        name=NAME,
        version=_http.get_json(NAME, root, "/api/version")["version"],
        model=options.model,
        quantisation=str(quantisation) if quantisation else None,
        threads=None,
        device=None,
        pid=None,
        details={
            **as_started(options, slots=options.slots, context_tokens=options.context_tokens),
            "prefix_cache": True,
            "weights": "checkpoint",
        },
    )


ENGINE = Engine(
    name=NAME,
    options=OllamaOptions,
    command=command,
    facts=facts,
    first_request=first_request,
    ready_path="/api/version",
)
