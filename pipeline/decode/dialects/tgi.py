"""Text Generation Inference's own protocol (`/generate_stream`): an event a token, the last with the whole text.

A special token (`</s>`) is none of the text. Without `details` the last event does not say why it is the last.
"""

from typing import Any

import msgspec

from pipeline.decode import errors, lenient
from pipeline.decode.delta import Decode, Delta
from pipeline.decode.lenient import Count


class _Token(msgspec.Struct, gc=False):
    text: str | None = None
    special: bool | None = None


class _Details(msgspec.Struct, gc=False):
    finish_reason: str | None = None
    generated_tokens: Count | None = None
    input_length: Count | None = None


class _Event(msgspec.Struct, gc=False):
    token: _Token | None = None
    generated_text: str | None = None
    details: _Details | None = None
    error: Any = None


_STRICT = msgspec.json.Decoder(_Event)


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of a generation holds."""
    event = lenient.read(_STRICT, data)
    if event is None or event.error or event_type == "error":
        failure = errors.of_event(event_type, data)
        return Delta(error_code=failure.code, error_message=failure.message)
    token, details = event.token or _Token(), event.details or _Details()
    text = None if token.special else token.text
    return Delta(
        content=text,
        has_token=bool(text),
        finish_reason=details.finish_reason or (_reason(token) if event.generated_text is not None else None),
        prompt_tokens=details.input_length,
        completion_tokens=details.generated_tokens,
    )


def _reason(last: _Token) -> str:
    return "eos_token" if last.special else "unknown"


DIALECTS: dict[str, Decode] = {"tgi": decode}
