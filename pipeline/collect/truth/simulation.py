"""A simulated provider's answers: what is said, how fast, and what goes wrong, drawn from a seed.

The same simulation gives the same request the same answer at the same pace. Belongs here: the draw, and the program
that follows from it. Does not: any provider's wire format (`providers`), limits, sockets.
"""

import itertools
import math
import random
from collections.abc import Iterator
from email.utils import formatdate
from hashlib import sha256
from typing import Annotated

import msgspec

from pipeline.collect.truth.program import CHUNKED, LAST_CHUNK, Program, Write, program, write
from pipeline.collect.truth.providers._contract import Account, Answer, Event, Headers, Provider, Request

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Spread = Annotated[float, msgspec.Meta(ge=0, le=2)]
Count = Annotated[int, msgspec.Meta(ge=1)]

# One token each, blank included, in the tokenizers of the Llama 3 family: a text's words are its tokens.
_COMMON = """
the of and to in is was for on are with as at be this have from or one had by word but not what all were
we when your can said there use an each which she do how their if will up other about out many then them
these so some her would make like him into time has look two more write go see number no way could people
"""
WORDS = tuple(f" {word}" for word in _COMMON.split())
TEMPLATE_TOKENS = 11
"""What the chat template adds to a prompt."""

HEAD_SHARE, QUEUE_SHARE, NETWORK_SHARE, FIRST_SHARE = 0.6, 0.1, 0.05, 0.3
"""Of the TTFT: until an early head is sent; waiting; outside of the server; at most the first tokens themselves."""
PACE_SPREAD = 0.1
"""Of the time between two writes of one stream, logarithmic."""


class Simulation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is simulated: whose wire format, how fast, what goes wrong.

    `ttft_ms`, `tok_s` and `answer_tokens` are medians of what is drawn; the spreads are logarithmic. An answer is
    as long as it is drawn, or as the request allows. `error_share` of the streams fail after their 200. Limits are
    the provider's own where they are not given here. With `asks_key` a request without any key is refused.

    `serves` names the model whose words are said: providers that serve the same one begin their answers to a
    prompt alike. At each word `drift` is the chance that this provider rounds another way than the others; from
    there on the text is its own. Without `serves` every provider says what it likes.
    """

    speaks: str
    ttft_ms: Positive = 200.0
    ttft_spread: Spread = 0.25
    tok_s: Positive = 100.0
    tok_s_spread: Spread = 0.1
    answer_tokens: Count = 400
    answer_spread: Spread = 0.3
    error_share: Share = 0.0
    requests_per_minute: Count | None = None
    requests_per_day: Count | None = None
    tokens_per_minute: Count | None = None
    asks_key: bool = False
    serves: str | None = None
    drift: Share = 0.003
    seed: int = 0

    def limits(self, provider: Provider) -> dict[str, int]:
        """The limits that hold: these, else the provider's own."""
        own = {
            "requests_per_minute": self.requests_per_minute,
            "requests_per_day": self.requests_per_day,
            "tokens_per_minute": self.tokens_per_minute,
        }
        return {**provider.limits, **{name: most for name, most in own.items() if most is not None}}


def draw(this: Simulation, provider: Provider, request: Request, created: int) -> Answer:
    """Draw the answer to a request."""
    rng = random.Random(f"{this.seed}/{this.speaks}/".encode() + msgspec.json.encode(request.body))  # noqa: S311 - reproducible on purpose
    ttft_s = this.ttft_ms / 1e3 * rng.lognormvariate(0, this.ttft_spread)
    token_s = 1 / (this.tok_s * rng.lognormvariate(0, this.tok_s_spread))
    drawn = max(1, round(this.answer_tokens * rng.lognormvariate(0, this.answer_spread)))
    tokens = min(drawn, request.most_tokens or drawn)
    events = tuple(_events(provider, rng, said(this, request, rng), tokens, ttft_s=ttft_s, token_s=token_s))
    first_s = min(len(events[0].words) * token_s, FIRST_SHARE * ttft_s)
    network_s, queue_s = NETWORK_SHARE * ttft_s, QUEUE_SHARE * ttft_s
    return Answer(
        request=request,
        name=sha256(rng.randbytes(16)).hexdigest()[:32],
        created=created,
        prompt_tokens=request.words + TEMPLATE_TOKENS,
        events=events,
        is_cut=drawn > tokens,
        broken_at=rng.randrange(len(events)) if rng.random() < this.error_share else None,
        head_s=HEAD_SHARE * ttft_s if provider.opens_early else ttft_s,
        queue_s=queue_s,
        prefill_s=ttft_s - network_s - queue_s - first_s,
        decode_s=first_s + events[-1].at_s - ttft_s,
    )


