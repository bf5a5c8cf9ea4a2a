"""OpenAI's chat and text completions, as the servers that speak them really send them.

`[DONE]` alone decides nothing, `choices` may be empty or missing, usage may sit in any chunk (Groq: in
`x_groq`, Moonshot: in the choice), reasoning is called `reasoning` or `reasoning_content`, text comes as
`delta.content`, as a list of parts (Mistral, Databricks) or as `text` (completions; Together sends both).
The structs name what is read; every other key is skipped.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from pipeline.decode import errors, lenient, timings
from pipeline.decode.delta import NOTHING, Decode, Delta, Slots
from pipeline.decode.lenient import Count


class _Part(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: "str | list[_Part] | None" = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Message(msgspec.Struct, gc=False):
    role: str | None = None
    content: str | list[_Part] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None
    provider_metadata: Any = None  # Vercel


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: Count | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: Count | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: Count | None = None  # DeepSeek
    reasoning_tokens: Count | None = None  # SGLang
    total_time: Any = None  # Groq; with the next two: the usage holds timings
    total_latency: Any = None  # SambaNova
    time_to_first_token_ms: Any = None  # llama-box


class _Choice(msgspec.Struct, gc=False):
    delta: _Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: Any = None


class _Groq(msgspec.Struct, gc=False):
    usage: _Usage | None = None
    error: Any = None


class _Timings(msgspec.Struct, gc=False):
    cache_n: Count | None = None  # llama.cpp: prompt tokens that came from its cache


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    x_groq: _Groq | None = None
    timings: _Timings | None = None
    time_info: Any = None  # Cerebras
    perf_metrics: Any = None  # Fireworks
    latency_checkpoint: Any = None  # OpenAI on Azure
    provider: Any = None  # OpenRouter: who really answers
    error: Any = None
    model: str | None = None
    id: str | None = None
    system_fingerprint: str | None = None


_STRICT = msgspec.json.Decoder(_Chunk)
_ERROR_OF = attrgetter("error")
_DONE = Delta(is_done=True)

# Parts of a Delta, in its order: content, reasoning, arguments, is any of it a token, finish reason;
_Said = tuple[str | None, str | None, str | None, bool, str | None]
# and tokens of the prompt, of the completion, cached, spent on reasoning.
_Counted = tuple[int | None, int | None, int | None, int | None]
_UNCOUNTED: _Counted = (None, None, None, None)


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of a chat or text completion holds; `NOTHING` where it is no JSON object."""
    try:
        chunk = _STRICT.decode(data)
    except (ValueError, RecursionError):
        if data.strip() == b"[DONE]":
            return _DONE
        loose = lenient.decode(data, _Chunk)
        if loose is None:
            return _unreadable(event_type, data)
        chunk = loose
    choices = chunk.choices or []
    is_suspect = event_type == "error" or chunk.choices is None or _has_error(chunk, choices)
    failure = _failure(event_type, data) if is_suspect else errors.NONE
    usage = chunk.usage or _usage_elsewhere(chunk, choices)
    said = _said(choices[0]) if len(choices) == 1 else _said_by_all(choices)
    counted = _counted(usage, chunk.timings) if usage or chunk.timings else _UNCOUNTED
    names = chunk.model or None, chunk.id or None, chunk.system_fingerprint or None
    role, field = _spelt(choices[0].delta) if choices else (None, None)
    host, timed = _timed(chunk, data) if _is_timed(chunk, usage) else (None, timings.NONE)
    served_by = _served_by(chunk) or host
    return Delta(*said, *counted, *failure, *names, False, served_by, *timed, role=role, reasoning_field=field)


def _spelt(delta: _Message | None) -> tuple[str | None, str | None]:
    """The role, and the name of the field that reasoning came in: two spellings that other tools judge by."""
    if delta is None:
        return None, None
    field = "reasoning" if delta.reasoning else "reasoning_content" if delta.reasoning_content else None
    return delta.role or None, field


def _has_error(chunk: _Chunk, choices: list[_Choice]) -> bool:
    if chunk.error or (chunk.x_groq and chunk.x_groq.error):
        return True
    return any(map(_ERROR_OF, choices))


def _unreadable(event_type: str, data: bytes) -> Delta:
    """An `error` event may hold plain text; anything else that is no JSON object says nothing."""
    if event_type != "error":
        return NOTHING
    return Delta(error_message=data.decode("utf-8", "replace") or "an error event without data")


