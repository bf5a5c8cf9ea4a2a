"""OpenAI's responses: each event names its type, and the last one holds the whole response with its usage.

Only `….delta` events are read for text; the `….done` events say all of it once more.
"""

from typing import Any

import msgspec

from pipeline.decode import errors, lenient
from pipeline.decode.delta import Decode, Delta, Slots
from pipeline.decode.lenient import Count

_CONTENT = frozenset({"response.output_text.delta"})
_REASONING = frozenset(
    {"response.reasoning_text.delta", "response.reasoning_summary_text.delta", "response.reasoning.delta"}
)
_ARGUMENTS = frozenset(
    {
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.mcp_call_arguments.delta",
        "response.code_interpreter_call_code.delta",
    }
)
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_FAILED = frozenset({"error", "response.error", "response.failed"})


class _InputDetails(msgspec.Struct, gc=False):
    cached_tokens: Count | None = None


class _OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: Count | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Incomplete(msgspec.Struct, gc=False):
    reason: str | None = None


class _Response(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    status: str | None = None
    usage: _Usage | None = None
    incomplete_details: _Incomplete | None = None
    error: Any = None


class _Item(msgspec.Struct, gc=False):
    type: str | None = None
    name: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str | None = None
    delta: Any = None
    item: _Item | None = None
    response: _Response | None = None
    error: Any = None


_STRICT = msgspec.json.Decoder(_Event)
_DONE = Delta(is_done=True)


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of a response holds."""
    if data.strip() == b"[DONE]":
        return _DONE
    event = lenient.read(_STRICT, data)
    kind = (event.type if event else None) or event_type
    if event is None or event.error or kind in _FAILED:
        return _failed(event, kind, data)
    if event.response:
        return _whole(event.response, kind)
    return _part(event, kind)


def _part(event: _Event, kind: str) -> Delta:
    text = lenient.mend(event.delta) if isinstance(event.delta, str) else None
    content = text if kind in _CONTENT else None
    reasoning = text if kind in _REASONING else None
    arguments = text if kind in _ARGUMENTS else None
    is_call = kind == "response.output_item.added" and bool(event.item and event.item.name)
    return Delta(content, reasoning, arguments, has_token=bool(content or reasoning or arguments) or is_call)


def _whole(response: _Response, kind: str, failure: errors.Failure = errors.NONE) -> Delta:
    usage = response.usage or _Usage()
    cached, reasoned = usage.input_tokens_details, usage.output_tokens_details
    incomplete = response.incomplete_details.reason if response.incomplete_details else None
    ended = incomplete or response.status or kind.rpartition(".")[2]
    return Delta(
        finish_reason=ended if kind in _ENDS else None,
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        cached_tokens=cached.cached_tokens if cached else None,
        reasoning_tokens=reasoned.reasoning_tokens if reasoned else None,
        error_code=failure.code,
        error_message=failure.message,
        model=response.model or None,
        response_id=response.id or None,
    )


def _failed(event: _Event | None, kind: str, data: bytes) -> Delta:
    """An `error` event, or a response that failed: its error lies inside it."""
    if event is None or event.response is None:
        failure = errors.of_event("error" if kind in _FAILED else kind, data)
        return Delta(error_code=failure.code, error_message=failure.message)
    return _whole(event.response, kind, errors.describe(event.response.error or event.error or {}, {}))


DIALECTS: dict[str, Decode] = {"openai-responses": decode}

SLOTS = Slots(texts=("delta", "obfuscation"), numbers=("sequence_number",))
