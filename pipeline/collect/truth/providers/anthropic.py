"""Anthropic's messages: typed events, a ping, blanks inside the JSON as padding, usage at both ends, no `[DONE]`.

As captured. Limits are told as moments; an error inside the stream is an event of its own. It is simulated without
the compression that it offers, since nothing here asks for one.
"""

from datetime import UTC, datetime

import msgspec

from pipeline.collect.truth.asking import Asked
from pipeline.collect.truth.providers import _openai
from pipeline.collect.truth.providers._contract import (
    Account,
    Answer,
    Event,
    Headers,
    Kind,
    NotUnderstoodError,
    Provider,
    Refusal,
    Reply,
    Request,
)

_LIMITS = {"requests_per_minute": "requests", "tokens_per_minute": "tokens"}
_TYPES: dict[Kind, str] = {
    "no_key": "authentication_error",
    "malformed": "invalid_request_error",
    "unknown_model": "not_found_error",
    "retired_model": "not_found_error",
    "limited": "rate_limit_error",
}


def _understand(asked: Asked) -> Request:
    if not asked.path.endswith("/messages"):
        raise NotUnderstoodError(f"{asked.method} {asked.path}: not found")
    if "anthropic-version" not in asked.headers:
        raise NotUnderstoodError("anthropic-version: header is required")
    body = _openai.json_of(asked)
    if body.get("max_tokens") is None:
        raise NotUnderstoodError("max_tokens: Field required")
    return Request(
        model=_openai.text_of(body, "model"),
        prompt=_openai.prompt([body.get("system"), body.get("messages")]),
        most_tokens=_openai.most_tokens(body["max_tokens"]),
        has_key=bool(asked.headers.get("x-api-key")),
        wants_usage=True,
        body=body,
    )


def _typed(data: _openai.Json, padding: int = 0) -> bytes:
    """An event with its type twice, and blanks before its last brace."""
    text = msgspec.json.encode(data)
    return b"event: %s\ndata: %s%s}\n\n" % (data["type"].encode(), text[:-1], b" " * padding)


def _opening(answer: Answer) -> list[bytes]:
    cached = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    message: _openai.Json = {
        "model": answer.request.model,
        "id": f"msg_{answer.name[:24]}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": answer.prompt_tokens, **cached, "output_tokens": 1, "service_tier": "standard"},
    }
    return [
        _typed({"type": "message_start", "message": message}, 2),
        _typed({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, 3),
        b'event: ping\ndata: {"type": "ping"}\n\n',
    ]


def _event(_: Answer, event: Event) -> bytes:
    delta = {"type": "text_delta", "text": event.text}
    return _typed({"type": "content_block_delta", "index": 0, "delta": delta}, len(event.text) % 8)


def _closing(answer: Answer) -> list[bytes]:
    reason = _openai.finish(answer, stop="end_turn", length="max_tokens")
    changed = {"stop_reason": reason, "stop_sequence": None}
    counted = {"input_tokens": answer.prompt_tokens, "output_tokens": answer.tokens}
    return [
        _typed({"type": "content_block_stop", "index": 0}, 4),
        _typed({"type": "message_delta", "delta": changed, "usage": counted}, 1),
        _typed({"type": "message_stop"}, 5),
    ]


def _failure(_: Answer) -> list[bytes]:
    said = {"type": "overloaded_error", "message": "Overloaded (simulated)"}
    return [_typed({"type": "error", "error": said})]


def _limits_said(account: Account) -> Headers:
    said: Headers = {}
    for limit, name in _LIMITS.items():
        if (level := account.levels.get(limit)) is not None:
            whole_at = datetime.fromtimestamp(account.at + level.whole_in_s, UTC)
            said[f"anthropic-ratelimit-{name}-limit"] = str(level.allowed)
            said[f"anthropic-ratelimit-{name}-remaining"] = str(level.remaining)
            said[f"anthropic-ratelimit-{name}-reset"] = whole_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return said


def _refuse(refusal: Refusal) -> Reply:
    said = {"type": _TYPES[refusal.kind], "message": refusal.message}
    body = {"type": "error", "error": said, "request_id": f"req_{refusal.name[-24:]}"}
    again = "true" if refusal.kind == "limited" else "false"
    return Reply(_openai.STATUSES[refusal.kind], body, {"x-should-retry": again, **_openai.retry_after(refusal)})


PROVIDER = Provider(
    models=("claude-haiku-4-5-20251001",),
    understand=_understand,
    opening=_opening,
    event=_event,
    closing=_closing,
    failure=_failure,
    refuse=_refuse,
    headers=lambda answer: {"request-id": f"req_{answer.name[:24]}"},
    limits_said=_limits_said,
    limits={"requests_per_minute": 2_000, "tokens_per_minute": 1_200_000},
    content_type="text/event-stream; charset=utf-8",
    tokens_per_event=(1, 6),
)
