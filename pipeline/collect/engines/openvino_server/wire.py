"""What the HTTP process and the model process tell each other: JSON lines over a socket pair."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from pipeline.collect.engines._contract import EngineFacts


class Settings(msgspec.Struct, frozen=True):
    """What the model process is started with. `threads` 0: all cores that it may use."""

    weights: str
    threads: int
    device: str
    kv_cache_gb: int


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How to choose tokens and when to end. `max_tokens` None: up to the context's end."""

    max_tokens: int | None
    min_tokens: int
    temperature: float
    top_p: float
    seed: int
    stop: tuple[str, ...]
    ignore_eos: bool


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation, as the chat template takes it."""

    role: str
    content: str


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Generate: exactly one of `messages`, `text`, `tokens` is the prompt."""

    id: int
    sampling: Sampling
    messages: tuple[Message, ...] | None = None
    text: str | None = None
    tokens: tuple[int, ...] | None = None


class Drop(msgspec.Struct, frozen=True, tag=True):
    """Nobody waits for this generation any more."""

    id: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded and warm."""

    facts: EngineFacts


class Accepted(msgspec.Struct, frozen=True, tag=True):
    """The generation is in the batch."""

    id: int
    prompt_tokens: int


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The request cannot be served as asked; the asker's fault, so an HTTP 400."""

    id: int
    message: str
    param: str | None
    code: str


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """What one step gave one generation: newly certain text, tokens so far, why it ended."""

    id: int
    text: str
    completion_tokens: int
    finish_reason: str | None


class Step(msgspec.Struct, frozen=True, tag=True):
    """One pass of the model over its batch."""

    pieces: list[Piece]


Order = Begin | Drop
Report = Ready | Accepted | Refused | Step
OUT_OF_MEMORY = "out_of_memory"

T = TypeVar("T")


def line(message: Order | Report) -> bytes:
    """Frame one message; JSON holds no raw line feed."""
    return msgspec.json.encode(message) + b"\n"


class Lines:
    """Bytes in any pieces → whole messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes; give the lines they complete."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        return iter(whole)
