"""Triton's `generate_stream` (TensorRT-LLM's ensemble): an event a token, without usage and without a finish.

Such a stream cannot say that it is whole, so it counts as truncated.
"""

from typing import Any

import msgspec

from pipeline.decode import errors, lenient
from pipeline.decode.delta import Decode, Delta


class _Event(msgspec.Struct, gc=False):
    text_output: str | None = None
    model_name: str | None = None
    error: Any = None


_STRICT = msgspec.json.Decoder(_Event)


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of a generation holds."""
    event = lenient.read(_STRICT, data)
    if event is None or event.error or event_type == "error":
        failure = errors.of_event(event_type, data)
        return Delta(error_code=failure.code, error_message=failure.message)
    return Delta(event.text_output, has_token=bool(event.text_output), model=event.model_name or None)


DIALECTS: dict[str, Decode] = {"triton": decode}
