"""Anthropic's messages: typed events, content in blocks, usage at the start and, final, before the end.

`input_tokens` leaves out what a cache served or took in, so prompt tokens are the three together.
"""

from typing import Any

import msgspec

from pipeline.decode import errors, lenient
from pipeline.decode.delta import Decode, Delta
from pipeline.decode.lenient import Count


class _Usage(msgspec.Struct, gc=False):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None


class _Block(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    name: str | None = None


class _Change(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Message(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Change | None = None
    usage: _Usage | None = None
    completion: str | None = None  # the older text completions
    stop_reason: str | None = None
    model: str | None = None
    error: Any = None


_STRICT = msgspec.json.Decoder(_Event)
_NO_MESSAGE, _NO_BLOCK, _NO_CHANGE, _NO_USAGE = _Message(), _Block(), _Change(), _Usage()


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of a message holds."""
    event = lenient.read(_STRICT, data)
    if event is None or event.error or "error" in (event_type, event.type):
        failure = errors.of_event(event_type, data)
        return Delta(error_code=failure.code, error_message=failure.message)
    return _understand(event)


def _understand(event: _Event) -> Delta:
    message, block = event.message or _NO_MESSAGE, event.content_block or _NO_BLOCK
    change, usage = event.delta or _NO_CHANGE, event.usage or message.usage or _NO_USAGE
    content = next((text for text in (change.text, block.text, event.completion) if text is not None), None)
    reasoning = block.thinking if change.thinking is None else change.thinking
    return Delta(
        content=content,
        reasoning=reasoning,
        tool_calls=change.partial_json,
        has_token=bool(content or reasoning or change.partial_json or block.name),
        finish_reason=change.stop_reason or message.stop_reason or event.stop_reason or None,
        prompt_tokens=prompt_tokens(
            usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens
        ),
        completion_tokens=usage.output_tokens,
        cached_tokens=usage.cache_read_input_tokens,
        model=message.model or event.model or None,
        response_id=message.id or None,
    )


def prompt_tokens(uncached: int | None, *cached: int | None) -> int | None:
    """All tokens of the prompt, from those that no cache knew and those of a cache."""
    return None if uncached is None else min(uncached + sum(part or 0 for part in cached), lenient.MOST)


DIALECTS: dict[str, Decode] = {"anthropic-messages": decode}
