"""Cerebras: no `[DONE]`, chunks without a finish reason's key until there is one, `time_info` unasked.

Seen in captured streams: up to eight events in the first read, an empty delta before the finish.
"""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Account, Answer, Event, Headers, Provider, Refusal, Reply

_LIMITS = {"requests_per_day": "requests-day", "tokens_per_minute": "tokens-minute"}


def _chunk(answer: Answer, choice: _openai.Json, **more: object) -> bytes:
    return _openai.event(
        {
            "id": f"chatcmpl-{answer.name}",
            "choices": [{**choice, "index": 0}],
            "created": answer.created,
            "model": answer.request.model,
            "system_fingerprint": "fp_simulated",
            "object": "chat.completion.chunk",
            **more,
        }
    )


def _event(answer: Answer, event: Event) -> bytes:
    return _chunk(answer, {"delta": {"content": event.text}})


def _closing(answer: Answer) -> list[bytes]:
    times = {
        "queue_time": answer.queue_s,
        "prompt_time": answer.prefill_s,
        "completion_time": answer.decode_s,
        "total_time": answer.server_total_s,
        "created": answer.created,
    }
    last = {"delta": {}, "finish_reason": _openai.finish(answer)}
    return [
        _chunk(answer, {"delta": {}}),
        _chunk(answer, last, usage=_openai.usage(answer), time_info=times),
    ]


def _failure(_: Answer) -> list[bytes]:
    said = {"message": "simulated failure", "type": "server_error", "param": "", "code": "internal_error"}
    return [_openai.event({"error": said, "status_code": 500})]


def _limits_said(account: Account) -> Headers:
    """Windows are those of the clock: a reset is their end."""
    return _openai.levels_said(account, _LIMITS, lambda level: str(level.window_s - account.at % level.window_s))


def _refuse(refusal: Refusal) -> Reply:
    """Flat, without OpenAI's `error` around it."""
    code = {**_openai.CODES, "no_key": "wrong_api_key", "limited": "request_quota_exceeded"}[refusal.kind]
    kind = "too_many_requests_error" if refusal.kind == "limited" else "invalid_request_error"
    body = {"message": refusal.message, "type": kind, "param": None, "code": code}
    return Reply(_openai.STATUSES[refusal.kind], body, _openai.retry_after(refusal))


PROVIDER = Provider(
    models=("llama3.1-8b", "llama-3.3-70b"),
    retired=("llama3.1-70b",),
    understand=_openai.understand,
    opening=lambda answer: [_chunk(answer, {"delta": {"role": "assistant"}})],
    event=_event,
    closing=_closing,
    failure=_failure,
    refuse=_refuse,
    headers=lambda answer: {"inference-id": f"chatcmpl-{answer.name}", "x-request-id": f"{answer.name[:16]}-SIM"},
    limits_said=_limits_said,
    limits={"requests_per_day": 1_440_000, "tokens_per_minute": 1_000_000},
    content_type="text/event-stream; charset=utf-8",
    events_per_write=(2, 8),
)
