"""Cohere's chat (v2): typed events, text under `delta.message`, finish reason and usage with the last one."""

from typing import Any

import msgspec

from pipeline.decode import errors, lenient
from pipeline.decode.delta import Decode, Delta
from pipeline.decode.lenient import Count


class _Content(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    content: _Content | None = None
    tool_plan: str | None = None
    tool_calls: _Call | None = None


class _Tokens(msgspec.Struct, gc=False):
    input_tokens: Count | None = None
    output_tokens: Count | None = None


class _Usage(msgspec.Struct, gc=False):
    tokens: _Tokens | None = None
    billed_units: _Tokens | None = None


class _Change(msgspec.Struct, gc=False):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: Any = None


class _Event(msgspec.Struct, gc=False):
    id: str | None = None
    delta: _Change | None = None
    error: Any = None


_STRICT = msgspec.json.Decoder(_Event)


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of a chat holds; a plan of tool calls is reasoning."""
    event = lenient.read(_STRICT, data)
    change = (event.delta if event else None) or _Change()
    if event is None or event.error or event_type == "error":
        failure = errors.of_event(event_type, data)
        return Delta(error_code=failure.code, error_message=failure.message)
    message = change.message or _Message()
    text, call = message.content or _Content(), (message.tool_calls or _Call()).function or _Function()
    reasoning = message.tool_plan if text.thinking is None else text.thinking
    usage = change.usage or _Usage()
    tokens = usage.tokens or usage.billed_units or _Tokens()
    failure = errors.describe(change.error, {}) if change.error else errors.NONE
    return Delta(
        content=text.text,
        reasoning=reasoning,
        tool_calls=call.arguments,
        has_token=bool(text.text or reasoning or call.arguments or call.name),
        finish_reason=change.finish_reason or None,
        prompt_tokens=tokens.input_tokens,
        completion_tokens=tokens.output_tokens,
        error_code=failure.code,
        error_message=failure.message,
        response_id=event.id or None,
    )


DIALECTS: dict[str, Decode] = {"cohere-chat": decode}
