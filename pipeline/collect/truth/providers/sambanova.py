"""SambaNova: the role twice, usage only when asked for, and then with the server's times and rates in it.

Stream as captured; the times as its SDK names them: (tokens − 1) / (total_latency − time_to_first_token) is its
rate after the first token. Errors and limits as documented.
"""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Account, Answer, Event, Headers, Provider

_LIMITS = {"requests_per_minute": "requests", "requests_per_day": "requests-day"}


def _chunk(answer: Answer, choices: list[_openai.Json], **more: object) -> bytes:
    return _openai.event(
        {
            "choices": choices,
            "created": answer.created,
            "id": _id(answer),
            "model": answer.request.model,
            "object": "chat.completion.chunk",
            "system_fingerprint": "fastcoe",
            **more,
        }
    )


def _id(answer: Answer) -> str:
    name = answer.name
    return "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))


def _choice(delta: _openai.Json, finish: str | None = None) -> _openai.Json:
    return {"delta": delta, "finish_reason": finish, "index": 0, "logprobs": None}


def _event(answer: Answer, event: Event) -> bytes:
    role = {"role": "assistant"} if event is answer.events[0] else {}
    return _chunk(answer, [_choice({"content": event.text, **role})])


def _usage(answer: Answer) -> _openai.Json:
    flowing_s = answer.events[-1].at_s - answer.ttft_s
    total_s = answer.first_token_s + flowing_s
    return {
        **_openai.usage(answer),
        "time_to_first_token": answer.first_token_s,
        "total_latency": total_s,
        "start_time": float(answer.created),
        "end_time": answer.created + total_s,
        "completion_tokens_per_sec": answer.tokens / total_s,
        "completion_tokens_after_first_per_sec": (answer.tokens - 1) / flowing_s if flowing_s else 0.0,
        "total_tokens_per_sec": (answer.prompt_tokens + answer.tokens) / total_s,
        "stop_reason": _openai.finish(answer),
        "is_last_response": True,
    }


def _closing(answer: Answer) -> list[bytes]:
    last = _chunk(answer, [_choice({"content": ""}, _openai.finish(answer))])
    counts = [_chunk(answer, [], usage=_usage(answer))] if answer.request.wants_usage else []
    return [last, *counts, _openai.DONE]


def _limits_said(account: Account) -> Headers:
    """A reset is the second at which the allowance is whole again."""
    return _openai.levels_said(account, _LIMITS, lambda level: f"{account.at + level.whole_in_s:.0f}")


PROVIDER = Provider(
    models=("Meta-Llama-3.1-8B-Instruct", "Meta-Llama-3.3-70B-Instruct"),
    understand=_openai.understand,
    opening=lambda answer: [_chunk(answer, [_choice({"content": "", "role": "assistant"})])],
    event=_event,
    closing=_closing,
    failure=_openai.failure,
    refuse=_openai.refuse,
    limits_said=_limits_said,
    limits={"requests_per_minute": 240, "requests_per_day": 48_000},
    content_type="text/event-stream; charset=utf-8",
)
