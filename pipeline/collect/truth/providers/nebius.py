"""Nebius: vLLM's shape; usage only when asked for, in a chunk of its own. As captured; errors as vLLM's."""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Answer, Event, Provider


def _chunk(answer: Answer, choices: list[_openai.Json], **more: object) -> bytes:
    made = _openai.chunk(answer, choices, **more)
    return _openai.event({key: made[key] for key in ("id", "choices", "created", "model", "object", *more)})


def _choice(delta: _openai.Json, finish: str | None = None, **more: object) -> _openai.Json:
    return {"delta": delta, "finish_reason": finish, "index": 0, "logprobs": None, **more}


def _event(answer: Answer, event: Event) -> bytes:
    return _chunk(answer, [_choice({"content": event.text})])


def _closing(answer: Answer) -> list[bytes]:
    last = _chunk(answer, [_choice({"content": ""}, _openai.finish(answer), stop_reason=None)])
    counts = [_chunk(answer, [], usage=_openai.usage(answer))] if answer.request.wants_usage else []
    return [last, *counts, _openai.DONE]


PROVIDER = Provider(
    models=("meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"),
    retired=("meta-llama/Meta-Llama-3.1-8B-Instruct-fast",),
    understand=_openai.understand,
    opening=lambda answer: [_chunk(answer, [_choice({"content": "", "role": "assistant"})])],
    event=_event,
    closing=_closing,
    failure=_openai.failure_and_done,
    refuse=_openai.refuse,
    content_type="text/event-stream; charset=utf-8",
    opens_early=False,
)
