"""What a simulated provider is: pure functions from a request and its answer to bytes. No clock, no socket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.collect.truth.asking import Asked
from pipeline.errors import TokenclockError

Headers = dict[str, str]
Kind = Literal["no_key", "malformed", "unknown_model", "retired_model", "limited"]
"""Why a provider refuses a request before it answers."""


class NotUnderstoodError(TokenclockError):
    """A request that the provider cannot read; the text becomes the message of its refusal."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for, in whatever dialect. `prompt` is all that was said to it, `body` its JSON."""

    model: str
    prompt: str
    most_tokens: int | None
    has_key: bool
    wants_usage: bool
    body: Mapping[str, Any]

    @property
    def words(self) -> int:
        """Words of the prompt: its tokens, here."""
        return len(self.prompt.split())


@dataclass(frozen=True, slots=True)
class Event:
    """The words, one a token, that one event carries, and when it is sent, in seconds from the request."""

    at_s: float
    words: tuple[str, ...]
    tokens_so_far: int

    @property
    def text(self) -> str:
        """The words as they stand in the stream."""
        return "".join(self.words)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the simulated model answers, and the server's own account of its time, in seconds.

    `name`: 32 hexadecimal digits from which the provider makes its ids. `is_cut`: `most_tokens` ended it.
    `broken_at`: number of the event instead of which the stream fails; None where all goes well.
    """

    request: Request
    name: str
    created: int
    prompt_tokens: int
    events: tuple[Event, ...]
    is_cut: bool
    broken_at: int | None
    head_s: float
    queue_s: float
    prefill_s: float
    decode_s: float

    @property
    def tokens(self) -> int:
        """Tokens of the whole answer."""
        return self.events[-1].tokens_so_far

    @property
    def ttft_s(self) -> float:
        """When the first token is sent."""
        return self.events[0].at_s

    @property
    def first_token_s(self) -> float:
        """The server's own time to first token: the TTFT less its network."""
        return self.server_total_s - (self.events[-1].at_s - self.ttft_s)

    @property
    def server_total_s(self) -> float:
        """How long the server says it took."""
        return self.queue_s + self.prefill_s + self.decode_s

    def is_last(self, event: Event) -> bool:
        """Whether nothing comes after this event."""
        return event is self.events[-1]


@dataclass(frozen=True, slots=True)
class Level:
    """How full a limit's allowance is: what is allowed in a window, what of it remains, when it is whole again."""

    allowed: int
    remaining: int
    window_s: float
    whole_in_s: float


@dataclass(frozen=True, slots=True)
class Account:
    """What a provider knows of a client's limits, by their names (`requests_per_minute`, …).

    `exceeded` is the limit that a request has run into, `wait_s` when there will be room for it. `at` is the
    server's wall clock, in seconds since 1970.
    """

    at: float
    levels: Mapping[str, Level] = field(default_factory=dict)
    exceeded: str | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that gets an error instead of an answer."""

    kind: Kind
    name: str
    model: str
    message: str
    account: Account


@dataclass(frozen=True, slots=True)
class Reply:
    """An error as it goes over the wire."""

    status: int
    body: Any
    headers: Headers = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One hosted API, told in functions.

    `opening` are the events before the first token and `closing` those after the last; the events of `failure`
    are the last ones of a stream that breaks. With `opens_early` the head of the response does not wait for the
    first token. `limits` are by the names in `Account.levels`. `tokens_per_event` and `events_per_write` are
    least and most.
    """

    models: tuple[str, ...]
    retired: tuple[str, ...] = ()
    understand: Callable[[Asked], Request]
    opening: Callable[[Answer], list[bytes]]
    event: Callable[[Answer, Event], bytes]
    closing: Callable[[Answer], list[bytes]]
    failure: Callable[[Answer], list[bytes]]
    refuse: Callable[[Refusal], Reply]
    headers: Callable[[Answer], Headers] = lambda _: {}
    limits_said: Callable[[Account], Headers] = lambda _: {}
    limits: Mapping[str, int] = field(default_factory=dict)
    content_type: str = "text/event-stream"
    opens_early: bool = True
    tokens_per_event: tuple[int, int] = (1, 1)
    events_per_write: tuple[int, int] = (1, 1)
