"""OpenAI's answer objects, for both paths, streamed and whole."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.collect.engines.openvino_server.asked import Asked

DONE = b"data: [DONE]\n\n"
_STARTED_AT = int(time.time())
_numbers = itertools.count(1)


@dataclass
class Usage:
    """Token counts; the end-of-turn token counts, as it was generated."""

    prompt_tokens: int
    completion_tokens: int = 0

    def as_json(self) -> dict[str, int]:
        """OpenAI's usage object."""
        total = self.prompt_tokens + self.completion_tokens
        counts = {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}
        return counts | {"total_tokens": total}


@dataclass(frozen=True)
class Answer:
    """What all parts of one answer have in common."""

    asked: Asked
    fingerprint: str
    number: int = field(default_factory=lambda: next(_numbers))
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def is_chat(self) -> bool:
        """Which of the two paths was asked."""
        return self.asked.messages is not None

    def _envelope(self, *, is_chunk: bool) -> dict[str, Any]:
        kind = ("chat.completion" + ".chunk" * is_chunk) if self.is_chat else "text_completion"
        return {
            "id": f"{'chatcmpl' if self.is_chat else 'cmpl'}-{self.number}",
            "object": kind,
            "created": self.created,
            "model": self.asked.model,
            "system_fingerprint": self.fingerprint,
        }

    def chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        """One event with one choice."""
        said: dict[str, Any] = {"delta": delta} if self.is_chat else {"text": delta.get("content", "")}
        choice = {"index": 0, **said, "logprobs": None, "finish_reason": finish_reason}
        return self._event([choice], {"usage": None} if self.asked.has_usage else {})

    def opening(self) -> Iterator[bytes]:
        """The role event, which only a chat has; it carries no token."""
        if self.is_chat:
            yield self.chunk({"role": "assistant", "content": ""})

    def closing(self, finish_reason: str, usage: Usage) -> Iterator[bytes]:
        """Finish event, usage where it was asked for, end mark."""
        yield self.chunk({}, finish_reason)
        if self.asked.has_usage:
            yield self._event([], {"usage": usage.as_json()})
        yield DONE

    def _event(self, choices: list[dict[str, Any]], more: dict[str, Any]) -> bytes:
        return event({**self._envelope(is_chunk=True), "choices": choices, **more})

    def whole(self, text: str, finish_reason: str, usage: Usage) -> dict[str, Any]:
        """The answer to a request that is not streamed."""
        message = {"message": {"role": "assistant", "content": text}} if self.is_chat else {"text": text}
        choice = {"index": 0, **message, "logprobs": None, "finish_reason": finish_reason}
        return {**self._envelope(is_chunk=False), "choices": [choice], "usage": usage.as_json()}


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def error(message: str, kind: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def models(model: str) -> dict[str, Any]:
    """The list of the one model that is served."""
    one = {"id": model, "object": "model", "created": _STARTED_AT, "owned_by": "local"}
    return {"object": "list", "data": [one]}
