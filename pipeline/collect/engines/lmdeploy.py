"""LMDeploy's OpenAI server. Options held against `lmdeploy/cli` of LMDeploy 0.18.0.

It has no flag for a seed, and none for random weights.
"""

from typing import Literal

from pipeline.collect.engines import _flags, _python, _served
from pipeline.collect.engines._contract import Command, Engine, EngineFacts, as_started
from pipeline.collect.engines._served import ServedOptions

NAME = "lmdeploy"


class LmdeployOptions(ServedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`quantisation`: the checkpoint's own (`awq`, `gptq`, `fp8`). `backend` = None: LMDeploy chooses."""

    backend: Literal["turbomind", "pytorch"] | None = None
    streams: int | None = None


def command(options: LmdeployOptions, port: int) -> Command:
    """Look for LMDeploy now, so that a missing one is told before anything starts."""
    _python.installed(NAME, options.python, ["lmdeploy"], "lmdeploy")
    return _served.command(NAME, options, ["lmdeploy", "serve", "api_server"], flags(options, port))


def flags(options: LmdeployOptions, port: int) -> list[str]:
    """The command line after `lmdeploy serve api_server`. The prefix cache is off unless asked for."""
    given: dict[str, _flags.Value] = {
        "--server-name": "127.0.0.1",
        "--server-port": port,
        "--model-name": _served.served_name(NAME, options),
        "--backend": options.backend,
        "--dtype": options.dtype,
        "--model-format": options.quantisation,
        "--tp": options.tensor_parallel,
        "--session-len": options.max_model_len,
        "--max-batch-size": options.streams,
        "--cache-max-entry-count": options.memory_share,
        "--enable-prefix-caching": options.prefix_cache,
    }
    return [_served.model(NAME, options), *_flags.words(given)]


def facts(options: LmdeployOptions, _root: str) -> EngineFacts:
    """The server does not tell its version, so its Python must; of an attached one it is not known."""
    found = {} if options.attach else _python.versions(NAME, options.python, ["lmdeploy"])
    return _served.facts(NAME, options, found.get("lmdeploy"), as_started(options, backend=options.backend))


ENGINE = Engine(name=NAME, options=LmdeployOptions, command=command, facts=facts, metrics_path="/metrics")
