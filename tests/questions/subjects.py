"""Who is asked in the fixed traces, and how each answers.

alpha is cheap and answers late; beta is fast and dear, brings three tokens an event and its usage late; gamma is an
engine of our own at four levels of load, the last of them more than it has room for; delta has no key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import trace
from tests import streams

ENGINE = {"name": "vllm", "version": "0.33.0"}
SLOTS = 16  # requests that gamma works on at once; what comes beyond waits
OVERLOAD = "sweep-24"  # in the first round alone


@dataclass(frozen=True)
class Subject:
    """A target and how it answers: times of a request that is alone, tokens, tokens an event, when usage comes."""

    target: trace.Target
    ttft_ms: float
    tpot_ms: float
    tokens: int
    tokens_an_event: int = 1
    usage_after_ms: float = 20
    loads: Mapping[str, int] = field(default_factory=lambda: {"single": 1})
    failures: Mapping[tuple[int, int], str] = field(default_factory=dict)  # (round, index) → how
    slower: float = 1.0  # in the last night
    headers: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, float] = field(default_factory=dict)


def subjects(tokenizer: str) -> list[Subject]:
    hosted = {"family": "llama-8b", "model": "llama-3.1-8b", "model_title": "Llama 3.1 8B"}
    alpha = streams.target(
        "alpha", title="Alpha", provider="alpha", usd_per_million_input=0.05, usd_per_million_output=0.08,
        price_source="made up", tokenizer=tokenizer, **hosted,
    )  # fmt: skip
    beta = streams.target(
        "beta", title="Beta", provider="beta", usd_per_million_input=0.4, usd_per_million_output=0.9,
        price_source="made up", **hosted,
    )  # fmt: skip
    gamma = streams.target(
        "gamma", title="Gamma", kind="local", provider="local", engine="vllm", hardware="NVIDIA H100 80GB HBM3",
        precision="bf16", usd_per_hour=2.5, rent_source="made up", **hosted,
    )  # fmt: skip
    limits = {
        "x-ratelimit-limit-requests": "14400", "x-ratelimit-remaining-requests": "14000",
        "x-ratelimit-reset-requests": "2m0s", "x-groq-region": "yul",
    }  # fmt: skip
    return [
        Subject(
            alpha, 240, 14, 24, failures={(2, 3): "refused", (3, 5): "in_band_error"}, headers=limits,
            said={"queue_time": 0.02, "prompt_time": 0.15, "completion_time": 0.33, "total_time": 0.48},
        ),
        Subject(
            beta, 120, 12, 25, 3, 400, {"single": 1, "open": 8}, slower=1.5,
            failures={(1, 4): "truncated", (3, 2): "not_connected"},
        ),
        Subject(gamma, 60, 8, 20, loads={"sweep-1": 1, "sweep-4": 4, "sweep-16": SLOTS, OVERLOAD: 24}),
    ]  # fmt: skip


def words(folder: Path) -> str:
    """A tokenizer for which every word of these streams is a token."""
    path = folder / "tokenizer.json"
    model = {"type": "WordLevel", "vocab": {"one": 0, "two": 1, "?": 2}, "unk_token": "?"}
    parts = dict.fromkeys(("normalizer", "post_processor", "decoder"))
    split = {"type": "WhitespaceSplit"}
    path.write_text(
        json.dumps({"version": "1.0", "added_tokens": [], **parts, "pre_tokenizer": split, "model": model})
    )
    return f"hf:{path}"
