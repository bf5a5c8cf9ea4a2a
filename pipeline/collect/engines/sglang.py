"""SGLang's OpenAI server. Options held against `sglang/srt/server_args.py` of SGLang 0.5.10."""

from pipeline.collect.engines import _flags, _http, _python, _served
from pipeline.collect.engines._contract import Command, Engine, EngineFacts, as_started
from pipeline.collect.engines._served import ServedOptions

NAME = "sglang"


class SglangOptions(ServedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`random_weights`: no checkpoint is read, only the model's configuration and tokenizer."""

    seed: int = 0
    random_weights: bool = False
    streams: int | None = None


def command(options: SglangOptions, port: int) -> Command:
    """Look for SGLang now, so that a missing one is told before anything starts."""
    _python.installed(NAME, options.python, ["sglang"], "sglang")
    return _served.command(NAME, options, ["sglang.launch_server"], flags(options, port))


def flags(options: SglangOptions, port: int) -> list[str]:
    """The command line after `sglang.launch_server`. Its own defaults for sampling, not the checkpoint's."""
    return _flags.words({
        "--model-path": _served.model(NAME, options),
        "--served-model-name": _served.served_name(NAME, options),
        "--host": "127.0.0.1",
        "--port": port,
        "--sampling-defaults": "openai",
        "--dtype": options.dtype,
        "--quantization": options.quantisation,
        "--tensor-parallel-size": options.tensor_parallel,
        "--context-length": options.max_model_len,
        "--max-running-requests": options.streams,
        "--mem-fraction-static": options.memory_share,
        "--random-seed": options.seed,
        "--load-format": "dummy" if options.random_weights else None,
        "--disable-radix-cache": not options.prefix_cache,
        "--enable-metrics": True,
    })  # fmt: skip


def facts(options: SglangOptions, root: str) -> EngineFacts:
    """Ask SGLang for its version and for what it settled on."""
    told = _http.get_json(NAME, root, "/server_info")
    details = {
        **as_started(options, seed=options.seed),
        "attention": told.get("attention_backend"),
        "memory_share": told.get("mem_fraction_static"),
    }
    random = {"weights": "random"} if options.random_weights else {}
    return _served.facts(NAME, options, told.get("version"), details | random)


ENGINE = Engine(name=NAME, options=SglangOptions, command=command, facts=facts, metrics_path="/metrics")
