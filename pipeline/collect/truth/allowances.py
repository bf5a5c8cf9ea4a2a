"""What a simulated provider allows a client: buckets that fill evenly, one a limit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.collect.truth.providers._contract import Account, Level

WINDOWS_S = {"requests_per_minute": 60.0, "requests_per_day": 86_400.0, "tokens_per_minute": 60.0}
"""The limits there are, with their windows; those whose names begin with `tokens` count tokens."""


@dataclass(slots=True)
class Bucket:
    """An allowance that fills up at `allowed` a window, and is full at first."""

    allowed: int
    window_s: float
    held: float
    filled_at: float

    def fill(self, now: float) -> None:
        """Let in what has come since it was last looked at."""
        self.held = min(self.allowed, self.held + (now - self.filled_at) * self.allowed / self.window_s)
        self.filled_at = now

    def wait_s(self, amount: int) -> float:
        """Seconds until there is room for so much; what is more than ever allowed waits for a whole bucket."""
        return max(0.0, min(amount, self.allowed) - self.held) * self.window_s / self.allowed

    def level(self) -> Level:
        """What stands in the headers."""
        return Level(self.allowed, math.floor(self.held), self.window_s, self.wait_s(self.allowed))


class Allowances:
    """The limits of one client."""

    def __init__(self, limits: Mapping[str, int], now: float) -> None:
        self.buckets = {name: Bucket(most, WINDOWS_S[name], most, now) for name, most in limits.items()}

    def take(self, tokens: int, now: float) -> Account:
        """Let a request of so many tokens through, or say which limit forbids it; then nothing is taken."""
        asked = {name: tokens if name.startswith("tokens") else 1 for name in self.buckets}
        for bucket in self.buckets.values():
            bucket.fill(now)
        waits = {name: bucket.wait_s(asked[name]) for name, bucket in self.buckets.items()}
        exceeded = max(waits, key=lambda name: waits[name], default=None)
        if exceeded is not None and waits[exceeded] > 0:
            return Account(now, self._levels(), exceeded, waits[exceeded])
        for name, bucket in self.buckets.items():
            bucket.held = max(0.0, bucket.held - asked[name])
        return Account(now, self._levels())

    def _levels(self) -> dict[str, Level]:
        return {name: bucket.level() for name, bucket in self.buckets.items()}