def said(this: Simulation, request: Request, rng: random.Random) -> Iterator[str]:
    """The words of an answer without end: those of the model that is served, until they drift; else any."""
    if this.serves is not None:
        model = random.Random(f"{this.serves}/{request.prompt}")  # noqa: S311 - reproducible on purpose
        while rng.random() >= this.drift:
            yield model.choice(WORDS)
    while True:
        yield rng.choice(WORDS)


def _events(
    provider: Provider, rng: random.Random, words: Iterator[str], tokens: int, *, ttft_s: float, token_s: float
) -> Iterator[Event]:
    """Events in writes: a write is due when its last token has been made, the first one at the TTFT."""
    at_s, left = ttft_s, tokens
    while left > 0:
        sizes = list(_sizes(provider, rng, left))
        if left < tokens:
            at_s += sum(sizes) * token_s * rng.lognormvariate(0, PACE_SPREAD)
        for size in sizes:
            left -= size
            yield Event(at_s, tuple(itertools.islice(words, size)), tokens - left)


def _sizes(provider: Provider, rng: random.Random, left: int) -> Iterator[int]:
    """Tokens of each event of one write."""
    for _ in range(rng.randint(*provider.events_per_write)):
        size = min(left, rng.randint(*provider.tokens_per_event))
        if size:
            yield size
        left -= size


def compiled(provider: Provider, answer: Answer, account: Account) -> Program:
    """What is sent, and when."""
    head = _head(provider, answer, account)
    sent = answer.events[: answer.broken_at]
    ends = provider.closing(answer) if answer.broken_at is None else provider.failure(answer)
    writes = [*_opening(provider, answer), *_said(provider, answer, sent)]
    end_s = max(sent[-1].at_s if sent else answer.ttft_s, answer.head_s)
    writes.append(write(_ns(end_s), *ends, tail=LAST_CHUNK))
    return program([Write(writes[0].at_ns, head + writes[0].data, _shifted(writes[0], len(head))), *writes[1:]])


def _opening(provider: Provider, answer: Answer) -> Iterator[Write]:
    """The events before the first token, evenly between the head and it; an early head waits for none."""
    events = provider.opening(answer)
    if not events and provider.opens_early:
        yield Write(_ns(answer.head_s), b"")
    step_s = (answer.ttft_s - answer.head_s) / max(1, len(events))
    for number, event in enumerate(events):
        yield write(_ns(answer.head_s + number * step_s), event)


def _said(provider: Provider, answer: Answer, events: tuple[Event, ...]) -> Iterator[Write]:
    for at_s, together in itertools.groupby(events, key=lambda event: event.at_s):
        yield write(_ns(at_s), *(provider.event(answer, event) for event in together))


def _shifted(first: Write, by: int) -> tuple[int, ...]:
    return tuple(end + by for end in first.ends)


def _ns(seconds: float) -> int:
    return math.floor(seconds * 1e9)


def _head(provider: Provider, answer: Answer, account: Account) -> bytes:
    said = {
        "date": formatdate(answer.created, usegmt=True),
        "content-type": provider.content_type,
        "cache-control": "no-cache",
        **provider.headers(answer),
        **provider.limits_said(account),
    }
    return b"HTTP/1.1 200 OK\r\n" + lines(said) + CHUNKED


def lines(headers: Headers) -> bytes:
    """Headers as they go over the wire."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
