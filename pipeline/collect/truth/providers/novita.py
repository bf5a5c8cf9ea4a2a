"""Novita: several tokens an event, filters' results in each, the last text with the finish, usage if asked for."""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Answer, Event, Provider

_UNFILTERED = {name: {"filtered": False} for name in ("hate", "self_harm", "sexual", "violence")}


def _chunk(answer: Answer, delta: _openai.Json, finish: str | None = None) -> bytes:
    choice = _openai.choice(delta, finish, content_filter_results=_UNFILTERED)
    return _openai.event(_openai.chunk(answer, [choice], system_fingerprint=""))


def _event(answer: Answer, event: Event) -> bytes:
    finish = _openai.finish(answer) if answer.is_last(event) else None
    return _chunk(answer, {"content": event.text}, finish)


def _closing(answer: Answer) -> list[bytes]:
    counts = _openai.event(_openai.chunk(answer, [], system_fingerprint="", usage=_openai.usage(answer)))
    return [counts, _openai.DONE] if answer.request.wants_usage else [_openai.DONE]


PROVIDER = Provider(
    models=("meta-llama/llama-3.1-8b-instruct", "meta-llama/llama-3.3-70b-instruct"),
    retired=("meta-llama/llama-3.1-70b-instruct",),
    understand=_openai.understand,
    opening=lambda answer: [_chunk(answer, {"role": "assistant"})],
    event=_event,
    closing=_closing,
    failure=_openai.failure,
    refuse=_openai.refuse,
    tokens_per_event=(3, 8),
)
