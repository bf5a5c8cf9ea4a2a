"""When a refused request may be sent anew. The refusal stays a request of its own, with its own status."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

REFUSALS = frozenset({429, 503, 529})
"""Too many requests; unavailable; overloaded (Anthropic)."""

FIRST_BACKOFF_S = 1.0
JITTER = 0.25
"""Share of the wait that is added by the seed, so that streams refused together do not come back together."""


def wait_s(status: int | None, headers: Iterable[tuple[str, str]], attempt: int, seed: str) -> float | None:
    """Seconds to wait before a refused request is sent anew; None where it was not refused.

    `attempt` counts from 1. Without a Retry-After that can be read, the wait doubles with each attempt. `seed` is
    one for each request: two that are refused at once wait unlike, and a night repeated waits as before.
    """
    if status not in REFUSALS:
        return None
    asked = asked_s(dict(headers))
    wait = FIRST_BACKOFF_S * 2 ** (attempt - 1) if asked is None else asked
    return wait * (1 + JITTER * random.Random(f"{seed}/{attempt}").random())  # noqa: S311 - reproducible on purpose


def asked_s(headers: dict[str, str]) -> float | None:
    """What the server asks for: `retry-after-ms` (OpenAI, Azure), or Retry-After in seconds or as a date."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is not None or said is None:
        return seconds
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
