"""Groq: usage in the last chunk, twice, with the server's times; limits a day and a minute in its own durations.

Seen in captured streams; retired models, as captured, are a 400.
"""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import (
    Account,
    Answer,
    Event,
    Headers,
    Level,
    Provider,
    Refusal,
    Reply,
)

_LIMITS = {"requests_per_day": "requests", "tokens_per_minute": "tokens"}


def _chunk(answer: Answer, choices: list[_openai.Json], **more: object) -> bytes:
    made = _openai.chunk(answer, choices)
    del made["choices"]
    return _openai.event({**made, "system_fingerprint": "fp_simulated", "choices": choices, **more})


def _choice(delta: _openai.Json, finish: str | None = None) -> _openai.Json:
    return _openai.choice(delta, finish, logprobs=None)


def _request_id(answer: Answer) -> str:
    return f"req_{answer.name[:26]}"


def _opening(answer: Answer) -> list[bytes]:
    role = {"role": "assistant", "content": ""}
    return [_chunk(answer, [_choice(role)], x_groq={"id": _request_id(answer)})]


def _event(answer: Answer, event: Event) -> bytes:
    return _chunk(answer, [_choice({"content": event.text})])


def _usage(answer: Answer) -> _openai.Json:
    """`total_time` leaves the queue out."""
    counts = _openai.usage(answer)
    return {
        "queue_time": answer.queue_s,
        "prompt_tokens": counts["prompt_tokens"],
        "prompt_time": answer.prefill_s,
        "completion_tokens": counts["completion_tokens"],
        "completion_time": answer.decode_s,
        "total_tokens": counts["total_tokens"],
        "total_time": answer.prefill_s + answer.decode_s,
    }


def _closing(answer: Answer) -> list[bytes]:
    counted = _usage(answer)
    asked_for = {"usage": counted} if answer.request.wants_usage else {}
    last = _chunk(
        answer,
        [_choice({}, _openai.finish(answer))],
        x_groq={"id": _request_id(answer), "usage": counted},
        **asked_for,
    )
    counts = [_chunk(answer, [], **asked_for, service_tier="on_demand")] if asked_for else []
    return [last, *counts, _openai.DONE]


def _failure(_: Answer) -> list[bytes]:
    said = {"message": "simulated failure", "type": "invalid_request_error", "code": "failed_generation"}
    return [b"event: error\n" + _openai.event({"error": {**said, "status_code": 400}})]


def _duration(level: Level) -> str:
    """A span as Go writes it: 42s, 2m59.56s, 1h0m0.5s; less than a second in ms."""
    seconds = round(level.whole_in_s, 3)
    if 0 < seconds < 1:
        return f"{seconds * 1e3:g}ms"
    hours, minutes, rest = int(seconds // 3600), int(seconds % 3600 // 60), round(seconds % 60, 3)
    return f"{hours}h{minutes}m{rest:g}s" if hours else f"{minutes}m{rest:g}s" if minutes else f"{rest:g}s"


def _limits_said(account: Account) -> Headers:
    return _openai.levels_said(account, _LIMITS, _duration)


def _refuse(refusal: Refusal) -> Reply:
    """Groq's errors have no `param`, and a retired model's are told from an unknown one's."""
    codes = {**_openai.CODES, "retired_model": "model_decommissioned"}
    said = _openai.error(refusal, codes)["error"]
    del said["param"]
    status = 400 if refusal.kind == "retired_model" else _openai.STATUSES[refusal.kind]
    return Reply(status, {"error": said}, {"x-groq-region": "simulated", **_openai.retry_after(refusal)})


PROVIDER = Provider(
    models=("llama-3.1-8b-instant", "llama-3.3-70b-versatile"),
    retired=("llama3-8b-8192", "llama3-70b-8192"),
    understand=_openai.understand,
    opening=_opening,
    event=_event,
    closing=_closing,
    failure=_failure,
    refuse=_refuse,
    headers=lambda answer: {"x-groq-region": "simulated", "x-request-id": _request_id(answer)},
    limits_said=_limits_said,
    limits={"requests_per_day": 14_400, "tokens_per_minute": 6_000},
    events_per_write=(1, 4),
)
