"""Rate limits kept to: what the plan says an account may ask, and what servers say in their headers.

A limiter belongs to one endpoint and model. Its book of granted requests lies in a file, so that the next process
goes on where this one ended.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from filelock import FileLock

from pipeline import trace
from pipeline.collect import retry
from pipeline.errors import TokenclockError
from pipeline.plan import Limits

MINUTE_S, DAY_S = 60.0, 86_400.0
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}
_LIMIT = re.compile(
    r"(?:x-ratelimit-limit|anthropic-ratelimit)-(?P<subject>requests|req|tokens)(?:-(?P<window>minute|day)|-limit)?"
)
_EPOCH_S = 1e9  # a reset above this many seconds is a date, not a wait


class LimitReachedError(TokenclockError):
    """The endpoint's limits leave no room for another request soon; the message says which, and until when."""


class Book(msgspec.Struct):
    """Requests granted, as [unix time, tokens, requests], oldest first; and until when the server wants none.

    `stated` are limits that the server has named in its last headers, by their names in the plan.
    """

    grants: list[tuple[float, int, int]] = []
    blocked_until: float = 0.0
    stated: dict[str, int] = {}


class Window(NamedTuple):
    """A limit of the plan, by its name there, and what it counts."""

    name: str
    seconds: float
    counts_tokens: bool

    @property
    def column(self) -> int:
        """Where a grant holds what this window counts."""
        return 1 if self.counts_tokens else 2


WINDOWS = (
    Window("requests_per_minute", MINUTE_S, counts_tokens=False),
    Window("requests_per_day", DAY_S, counts_tokens=False),
    Window("tokens_per_minute", MINUTE_S, counts_tokens=True),
    Window("tokens_per_day", DAY_S, counts_tokens=True),
)


class Limiter:
    """Grants requests so that no minute and no day holds more of them than the endpoint allows."""

    def __init__(self, path: Path, limits: Limits, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._limits = limits
        self._now = now
        self._lock = FileLock(path.with_suffix(".lock"))

    async def acquire(self, tokens: int, longest_wait_s: float) -> None:
        """Wait until a request of at most `tokens` may be sent; `LimitReachedError` where that takes too long."""
        while (wait := self._try(tokens)) > 0:
            if wait > longest_wait_s:
                raise LimitReachedError(
                    f"{self.path.stem}: its limits leave room for another request in {wait:.0f} s, and no wait is "
                    f"longer than retry_wait_max_s = {longest_wait_s:g}"
                )
            await asyncio.sleep(wait)

    def _try(self, tokens: int) -> float:
        """Seconds to wait; 0 when the request has been granted."""
        if not self.path.exists() and not any(msgspec.structs.astuple(self._limits)):
            return 0.0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            book, now = self._read(), self._now()
            wait = max(book.blocked_until - now, *(self._wait(window, book, tokens, now) for window in WINDOWS), 0)
            if wait == 0:
                book.grants = [*_condensed(book.grants, now), (now, tokens, 1)]
                self._write(book)
            return wait

    def _wait(self, window: Window, book: Book, tokens: int, now: float) -> float:
        """Seconds until enough grants have left the window that ends now."""
        limit = self._limit(window, book)
        asked = tokens if window.counts_tokens else 1
        if limit is None:
            return 0.0
        if asked > limit:
            raise LimitReachedError(
                f"{self.path.stem}: one request of up to {asked} tokens never fits {window.name} = {limit}; "
                "shorten the workload, or raise the limit"
            )
        held = [grant for grant in book.grants if grant[0] > now - window.seconds]
        over = sum(grant[window.column] for grant in held) + asked - limit
        left_at = now
        for grant in held:
            if over <= 0:
                break
            over -= grant[window.column]
            left_at = grant[0] + window.seconds
        return left_at - now

    def _limit(self, window: Window, book: Book) -> int | None:
        """The plan's limit, or the server's where that is lower."""
        known = [getattr(self._limits, window.name), book.stated.get(window.name)]
        return min((limit for limit in known if limit is not None), default=None)

    def learn(self, status: int | None, headers: Iterable[tuple[str, str]], tokens: int) -> None:
        """Keep to what a response says: how long to stay away, that nothing is left until a reset, its limits."""
        named = dict(headers)
        waits = [retry.asked_s(named) or 0.0] if status in retry.REFUSALS else []
        waits += [
            _until_reset_s(named, name, self._now())
            for name, value in named.items()
            if _is_used_up(name, value, tokens)
        ]
        stated = _stated(named, tokens)
        if not any(waits) and stated.items() <= self._read().stated.items():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            book = self._read()
            book.blocked_until = max(book.blocked_until, self._now() + max(waits, default=0.0))
            book.stated |= stated
            self._write(book)

    def _read(self) -> Book:
        return msgspec.json.decode(self.path.read_bytes(), type=Book) if self.path.exists() else Book()

    def _write(self, book: Book) -> None:
        trace.replace(self.path, msgspec.json.encode(book))


def _condensed(grants: list[tuple[float, int, int]], now: float) -> list[tuple[float, int, int]]:
    """Forget what is older than a day; keep of what is older than a minute one entry a minute, at its end."""
    kept: list[tuple[float, int, int]] = []
    for at, tokens, requests in grants:
        if at <= now - DAY_S:
            continue
        if kept and at <= now - MINUTE_S and int(kept[-1][0] // MINUTE_S) == int(at // MINUTE_S):
            kept[-1] = (at, kept[-1][1] + tokens, kept[-1][2] + requests)
        else:
            kept.append((at, tokens, requests))
    return kept


def _stated(headers: dict[str, str], tokens: int) -> dict[str, int]:
    """Limits that the headers name, by their names in the plan.

    Where a name has no window (`x-ratelimit-limit-requests`: a minute at OpenAI, a day at Groq) a minute is taken,
    which is never stricter than what was meant. One that does not fit a single request is left to the server.
    """
    found: dict[str, int] = {}
    for name, value in headers.items():
        if (said := _LIMIT.fullmatch(name)) and value.isdecimal():
            subject = "tokens" if said["subject"] == "tokens" else "requests"
            if int(value) >= (tokens if subject == "tokens" else 1):
                found[f"{subject}_per_{said['window'] or 'minute'}"] = int(value)
    return found


def _is_used_up(name: str, value: str, tokens: int) -> bool:
    """True of a header such as `x-ratelimit-remaining-tokens` that leaves no room for another request."""
    if "ratelimit" not in name or "remaining" not in name:
        return False
    try:
        left = float(value)
    except ValueError:
        return False
    return left < (tokens if "token" in name else 1)


def _until_reset_s(headers: dict[str, str], name: str, now: float) -> float:
    """What the matching reset header says: a span, seconds, a date, or an epoch in seconds or milliseconds."""
    said = headers.get(name.replace("remaining", "reset"), "").strip()
    if parts := _PARTS.findall(said):
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts) if _PARTS.sub("", said) == "" else 0.0
    try:
        value = float(said)
    except ValueError:
        return _until_date_s(said, now)
    if value > _EPOCH_S:
        value = (value / 1000 if value > _EPOCH_S * 100 else value) - now
    return max(0.0, value)


def _until_date_s(said: str, now: float) -> float:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        return 0.0
    return max(0.0, at.replace(tzinfo=at.tzinfo or UTC).timestamp() - now)
