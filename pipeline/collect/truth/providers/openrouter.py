"""OpenRouter: comments while it waits, its host's name in each chunk, usage with costs last, errors inside.

As captured: the chunk with usage has a choice; a failure is a bare error without choices, on a 200 without
`[DONE]`; limits are in headers of a 429 only, their reset in milliseconds since 1970, without a Retry-After.
"""

from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import Account, Answer, Event, Headers, Provider, Refusal, Reply

_COMMENT = b": OPENROUTER PROCESSING\n\n"
_HOST = "Simulated"


def _chunk(answer: Answer, content: str, finish: str | None = None, **more: object) -> bytes:
    said = {"finish_reason": finish, "native_finish_reason": finish, "logprobs": None}
    return _openai.event(
        {
            "id": _id(answer),
            "provider": _HOST,
            "model": answer.request.model,
            "object": "chat.completion.chunk",
            "created": answer.created,
            "choices": [{"index": 0, "delta": {"role": "assistant", "content": content}, **said}],
            **more,
        }
    )


def _id(answer: Answer) -> str:
    return f"gen-{answer.created}-{answer.name[:20]}"


def _event(answer: Answer, event: Event) -> bytes:
    """The last text comes with the finish."""
    return _chunk(answer, event.text, _openai.finish(answer) if answer.is_last(event) else None)


def _closing(answer: Answer) -> list[bytes]:
    details = {"prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}
    counted = {**_openai.usage(answer), "cost": 0, "is_byok": False, **details}
    return [_chunk(answer, "", usage=counted), _openai.DONE]


def _failure(_: Answer) -> list[bytes]:
    said = {"message": "Upstream error: simulated failure", "code": 502, "metadata": {"provider_name": _HOST}}
    return [_openai.event({"error": said, "user_id": "user_simulated"})]


def _limits_of(account: Account) -> Headers:
    level = account.levels.get(account.exceeded or "")
    if level is None:
        return {}
    reset_ms = f"{1e3 * (account.at + account.wait_s):.0f}"
    return {
        "x-ratelimit-limit": str(level.allowed),
        "x-ratelimit-remaining": str(level.remaining),
        "x-ratelimit-reset": reset_ms,
    }


def _refuse(refusal: Refusal) -> Reply:
    status = _openai.STATUSES[refusal.kind]
    headers = _limits_of(refusal.account)
    more = {"metadata": {"headers": headers, "provider_name": None}} if headers else {}
    body = {"error": {"message": refusal.message, "code": status, **more}, "user_id": "user_simulated"}
    return Reply(status, body, headers)


PROVIDER = Provider(
    models=("meta-llama/llama-3.1-8b-instruct", "meta-llama/llama-3.3-70b-instruct"),
    understand=_openai.understand,
    opening=lambda answer: [_COMMENT, _COMMENT, _COMMENT, _chunk(answer, "")],
    event=_event,
    closing=_closing,
    failure=_failure,
    refuse=_refuse,
    headers=lambda answer: {"x-generation-id": _id(answer), "cf-ray": f"{answer.name[:16]}-SIM"},
    tokens_per_event=(1, 4),
)
