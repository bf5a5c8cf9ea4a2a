"""The bytes of an OpenAI-shaped chat stream: SSE events, made once and used for every stream."""

import json
from functools import cache
from typing import Any

MODEL = "truth"
WORDS = 1000
"""Contents repeat after this many tokens: a lost or doubled event shows, and memory stays bounded."""

DONE = b"data: [DONE]\n\n"


def event(data: dict[str, Any]) -> bytes:
    """One SSE event."""
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def delta(content: str | None, finish: str | None = None, role: str | None = None) -> bytes:
    """One chunk of a chat completion."""
    said = {"role": role, "content": content} if role else {} if content is None else {"content": content}
    choice = {"index": 0, "delta": said, "finish_reason": finish}
    return event(
        {"id": "truth", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
    )


@cache
def token(number: int) -> bytes:
    """Event of the token with this number."""
    return delta(f" t{number:03d}") if number < WORDS else token(number % WORDS)


ROLE = delta("", role="assistant")


def finish(reason: str = "stop") -> bytes:
    """The event that says why the stream ends."""
    return delta(None, finish=reason)


def usage(tokens: int) -> bytes:
    """The event that counts the tokens."""
    counts = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
    return event({"id": "truth", "object": "chat.completion.chunk", "model": MODEL, "choices": [], "usage": counts})


def whole(tokens: int) -> bytes:
    """A chat completion that is not streamed."""
    message = {"role": "assistant", "content": "".join(f" t{number % WORDS:03d}" for number in range(tokens))}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    counts = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
    return json.dumps({"id": "truth", "object": "chat.completion", "choices": choices, "usage": counts}).encode()


def error(message: str, code: str | int = "internal") -> bytes:
    """The body of an error in OpenAI's shape."""
    return json.dumps({"error": {"message": message, "type": "server_error", "code": code}}).encode()
