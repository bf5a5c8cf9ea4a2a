"""What one event says, whatever the wire protocol: the answer that every dialect gives."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec


class Delta(msgspec.Struct, frozen=True, gc=False):
    """One event, understood. None where the event does not say; usage is as this event carries it."""

    content: str | None = None
    reasoning: str | None = None
    tool_calls: str | None = None
    has_token: bool = False
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    model: str | None = None
    response_id: str | None = None
    system_fingerprint: str | None = None
    is_done: bool = False
    served_by: str | None = None
    server_queue_ms: float | None = None
    server_load_ms: float | None = None
    server_prefill_ms: float | None = None
    server_ttft_ms: float | None = None
    server_decode_ms: float | None = None
    server_total_ms: float | None = None
    server_prefill_tok_s: float | None = None
    server_output_tok_s: float | None = None
    role: str | None = None
    reasoning_field: str | None = None


NOTHING = Delta()
"""The answer for an event that no dialect can read."""

Decode = Callable[[str, bytes], Delta]
"""A dialect's function: (event type, data bytes) to what the event says. It never raises on odd input."""


class Slots(NamedTuple):
    """Keys that each event or stream fills anew, with strings or whole numbers: what lets many be decoded at once.

    A dialect that names a key promises: whatever stands under it, anywhere, comes out whole in a column, joined
    with others, or not at all; nothing else of a Delta depends on it but whether it is empty or zero. Slots
    change how fast events are decoded, never what they say.
    """

    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    steady: tuple[str, ...] = ()
    """Those of them that hardly change within a stream, but from stream to stream."""


NO_SLOTS = Slots()
"""Of a dialect that names no keys: each of its events is decoded by itself."""
