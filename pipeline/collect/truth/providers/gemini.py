"""Gemini's streamGenerateContent: CRLF, a whole response with usage in every event, many tokens each, no `[DONE]`.

As captured; so is that an error before the stream is called an event stream, and is none.
"""

import json
import re

from pipeline.collect.truth.asking import Asked
from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import (
    Answer,
    Event,
    Kind,
    NotUnderstoodError,
    Provider,
    Refusal,
    Reply,
    Request,
)

_PATH = re.compile(r"/models/([^/:?]+):streamGenerateContent\?(?:.*&)?alt=sse(?:&|$)")
_STATUSES: dict[Kind, tuple[int, str]] = {
    "no_key": (400, "INVALID_ARGUMENT"),
    "malformed": (400, "INVALID_ARGUMENT"),
    "unknown_model": (404, "NOT_FOUND"),
    "retired_model": (404, "NOT_FOUND"),
    "limited": (429, "RESOURCE_EXHAUSTED"),
}


def _understand(asked: Asked) -> Request:
    """The model is in the path."""
    found = _PATH.search(asked.path)
    if found is None:
        raise NotUnderstoodError(f"{asked.method} {asked.path}: only streamGenerateContent?alt=sse is simulated")
    body = _openai.json_of(asked)
    config = body.get("generationConfig")
    most = config.get("maxOutputTokens") if isinstance(config, dict) else None
    return Request(
        model=found[1],
        prompt=_openai.prompt(body.get("contents")),
        most_tokens=_openai.most_tokens(most),
        has_key=bool(asked.headers.get("x-goog-api-key")) or "key=" in asked.path,
        wants_usage=True,
        body=body,
    )


def _event(answer: Answer, event: Event) -> bytes:
    counted = {"promptTokenCount": answer.prompt_tokens, "candidatesTokenCount": event.tokens_so_far}
    content = {"content": {"parts": [{"text": event.text}], "role": "model"}}
    reason = _openai.finish(answer, stop="STOP", length="MAX_TOKENS")
    last = {"finishReason": reason} if answer.is_last(event) else {}
    return _line(
        {
            "candidates": [{**content, **last, "index": 0}],
            "usageMetadata": {**counted, "totalTokenCount": sum(counted.values())},
            "modelVersion": answer.request.model,
            "responseId": answer.name[:23],
        }
    )


def _line(data: _openai.Json) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ": ")).encode() + b"\r\n\r\n"


def _error(code: int, status: str, message: str, **more: object) -> _openai.Json:
    return {"error": {"code": code, "message": message, "status": status, **more}}


def _refuse(refusal: Refusal) -> Reply:
    code, status = _STATUSES[refusal.kind]
    if refusal.kind != "limited":
        return Reply(code, _error(code, status, refusal.message), content_type="text/event-stream")
    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{refusal.account.wait_s:.0f}s"}
    body = _error(code, status, refusal.message, details=[wait])
    return Reply(code, body, content_type="application/json; charset=UTF-8")


PROVIDER = Provider(
    models=("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    understand=_understand,
    opening=lambda _: [],
    event=_event,
    closing=lambda _: [],
    failure=lambda _: [_line(_error(503, "UNAVAILABLE", "The model is overloaded (simulated)."))],
    refuse=_refuse,
    headers=lambda answer: {"server-timing": f"gfet4t7; dur={1e3 * answer.head_s:.0f}"},
    tokens_per_event=(8, 24),
    opens_early=False,
)
