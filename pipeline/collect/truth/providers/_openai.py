"""What the providers that follow OpenAI's chat completions have in common. Each changes what it does otherwise."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.collect.truth.asking import Asked
from pipeline.collect.truth.chat import DONE, event
from pipeline.collect.truth.providers._contract import (
    Account,
    Answer,
    Headers,
    Kind,
    NotUnderstoodError,
    Refusal,
    Reply,
    Request,
)

__all__ = ["DONE", "event"]

Json = dict[str, Any]

STATUSES: dict[Kind, int] = {
    "no_key": 401,
    "malformed": 400,
    "unknown_model": 404,
    "retired_model": 404,
    "limited": 429,
}
CODES: dict[Kind, str | None] = {
    "no_key": "invalid_api_key",
    "malformed": None,
    "unknown_model": "model_not_found",
    "retired_model": "model_not_found",
    "limited": "rate_limit_exceeded",
}


def understand(asked: Asked) -> Request:
    """Read a chat completion's request."""
    if not asked.path.endswith("/chat/completions"):
        raise NotUnderstoodError(f"Unknown request URL: {asked.method} {asked.path}")
    body = json_of(asked)
    options = body.get("stream_options")
    return Request(
        model=text_of(body, "model"),
        prompt=prompt(body.get("messages")),
        most_tokens=most_tokens(body.get("max_completion_tokens", body.get("max_tokens"))),
        has_key=asked.headers.get("authorization", "").removeprefix("Bearer").strip() != "",
        wants_usage=isinstance(options, dict) and options.get("include_usage") is True,
        body=body,
    )


def json_of(asked: Asked) -> Json:
    """The JSON object of a request that wants a stream."""
    try:
        body: Json = msgspec.json.decode(asked.body, type=Json)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise NotUnderstoodError(f"The body is not a JSON object: {error}") from error
    if body.get("stream", True) is not True:
        raise NotUnderstoodError("The simulator only streams: set stream to true")
    return body


def text_of(body: Json, key: str) -> str:
    """A text that must be there."""
    value = body.get(key)
    if not isinstance(value, str):
        raise NotUnderstoodError(f"`{key}` is missing, or is not a string")
    return value


def most_tokens(value: object) -> int | None:
    """The most tokens that an answer may have."""
    if value is None or (isinstance(value, int) and value > 0):
        return value
    raise NotUnderstoodError(f"{value!r} is not a number of tokens")


def prompt(messages: object) -> str:
    """All texts in a request's messages, wherever in them they lie, one a line."""
    if isinstance(messages, str):
        return messages
    if isinstance(messages, list):
        return "\n".join(filter(None, map(prompt, messages)))
    return prompt([messages.get(key) for key in ("content", "text", "parts")]) if isinstance(messages, dict) else ""


def chunk(answer: Answer, choices: list[Json], **more: Any) -> Json:
    """A chunk's JSON, in OpenAI's order of keys."""
    return {
        "id": f"chatcmpl-{answer.name}",
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.request.model,
        "choices": choices,
        **more,
    }


def choice(delta: Json, finish: str | None = None, **more: Any) -> Json:
    """The one choice of a chunk."""
    return {"index": 0, "delta": delta, **more, "finish_reason": finish}


def finish(answer: Answer, stop: str = "stop", length: str = "length") -> str:
    """Why the answer ends, in the provider's words."""
    return length if answer.is_cut else stop


def usage(answer: Answer) -> Json:
    """The answer's tokens."""
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens,
        "total_tokens": answer.prompt_tokens + answer.tokens,
    }


def spaced(data: Json) -> bytes:
    """An event whose JSON has blanks, as Python writes it by default."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def error(refusal: Refusal, codes: Mapping[Kind, Any] = CODES) -> Json:
    """The body of an error."""
    kind = "requests" if refusal.kind == "limited" else "invalid_request_error"
    return {"error": {"message": refusal.message, "type": kind, "param": None, "code": codes[refusal.kind]}}


def refuse(refusal: Refusal) -> Reply:
    """Refuse as OpenAI does."""
    return Reply(STATUSES[refusal.kind], error(refusal), retry_after(refusal))


def failure(_: Answer) -> list[bytes]:
    """An error as the last event of a stream."""
    said = {"message": "simulated failure", "type": "server_error", "param": None, "code": 500}
    return [event({"error": said})]


def failure_and_done(answer: Answer) -> list[bytes]:
    """The same as vLLM does it."""
    return [*failure(answer), DONE]


def retry_after(refusal: Refusal) -> Headers:
    """When to come back, in whole seconds; nothing where no limit was hit."""
    return {"retry-after": f"{-(-refusal.account.wait_s // 1):.0f}"} if refusal.kind == "limited" else {}


def levels_said(account: Account, named: Mapping[str, str], reset: Any) -> Headers:
    """Headers of the limits there are: `x-ratelimit-{limit,remaining,reset}-<name>`."""
    said: Headers = {}
    for limit, name in named.items():
        if (level := account.levels.get(limit)) is not None:
            said[f"x-ratelimit-limit-{name}"] = str(level.allowed)
            said[f"x-ratelimit-remaining-{name}"] = str(level.remaining)
            said[f"x-ratelimit-reset-{name}"] = reset(level)
    return said
