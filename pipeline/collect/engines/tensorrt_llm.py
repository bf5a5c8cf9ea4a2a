"""TensorRT-LLM's OpenAI server, `trtllm-serve`, with its PyTorch backend.

Options as in `tensorrt_llm/commands/serve.py` of its public repository (commit 00209af); what has no
flag goes through the file that `--config` names. It has no seed.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from pipeline.collect.engines import _flags, _http, _python, _served
from pipeline.collect.engines._contract import Command, Engine, EngineFacts
from pipeline.collect.engines._served import ServedOptions

NAME = "tensorrt-llm"


class TensorrtOptions(ServedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`random_weights`: no checkpoint is read, only the model's configuration and tokenizer.

    `quantisation` is the checkpoint's own; the server takes no flag for it, so it is recorded only.
    """

    random_weights: bool = False
    streams: int | None = None


def command(options: TensorrtOptions, port: int) -> Command:
    """Look for TensorRT-LLM now, so that a missing one is told before anything starts."""
    _python.installed(NAME, options.python, ["tensorrt-llm"], "tensorrt-llm")
    return _served.command(NAME, options, ["tensorrt_llm.commands.serve", "serve"], flags(options, port))


def flags(options: TensorrtOptions, port: int) -> list[str]:
    """The command line after `trtllm-serve serve`."""
    given: dict[str, _flags.Value] = {
        "--host": "127.0.0.1",
        "--port": port,
        "--backend": "pytorch",
        "--tensor_parallel_size": options.tensor_parallel,
        "--max_seq_len": options.max_model_len,
        "--max_batch_size": options.streams,
        "--free_gpu_memory_fraction": options.memory_share,
        "--config": str(_config_file(config(options))),
    }
    return [_served.model(NAME, options), *_flags.words(given)]


def config(options: TensorrtOptions) -> dict[str, Any]:
    """What has no flag of its own. The prefix cache is called reuse of blocks here."""
    cache: dict[str, Any] = {"enable_block_reuse": options.prefix_cache}
    if options.memory_share is not None:
        cache["free_gpu_memory_fraction"] = options.memory_share  # the file replaces the flag's whole group
    random = {"load_format": "dummy"} if options.random_weights else {}
    return {"dtype": options.dtype, "kv_cache_config": cache, "return_perf_metrics": True, **random}


def _config_file(content: dict[str, Any]) -> Path:
    """Write the configuration (JSON is YAML too) under a name that follows from it."""
    text = msgspec.json.encode(content)
    path = Path(tempfile.gettempdir()) / f"tokenclock-trtllm-{hashlib.sha256(text).hexdigest()[:12]}.yaml"
    path.write_bytes(text)
    return path


def facts(options: TensorrtOptions, root: str) -> EngineFacts:
    """Ask the server for its version."""
    random = {"weights": "random"} if options.random_weights else {}
    return _served.facts(NAME, options, _http.get_json(NAME, root, "/version")["version"], {**random})


ENGINE = Engine(
    name=NAME, options=TensorrtOptions, command=command, facts=facts, metrics_path="/prometheus/metrics"
)
