"""Gemini's streamGenerateContent, as server-sent events or as items of a JSON array: the same objects in both.

Usage comes with every event. Thoughts are counted apart from the candidates, so the tokens generated are the
two together. A blocked prompt has no candidate, only the reason for which it was blocked.
"""

from typing import Any

import msgspec

from pipeline.decode import errors, lenient
from pipeline.decode.delta import Decode, Delta
from pipeline.decode.lenient import Count


class _Call(msgspec.Struct, gc=False):
    name: str | None = None
    args: Any = None


class _Code(msgspec.Struct, gc=False):
    code: str | None = None


class _Part(msgspec.Struct, gc=False, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    function_call: _Call | None = None
    executable_code: _Code | None = None


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, gc=False, rename="camel"):
    prompt_token_count: Count | None = None
    candidates_token_count: Count | None = None
    thoughts_token_count: Count | None = None
    cached_content_token_count: Count | None = None


class _Feedback(msgspec.Struct, gc=False, rename="camel"):
    block_reason: str | None = None


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Usage | None = None
    prompt_feedback: _Feedback | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


_STRICT = msgspec.json.Decoder(_Answer)


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event, or one item, of an answer holds."""
    answer = lenient.read(_STRICT, data)
    if answer is None or answer.error or event_type == "error":
        failure = errors.of_event(event_type, data)
        return Delta(error_code=failure.code, error_message=failure.message)
    return _understand(answer)


def _understand(answer: _Answer) -> Delta:
    candidates = answer.candidates or []
    parts = [part for one in candidates if one.content for part in one.content.parts or ()]
    content = _concat([part.text for part in parts if not part.thought])
    reasoning = _concat([part.text for part in parts if part.thought])
    calls = [call for part in parts if (call := _called(part)) is not None]
    usage = answer.usage_metadata or _Usage()
    return Delta(
        content=content,
        reasoning=reasoning,
        tool_calls="".join(calls) if calls else None,
        has_token=bool(content or reasoning or calls),
        finish_reason=_finish(candidates, answer.prompt_feedback),
        prompt_tokens=usage.prompt_token_count,
        completion_tokens=_sum(usage.candidates_token_count, usage.thoughts_token_count),
        cached_tokens=usage.cached_content_token_count,
        reasoning_tokens=usage.thoughts_token_count,
        model=answer.model_version or None,
        response_id=answer.response_id or None,
    )


def _finish(candidates: list[_Candidate], feedback: _Feedback | None) -> str | None:
    reasons = [one.finish_reason for one in candidates if one.finish_reason]
    return reasons[-1] if reasons else (feedback and feedback.block_reason) or None


def _called(part: _Part) -> str | None:
    """Arguments of a call, or code that the model runs; None where the part is neither."""
    if part.function_call:
        return lenient.dumps(part.function_call.args)
    return part.executable_code.code if part.executable_code else None


def _concat(texts: list[str | None]) -> str | None:
    present = [text for text in texts if text is not None]
    return "".join(present) if present else None


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return min(sum(known), lenient.MOST) if known else None


DIALECTS: dict[str, Decode] = {"gemini": decode}
