"""Rate limits as response headers state them, in one set of words and units.

A limit is of a subject (`requests`, `tokens`, `input_tokens`, …) in a window (`minute`, `day`, …). Names seen:
`x-ratelimit-remaining-tokens`, `x-ratelimit-reset-requests-day`, `anthropic-ratelimit-input-tokens-limit`,
`x-ratelimit-limit-req-minute` (Mistral), `x-tokenlimit-limit` (Together), `ratelimit-reset`. A header that
states no window has the provider's own, where that is documented, else none.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from pipeline.decode.timings import number

_NAME = re.compile(r"(?:x-|anthropic-)?(rate|token)limit-([a-z-]+)")
_KINDS = ("limit", "remaining", "reset")
_WINDOWS = ("second", "minute", "hour", "day", "month")
_SUBJECTS = {"req": "requests", "": "requests"}
_UNITS_MS = {"ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6, "d": 8.64e7}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_UNLIMITED = 2**62  # what some write for "no limit" is the largest integer, or near it

# Header that only this provider sends: windows of its limits that do not state theirs.
_DOCUMENTED = (
    ("x-groq-region", {"requests": "day", "tokens": "minute"}),
    (
        "anthropic-ratelimit-requests-limit",
        dict.fromkeys(("requests", "tokens", "input_tokens", "output_tokens"), "minute"),
    ),
    ("openai-version", {"requests": "minute", "tokens": "minute"}),
    ("x-ms-region", {"requests": "minute", "tokens": "minute"}),
    ("fireworks-middleware-version", {"tokens_prompt": "second", "tokens_generated": "second"}),
)


class Limit(NamedTuple):
    """One limit. `reset_ms` is from the response on; of the subject `retry` it is how long to wait."""

    subject: str
    period: str | None
    allowed: float | None
    remaining: float | None
    reset_ms: float | None


def read(headers: Mapping[str, str]) -> list[Limit]:
    """All limits that headers, given by lower-case name, state; sorted."""
    found: dict[tuple[str, str | None], dict[str, str]] = {}
    for name, value in sorted(headers.items()):
        if stated := _stated(name):
            subject, window, kind = stated
            found.setdefault((subject, window or _window(headers, subject)), {})[kind] = value
    date = headers.get("date")
    limits = [_limit(subject, window, said, date) for (subject, window), said in found.items()]
    waits = [_wait(headers)] if {"retry-after", "retry-after-ms"} & set(headers) else []
    return sorted([one for one in [*limits, *waits] if one and any(part is not None for part in one[2:])], key=str)


def _stated(name: str) -> tuple[str, str | None, str] | None:
    """Subject, window and kind that a header's name states; None where it states no limit."""
    match = _NAME.fullmatch(name)
    words = match[2].split("-") if match else []
    kinds = [word for word in words if word in _KINDS]
    if match is None or len(kinds) != 1:
        return None
    windows = [word for word in words if word in _WINDOWS]
    subject = "_".join(word for word in words if word not in (*_KINDS, *_WINDOWS))
    subject = "tokens" if match[1] == "token" and not subject else _SUBJECTS.get(subject, subject)
    return subject, windows[0] if windows else None, kinds[0]


def _window(headers: Mapping[str, str], subject: str) -> str | None:
    return next((windows.get(subject) for header, windows in _DOCUMENTED if header in headers), None)


def _limit(subject: str, window: str | None, said: Mapping[str, str], date: str | None) -> Limit:
    amounts = (_amount(said.get("limit")), _amount(said.get("remaining")))
    return Limit(subject, window, *amounts, duration_ms(said.get("reset"), date))


def _amount(value: str | None) -> float | None:
    found = number(value)
    return None if found is None or found >= _UNLIMITED else found


def _wait(headers: Mapping[str, str]) -> Limit:
    """How long to wait before asking again: the longer, where both headers are there and differ."""
    waits = (duration_ms(headers.get("retry-after"), headers.get("date")), number(headers.get("retry-after-ms")))
    return Limit("retry", None, None, None, max((ms for ms in waits if ms is not None), default=None))


def duration_ms(value: str | None, date: str | None) -> float | None:
    """How long until a reset: a duration (`34m33.6s`, seconds), or a moment, which needs the response's date."""
    text = (value or "").strip()
    if _DURATION.fullmatch(text):
        return sum(float(amount) * _UNITS_MS[unit] for amount, unit in _PART.findall(text))
    seconds = number(text)
    if seconds is not None and seconds < 1e9:
        return seconds * 1e3
    moment = _moment(text) if seconds is None else seconds / (1e3 if seconds >= 1e11 else 1)
    now = _moment(date or "")
    return None if moment is None or now is None else max(0.0, (moment - now) * 1e3)


def _moment(text: str) -> float | None:
    """Seconds since 1970 of a date as HTTP or RFC 3339 writes it."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = parse(text)
        except (ValueError, TypeError, IndexError):
            continue
        if found.tzinfo:
            return found.timestamp()
    return None
