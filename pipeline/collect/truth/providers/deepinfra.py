"""DeepInfra: vLLM's shape; usage in the chunk that finishes, with its estimated cost. No headers are known."""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Answer, Event, Provider, Refusal, Reply

_USD_PER_TOKEN = 1e-7
"""Made up."""


def _chunk(answer: Answer, delta: _openai.Json, finish: str | None = None, **more: object) -> bytes:
    return _openai.event(_openai.chunk(answer, [_openai.choice(delta, finish, logprobs=None)], **more))


def _event(answer: Answer, event: Event) -> bytes:
    return _chunk(answer, {"content": event.text})


def _closing(answer: Answer) -> list[bytes]:
    counted = _openai.usage(answer)
    counted["estimated_cost"] = counted["total_tokens"] * _USD_PER_TOKEN
    return [_chunk(answer, {"content": ""}, _openai.finish(answer), usage=counted), _openai.DONE]


def _refuse(refusal: Refusal) -> Reply:
    """As its FastAPI front end does: a `detail`."""
    return Reply(
        _openai.STATUSES[refusal.kind], {"detail": {"error": refusal.message}}, _openai.retry_after(refusal)
    )


PROVIDER = Provider(
    models=("meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    retired=("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo",),
    understand=_openai.understand,
    opening=lambda answer: [_chunk(answer, {"role": "assistant", "content": ""})],
    event=_event,
    closing=_closing,
    failure=_openai.failure,
    refuse=_refuse,
    tokens_per_event=(1, 2),
)
