"""Who hears of a collection elsewhere while it runs: Dagster, through Pipes, or nobody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagster_pipes import DAGSTER_PIPES_CONTEXT_ENV_VAR, DAGSTER_PIPES_MESSAGES_ENV_VAR, encode_param

from pipeline import trace

STDOUT = {"stdio": "stdout"}
"""Where the far side writes Pipes' messages, as a message reader says it."""


def _unheard(_message: Mapping[str, Any]) -> None:
    """Hear nothing."""


@dataclass(frozen=True)
class Ears:
    """Who hears of a collection elsewhere: each message of Dagster Pipes, and each run that has come home.

    `pipes` is what Pipes needs there; `assets` names the asset of each target. By default nobody.
    """

    pipes: Mapping[str, str]
    assets: Mapping[str, str] = field(default_factory=dict)
    message: Callable[[Mapping[str, Any]], None] = _unheard
    arrived: Callable[[trace.Manifest], None] = lambda _run: None


def nobody(targets: list[str]) -> Ears:
    """What Pipes is told where there is no Dagster."""
    context: dict[str, Any] = {
        "asset_keys": targets, "code_version_by_asset_key": None, "provenance_by_asset_key": None,
        "partition_key": None, "partition_key_range": None, "partition_time_window": None, "run_id": "",
        "job_name": None, "retry_number": 0, "extras": {},
    }  # fmt: skip
    return Ears(
        {
            DAGSTER_PIPES_CONTEXT_ENV_VAR: encode_param({"data": context}),
            DAGSTER_PIPES_MESSAGES_ENV_VAR: encode_param(STDOUT),
        }
    )
