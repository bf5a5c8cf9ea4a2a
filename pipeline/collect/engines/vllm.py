"""vLLM's OpenAI server. Options held against the parser of vLLM 0.33.0."""

from pipeline.collect.engines import _flags, _http, _python, _served
from pipeline.collect.engines._contract import Command, Engine, EngineFacts, as_started
from pipeline.collect.engines._served import ServedOptions

NAME = "vllm"


class VllmOptions(ServedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`random_weights`: no checkpoint is read, only the model's configuration and tokenizer."""

    seed: int = 0
    random_weights: bool = False
    streams: int | None = None


def command(options: VllmOptions, port: int) -> Command:
    """Look for vLLM now, so that a missing one is told before anything starts."""
    _python.installed(NAME, options.python, ["vllm"], "vllm")
    return _served.command(NAME, options, ["vllm.entrypoints.cli.main", "serve"], flags(options, port))


def flags(options: VllmOptions, port: int) -> list[str]:
    """The command line after `vllm serve`. Its own defaults for sampling, not the checkpoint's."""
    given: dict[str, _flags.Value] = {
        "--host": "127.0.0.1",
        "--port": port,
        "--served-model-name": _served.served_name(NAME, options),
        "--generation-config": "vllm",
        "--dtype": options.dtype,
        "--quantization": options.quantisation,
        "--tensor-parallel-size": options.tensor_parallel,
        "--max-model-len": options.max_model_len,
        "--max-num-seqs": options.streams,
        "--gpu-memory-utilization": options.memory_share,
        "--seed": options.seed,
        "--load-format": "dummy" if options.random_weights else None,
        "--enable-prefix-caching": options.prefix_cache,
        "--no-enable-prefix-caching": not options.prefix_cache,
    }
    return [_served.model(NAME, options), *_flags.words(given)]


def facts(options: VllmOptions, root: str) -> EngineFacts:
    """Ask vLLM for its version and for the length that it settled on."""
    (first, *_) = _http.get_json(NAME, root, "/v1/models")["data"]
    details = {"max_model_len": first.get("max_model_len"), **as_started(options, seed=options.seed)}
    random = {"weights": "random"} if options.random_weights else {}
    return _served.facts(NAME, options, _http.get_json(NAME, root, "/version")["version"], details | random)


ENGINE = Engine(name=NAME, options=VllmOptions, command=command, facts=facts, metrics_path="/metrics")
