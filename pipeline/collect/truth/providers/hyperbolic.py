"""Hyperbolic: vLLM's shape with blanks in its JSON; usage so far in every chunk, one token ahead. As captured."""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Answer, Event, Kind, Provider, Refusal, Reply

_CODES: dict[Kind, int] = {
    "no_key": 40100,
    "malformed": 40000,
    "unknown_model": 40301,
    "retired_model": 40301,
    "limited": 42901,
}


def _chunk(answer: Answer, delta: _openai.Json, tokens: int, finish: str | None = None) -> bytes:
    prompt = answer.prompt_tokens
    counted = {"prompt_tokens": prompt, "total_tokens": prompt + tokens, "completion_tokens": tokens}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return _openai.spaced(_openai.chunk(answer, [choice], usage=counted))


def _event(answer: Answer, event: Event) -> bytes:
    """The count so far holds the empty role chunk for a token, until the last event."""
    return _chunk(answer, {"content": event.text}, min(answer.tokens, event.tokens_so_far + 1))


def _closing(answer: Answer) -> list[bytes]:
    return [_chunk(answer, {"content": ""}, answer.tokens, _openai.finish(answer)), _openai.DONE]


def _refuse(refusal: Refusal) -> Reply:
    """Without `error` around it; a model that it does not have is a 400."""
    status = 400 if refusal.kind in ("unknown_model", "retired_model") else _openai.STATUSES[refusal.kind]
    code = _CODES[refusal.kind]
    body = {"object": "error", "message": refusal.message, "type": "", "param": None, "code": code}
    return Reply(status, body, _openai.retry_after(refusal))


PROVIDER = Provider(
    models=("meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"),
    understand=_openai.understand,
    opening=lambda answer: [_chunk(answer, {"role": "assistant", "content": ""}, 1)],
    event=_event,
    closing=_closing,
    failure=_openai.failure_and_done,
    refuse=_refuse,
    content_type="text/event-stream; charset=utf-8",
    opens_early=False,
)
