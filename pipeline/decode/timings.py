"""What servers say of their own time, in one set of names and units, whatever they call it.

Read where it stands in a chunk or an answer: Groq's `usage` (seconds), Cerebras' `time_info` (seconds),
SambaNova's and llama-box' `usage`, llama.cpp's `timings`, Fireworks' `perf_metrics` (seconds, maybe as text),
OpenAI's `latency_checkpoint` on Azure, Ollama's durations (ns), Bedrock's `metrics` and
`amazon-bedrock-invocationMetrics`, Vercel's routing attempts. Undefined is None; a rate of 0 is none.
"""

from typing import Any, NamedTuple

from pipeline.decode.lenient import mend

LIMIT = 1e15
"""Beyond this (30,000 years in ms) a number is nonsense."""


class Timings(NamedTuple):
    """A server's own account of one request, in the order of the `server_` columns."""

    queue_ms: float | None = None
    load_ms: float | None = None
    prefill_ms: float | None = None
    ttft_ms: float | None = None
    decode_ms: float | None = None
    total_ms: float | None = None
    prefill_tok_s: float | None = None
    output_tok_s: float | None = None


NONE = Timings()

# Column: (the server's name for it, factor to our unit); the first that is there counts.
Source = tuple[tuple[str, str, float], ...]

_USAGE: Source = (
    ("queue_ms", "queue_time", 1e3),  # Groq
    ("prefill_ms", "prompt_time", 1e3),
    ("decode_ms", "completion_time", 1e3),
    ("total_ms", "total_time", 1e3),
    ("ttft_ms", "time_to_first_token", 1e3),  # SambaNova
    ("total_ms", "total_latency", 1e3),
    ("output_tok_s", "completion_tokens_after_first_per_sec", 1),
    ("ttft_ms", "time_to_first_token_ms", 1),  # llama-box
    ("output_tok_s", "tokens_per_second", 1),
    ("prefill_tok_s", "prompt_tokens_per_second", 1),
)
_LLAMA_CPP: Source = (
    ("prefill_ms", "prompt_ms", 1),
    ("decode_ms", "predicted_ms", 1),
    ("prefill_tok_s", "prompt_per_second", 1),
    ("output_tok_s", "predicted_per_second", 1),
)
_FIREWORKS: Source = (
    ("queue_ms", "prefill-queue-duration", 1e3),
    ("prefill_ms", "prefill-duration", 1e3),
    ("ttft_ms", "server-time-to-first-token", 1e3),
    ("total_ms", "server-processing-time", 1e3),
)
_AZURE: Source = (
    ("queue_ms", "pre_inference_ms", 1),
    ("ttft_ms", "service_ttft_ms", 1),
    ("ttft_ms", "engine_ttft_ms", 1),
    ("total_ms", "service_ttlt_ms", 1),
    ("total_ms", "total_duration_ms", 1),
)
_OLLAMA: Source = (
    ("load_ms", "load_duration", 1e-6),
    ("prefill_ms", "prompt_eval_duration", 1e-6),
    ("decode_ms", "eval_duration", 1e-6),
    ("total_ms", "total_duration", 1e-6),
)
_CONVERSE: Source = (("total_ms", "latencyMs", 1),)
_INVOKE: Source = (("ttft_ms", "firstByteLatency", 1), ("total_ms", "invocationLatency", 1))

_PLACES: tuple[tuple[str, Source], ...] = (
    ("usage", _USAGE),
    ("time_info", _USAGE),  # Cerebras has Groq's names
    ("timings", _LLAMA_CPP),
    ("perf_metrics", _FIREWORKS),
    ("latency_checkpoint", _AZURE),
    ("metrics", _CONVERSE),
    ("amazon-bedrock-invocationMetrics", _INVOKE),
)


def number(value: object) -> float | None:
    """A number not below zero, or such a number as text; else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if 0 <= found < LIMIT else None


def find(value: Any) -> Timings:
    """The timings that a JSON object holds, at the places where servers put them."""
    if not isinstance(value, dict):
        return NONE
    groq = value.get("x_groq")
    places = [(value.get(name), source) for name, source in _PLACES]
    return _gather([*places, (groq.get("usage") if isinstance(groq, dict) else None, _USAGE)])


def of_ollama(value: Any) -> Timings:
    """The durations on the last line of Ollama's own protocol."""
    return _gather([(value, _OLLAMA)])


def of_vercel(metadata: Any) -> tuple[str | None, Timings]:
    """Who answered behind Vercel's gateway, and how long the attempt that succeeded took."""
    gateway = metadata.get("gateway") if isinstance(metadata, dict) else None
    routing = gateway.get("routing") if isinstance(gateway, dict) else None
    if not isinstance(routing, dict):
        return None, NONE
    provider, attempts = routing.get("finalProvider"), routing.get("attempts")
    took = [_between(one) for one in (attempts if isinstance(attempts, list) else []) if isinstance(one, dict)]
    known = [ms for ms in took if ms is not None]
    return mend(provider) if isinstance(provider, str) else None, NONE._replace(
        total_ms=known[-1] if known else None
    )


def _between(attempt: dict[str, Any]) -> float | None:
    start, end = number(attempt.get("startTime")), number(attempt.get("endTime"))
    return (
        end - start if start is not None and end is not None and end >= start and attempt.get("success") else None
    )


def _gather(places: list[tuple[Any, Source]]) -> Timings:
    found: dict[str, float] = {}
    for said, source in places:
        for column, name, factor in source if isinstance(said, dict) else ():
            scaled = _scaled(said.get(name), factor, is_rate=column.endswith("_tok_s"))
            if scaled is not None:
                found.setdefault(column, scaled)
    return Timings(**found) if found else NONE


def _scaled(value: object, factor: float, *, is_rate: bool) -> float | None:
    found = number(value)
    if found is None or (is_rate and found == 0):
        return None
    scaled = found * factor
    return scaled if scaled < LIMIT else None