def _failure(event_type: str, data: bytes) -> errors.Failure:
    value = lenient.loads(data)
    if not isinstance(value, dict):
        return errors.NONE
    found = errors.find(value)
    if found == errors.NONE and event_type == "error":
        return errors.describe(value, {})
    return errors.find(value.get("choices")) if found == errors.NONE else found


def _is_timed(chunk: _Chunk, usage: _Usage | None) -> bool:
    if usage and (usage.total_time or usage.total_latency or usage.time_to_first_token_ms):
        return True
    if chunk.timings or chunk.time_info or chunk.perf_metrics or chunk.latency_checkpoint:
        return True
    return _metadata(chunk) is not None


def _timed(chunk: _Chunk, data: bytes) -> tuple[str | None, timings.Timings]:
    """Who answered behind a gateway, and the server's own timings; read once more, as rare as they are."""
    metadata = _metadata(chunk)
    return timings.of_vercel(metadata) if metadata else (None, timings.find(lenient.loads(data)))


def _metadata(chunk: _Chunk) -> Any:
    delta = chunk.choices[0].delta if chunk.choices else None
    return delta and delta.provider_metadata


def _served_by(chunk: _Chunk) -> str | None:
    return lenient.mend(chunk.provider) or None if isinstance(chunk.provider, str) else None


def _said(choice: _Choice) -> _Said:
    delta, finish_reason = choice.delta, choice.finish_reason or None
    if delta is None:
        return choice.text, None, None, bool(choice.text), finish_reason
    content, reasoning = _text(delta.content), delta.reasoning or delta.reasoning_content
    arguments, has_call = None, False
    if isinstance(delta.content, list):
        reasoning = reasoning or _thought(delta.content)
    if delta.tool_calls or delta.function_call:
        arguments, has_call = _called(delta)
    return content, reasoning, arguments, bool(content or reasoning or has_call), finish_reason


def _said_by_all(choices: list[_Choice]) -> _Said:
    """Several answers in one event (`n` > 1), one behind the other; or none."""
    said = [_said(choice) for choice in choices]
    content, reasoning, arguments = (_concat([one[part] for one in said]) for part in range(3))
    reasons = [one[4] for one in said if one[4]]
    return content, reasoning, arguments, any(one[3] for one in said), reasons[-1] if reasons else None


def _called(delta: _Message) -> tuple[str, bool]:
    """The arguments in a delta's tool calls, and whether they, or a call's name, hold a token."""
    calls = [call.function for call in delta.tool_calls or ()] + [delta.function_call]
    functions = [function for function in calls if function]
    arguments = "".join(function.arguments or "" for function in functions)
    return arguments, bool(arguments) or any(function.name for function in functions)


def _text(content: str | list[_Part] | None) -> str | None:
    return _concat([part.text for part in content]) if isinstance(content, list) else content


def _thought(parts: list[_Part]) -> str | None:
    thoughts = [part.thinking for part in parts]
    return _concat([_text(thought) for thought in thoughts])


def _concat(texts: Sequence[object]) -> str | None:
    present = [text for text in texts if isinstance(text, str)]
    return "".join(present) if present else None


def _usage_elsewhere(chunk: _Chunk, choices: list[_Choice]) -> _Usage | None:
    if chunk.x_groq:
        return chunk.x_groq.usage
    found = [choice.usage for choice in choices if choice.usage]
    return found[0] if found else None


def _counted(usage: _Usage | None, timings: _Timings | None) -> _Counted:
    usage = usage or _Usage()
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    cached = [prompt and prompt.cached_tokens, usage.prompt_cache_hit_tokens, timings and timings.cache_n]
    reasoned = [completion and completion.reasoning_tokens, usage.reasoning_tokens]
    return usage.prompt_tokens, usage.completion_tokens, _first_count(cached), _first_count(reasoned)


def _first_count(counts: Sequence[object]) -> int | None:
    return next((count for count in counts if isinstance(count, int)), None)


DIALECTS: dict[str, Decode] = {"openai-chat": decode, "openai-completions": decode}

SLOTS = Slots(
    texts=("content", "reasoning", "reasoning_content", "text", "arguments", "obfuscation", "id"),
    numbers=("completion_tokens", "total_tokens", "token_id", "created"),
    steady=("id", "created"),
)
