"""Together: the first chunk is a token already, each with its text twice; `eos` ends; a Retry-After on a 200.

As captured in early 2025, limits in the headers of that time, as documented.
"""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Account, Answer, Event, Headers, Provider, Refusal, Reply

_SEED = 2**53 + 5
"""The captured seeds do not fit a float."""


def _chunk(answer: Answer, text: str, token_id: int | None, finish: str | None, **more: object) -> bytes:
    delta: _openai.Json = {"token_id": token_id, "role": "assistant", "content": text, "tool_calls": None}
    said = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    return _openai.event(
        {
            "id": f"{answer.name[:16]}-SIM",
            "object": "chat.completion.chunk",
            "created": answer.created,
            "choices": [{**said, "seed": _SEED if finish else None, "delta": delta}],
            "model": answer.request.model,
            **more,
        }
    )


def _closing(answer: Answer) -> list[bytes]:
    last = _chunk(answer, "", 128_009, _openai.finish(answer, stop="eos"), usage=_openai.usage(answer))
    return [last, _openai.DONE]


def _limits_said(account: Account) -> Headers:
    said: Headers = {}
    for limit, name in (("requests_per_minute", "ratelimit"), ("tokens_per_minute", "tokenlimit")):
        if (level := account.levels.get(limit)) is not None:
            said |= {f"x-{name}-limit": str(level.allowed), f"x-{name}-remaining": str(level.remaining)}
            said[f"x-{name}-reset"] = f"{level.whole_in_s:.0f}"
    return said


def _refuse(refusal: Refusal) -> Reply:
    return Reply(
        _openai.STATUSES[refusal.kind],
        {"id": refusal.name[:16], **_openai.error(refusal)},
        _openai.retry_after(refusal),
        "application/json; charset=utf-8",
    )


def _event(answer: Answer, event: Event) -> bytes:
    return _chunk(answer, event.text, 1000 + len(event.text), None)


PROVIDER = Provider(
    models=("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    retired=("meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo",),
    understand=_openai.understand,
    opening=lambda _: [],
    event=_event,
    closing=_closing,
    failure=_openai.failure,
    refuse=_refuse,
    headers=lambda answer: {"cf-ray": f"{answer.name[:16]}-SIM", "retry-after": "2"},
    limits_said=_limits_said,
    limits={"requests_per_minute": 600, "tokens_per_minute": 180_000},
    content_type="text/event-stream;charset=utf-8",
)
