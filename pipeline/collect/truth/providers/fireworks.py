"""Fireworks: no header before the first token, whose time is among them; usage, and more if asked for, at the end.

Stream and headers as captured; `perf_metrics`, with hyphens in its keys and numbers as text, as in its SDK.
"""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Account, Answer, Event, Headers, Provider


def _chunk(answer: Answer, delta: _openai.Json, finish: str | None = None, **more: object) -> bytes:
    made = _openai.chunk(answer, [_openai.choice(delta, finish)], **{"usage": None, **more})
    return _openai.event({**made, "id": answer.name})


def _event(answer: Answer, event: Event) -> bytes:
    return _chunk(answer, {"content": event.text})


def _closing(answer: Answer) -> list[bytes]:
    metrics = {
        "prompt-tokens": str(answer.prompt_tokens),
        "cached-prompt-tokens": "0",
        "server-time-to-first-token": f"{answer.first_token_s:.3f}",
        "server-processing-time": f"{answer.server_total_s:.3f}",
    }
    asked_for = answer.request.body.get("perf_metrics_in_response") is True
    more = {"perf_metrics": metrics} if asked_for else {}
    last = _chunk(answer, {}, _openai.finish(answer), usage=_openai.usage(answer), **more)
    return [last, _openai.DONE]


def _headers(answer: Answer) -> Headers:
    return {
        "fireworks-middleware-version": "v2",
        "fireworks-prompt-tokens": str(answer.prompt_tokens),
        "fireworks-server-time-to-first-token": f"{answer.first_token_s:.3f}",
        "cf-ray": f"{answer.name[:16]}-SIM",
    }


def _limits_said(account: Account) -> Headers:
    """Its windows are seconds, enforced by the minute; what remains is not told."""
    level = account.levels.get("tokens_per_minute")
    return {"x-ratelimit-limit-tokens-generated": str(level.allowed // 60)} if level else {}


PROVIDER = Provider(
    models=(
        "accounts/fireworks/models/llama-v3p1-8b-instruct",
        "accounts/fireworks/models/llama-v3p3-70b-instruct",
    ),
    understand=_openai.understand,
    opening=lambda answer: [_chunk(answer, {"role": "assistant"})],
    event=_event,
    closing=_closing,
    failure=_openai.failure,
    refuse=_openai.refuse,
    headers=_headers,
    limits_said=_limits_said,
    limits={"tokens_per_minute": 36_000},
    opens_early=False,
)
