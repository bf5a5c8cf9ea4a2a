"""Ollama's own protocol, a JSON object a line: `/api/chat` (`message`) and `/api/generate` (`response`).

The last line has `done`, the counts, and durations in nanoseconds; older servers give no reason with it.
"""

from typing import Any

import msgspec

from pipeline.decode import errors, lenient, timings
from pipeline.decode.delta import Decode, Delta, Slots
from pipeline.decode.lenient import Count


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: Any = None


class _Call(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct, gc=False):
    model: str | None = None
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: Count | None = None
    eval_count: Count | None = None
    error: Any = None


_STRICT = msgspec.json.Decoder(_Line)


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one line of an answer holds."""
    line = lenient.read(_STRICT, data)
    if line is None or line.error or event_type == "error":
        failure = errors.of_event(event_type, data)
        return Delta(error_code=failure.code, error_message=failure.message)
    message = line.message or _Message(line.response, line.thinking)
    calls = [call.function for call in message.tool_calls or () if call.function]
    said = message.content, message.thinking, "".join(lenient.dumps(call.arguments) for call in calls) or None
    has_token = any(said) or any(call.name for call in calls)
    if not line.done:
        return Delta(*said, has_token, model=line.model or None)
    counted = line.prompt_eval_count, line.eval_count, None, None
    names = line.model or None, None, None
    timed = timings.of_ollama(lenient.loads(data))
    return Delta(*said, has_token, line.done_reason or "done", *counted, None, None, *names, False, None, *timed)


DIALECTS: dict[str, Decode] = {"ollama-chat": decode, "ollama-generate": decode}

SLOTS = Slots(texts=("content", "thinking", "response", "created_at"))
