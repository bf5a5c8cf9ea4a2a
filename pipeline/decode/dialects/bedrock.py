"""Amazon Bedrock: events of a Converse stream, and chunks of an InvokeModel stream in the words of their model.

A chunk holds the model's own JSON in base64: Anthropic's events, OpenAI's chunks, Nova's Converse events under
their names, or one object with a text (Llama, Titan, Mistral, Cohere). Its last one has invocation metrics.
"""

import base64
import binascii
from typing import Any

import msgspec

from pipeline.decode import errors, lenient, timings
from pipeline.decode.delta import NOTHING, Decode, Delta
from pipeline.decode.dialects import anthropic, openai
from pipeline.decode.dialects.anthropic import prompt_tokens

_EXCEPTION = "exception:"
_CONVERSE = (
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
)
_TEXTS = ("generation", "outputText", "completion", "text")
_REASONS = ("stop_reason", "completionReason", "finish_reason")


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of either stream holds."""
    value = lenient.loads(data)
    if event_type.startswith(_EXCEPTION):
        message = errors.describe(value, {}).message if isinstance(value, dict) and value else None
        return Delta(error_code=lenient.mend(event_type.removeprefix(_EXCEPTION)), error_message=message)
    if event_type == "chunk":
        return _chunk(value.get("bytes") if isinstance(value, dict) else None)
    failure = errors.of_event(event_type, data)
    if failure != errors.NONE:
        return Delta(error_code=failure.code, error_message=failure.message)
    return _converse(event_type, value) if isinstance(value, dict) else NOTHING


def _converse(event_type: str, value: dict[str, Any]) -> Delta:
    if event_type == "metadata":
        return _metadata(value)
    if event_type == "messageStop":
        return Delta(finish_reason=_text(value.get("stopReason")))
    delta, started = _object(value.get("delta")), _object(_object(value.get("start")).get("toolUse"))
    content = _text(delta.get("text"))
    reasoning = _text(_object(delta.get("reasoningContent")).get("text"))
    arguments = _text(_object(delta.get("toolUse")).get("input"))
    has_token = bool(content or reasoning or arguments or started.get("name"))
    return Delta(content, reasoning, arguments, has_token)


def _metadata(value: dict[str, Any]) -> Delta:
    usage = _object(value.get("usage"))
    cached = lenient.count(usage.get("cacheReadInputTokens"))
    written = lenient.count(usage.get("cacheWriteInputTokens"))
    prompt = prompt_tokens(lenient.count(usage.get("inputTokens")), cached, written)
    counted = prompt, lenient.count(usage.get("outputTokens")), cached, None
    return _with_timings(Delta(None, None, None, False, None, *counted), value)


def _chunk(encoded: object) -> Delta:
    try:
        inner = base64.b64decode(encoded) if isinstance(encoded, str) else b""
    except (binascii.Error, ValueError):
        return NOTHING
    value = lenient.loads(inner)
    return _with_metrics(_inner(value, inner), value) if isinstance(value, dict) else NOTHING


def _inner(value: dict[str, Any], data: bytes) -> Delta:
    """A model's own object, by the shape that it has."""
    if "choices" in value:
        return _chosen(value, data)
    if "type" in value:
        return anthropic.decode("message", data)
    for name in _CONVERSE:
        if name in value:
            return _converse(name, _object(value[name]))
    return _plain(value)


def _chosen(value: dict[str, Any], data: bytes) -> Delta:
    """OpenAI's chunk; Mistral and DeepSeek say `message` for `delta` and `stop_reason` for `finish_reason`."""
    choices = value["choices"] if isinstance(value["choices"], list) else []
    for choice in map(_object, choices):
        choice.setdefault("delta", choice.get("message"))
        choice["finish_reason"] = choice.get("finish_reason") or choice.get("stop_reason")
        if choice["delta"] is None and "text" in choice:
            del choice["delta"]
    return openai.decode("message", lenient.dumps(value).encode()) if choices else openai.decode("message", data)


def _plain(value: dict[str, Any]) -> Delta:
    """One object with a text, or a list of such (Mistral's `outputs`)."""
    outputs = value.get("outputs")
    said = _object(outputs[0]) if isinstance(outputs, list) and outputs else value
    content = next((text for key in _TEXTS if (text := _text(said.get(key))) is not None), None)
    reason = next((text for key in _REASONS if (text := _text(said.get(key)))), None)
    prompt = lenient.count(value.get("prompt_token_count", value.get("inputTextTokenCount")))
    counted = prompt, lenient.count(value.get("generation_token_count", value.get("totalOutputTextTokenCount")))
    failure = errors.find(value)
    return Delta(content, None, None, bool(content), reason, *counted, None, None, *failure)


def _with_metrics(delta: Delta, value: dict[str, Any]) -> Delta:
    """The chunk that ends a stream counts the tokens and the time, whatever the model's own words."""
    metrics = _object(value.get("amazon-bedrock-invocationMetrics"))
    if not metrics:
        return delta
    cached, written = (lenient.count(metrics.get(f"cache{kind}InputTokenCount")) for kind in ("Read", "Write"))
    prompt = prompt_tokens(lenient.count(metrics.get("inputTokenCount")), cached, written)
    completion = lenient.count(metrics.get("outputTokenCount"))
    counted = {"prompt_tokens": prompt, "completion_tokens": completion, "cached_tokens": cached}
    known = {name: count for name, count in counted.items() if count is not None}
    return _with_timings(msgspec.structs.replace(delta, **known), value)


def _with_timings(delta: Delta, value: dict[str, Any]) -> Delta:
    found = timings.find(value)._asdict()
    known = {f"server_{name}": ms for name, ms in found.items() if ms is not None}
    return msgspec.structs.replace(delta, **known) if known else delta


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return lenient.mend(value) if isinstance(value, str) else None


DIALECTS: dict[str, Decode] = {"bedrock-converse": decode, "bedrock-invoke": decode}
