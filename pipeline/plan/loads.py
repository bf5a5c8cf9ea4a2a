"""How a target is loaded: closed and open loops, everything at once, and sweeps through levels of these."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from pipeline.plan.words import Count, Name, Seconds, Share, Stanza


class Until(Stanza, frozen=True, kw_only=True):
    """Rounds go on until both ends of the median's 95 % interval lie `within` that share of it, or the budget ends.

    `metric` is what the recorder knows without reading a response: first byte or end of the body - sent. There are
    at most so many rounds, whatever `[night] rounds` says of other scenarios.
    """

    metric: Literal["first_byte_ms", "end_ms"]
    within: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    at_most_rounds: Annotated[int, msgspec.Meta(ge=2)]


class _Load(Stanza, frozen=True, kw_only=True, tag_field="kind"):
    title: str
    requests: Count
    warmup_requests: Annotated[int, msgspec.Meta(ge=0)]
    timeout_s: Seconds
    slo: Name | None = None
    sweep: str | None = None
    until: Until | None = None


class Closed(_Load, frozen=True, kw_only=True, tag="closed"):
    """`concurrency` streams, each starts its next request when its last one ends.

    `sweep` names the scenario that this is a level of; it is not written in a plan.
    """

    concurrency: Count

    @property
    def most_in_flight(self) -> int:
        """Requests in flight at once, at most."""
        return self.concurrency


class Open(_Load, frozen=True, kw_only=True, tag="open"):
    """Requests start at a rate of their own, whatever became of those before.

    The first `warmup_requests` arrivals are the ramp-up. At most `max_in_flight` are under way at once; one
    that is due then waits, and is late rather than dropped: its schedule lag says by how much.
    """

    rate_req_s: Annotated[float, msgspec.Meta(gt=0)]
    arrivals: Literal["poisson", "constant"]
    max_in_flight: Count

    @property
    def most_in_flight(self) -> int:
        """Requests in flight at once, at most."""
        return self.max_in_flight


class Offline(_Load, frozen=True, kw_only=True, tag="offline"):
    """All requests at once: how much a system delivers that is never short of work."""

    @property
    def concurrency(self) -> int:
        """A stream for every request."""
        return self.requests

    @property
    def most_in_flight(self) -> int:
        """Requests in flight at once, at most."""
        return max(self.requests, self.warmup_requests)


class Saturation(Stanza, frozen=True, kw_only=True):
    """When a sweep ends before its last level. Collecting decides, and it parses nothing: see `collect.sweeping`.

    `gain_under`: answers a second rose by less than this share over the level before. `slo_kept_under`: less than
    this share of the answers came within the longest time that the SLO allows.
    """

    gain_under: Share
    slo_kept_under: Share


class Sweep(Stanza, frozen=True, kw_only=True, tag="sweep", tag_field="kind"):
    """A closed loop at one concurrency after the other.

    Each level becomes a scenario `<name>-<concurrency>`. A level sends `requests_per_stream` requests on each
    stream, and `requests_at_least` in all, after `warmup_per_stream`.
    """

    title: str
    concurrencies: Annotated[list[Count], msgspec.Meta(min_length=1)]
    requests_per_stream: Count
    requests_at_least: Count
    warmup_per_stream: Annotated[int, msgspec.Meta(ge=0)]
    timeout_s: Seconds
    slo: Name | None = None
    until: Saturation | None = None

    @property
    def loads(self) -> Sequence[float]:
        """What its levels differ in."""
        return self.concurrencies

    def levels(self, name: str) -> dict[str, Closed]:
        """The scenarios that the sweep stands for, by name."""
        return {
            f"{name}-{concurrency}": Closed(
                title=f"{self.title}, {concurrency} at once",
                concurrency=concurrency,
                requests=max(self.requests_at_least, self.requests_per_stream * concurrency),
                warmup_requests=self.warmup_per_stream * concurrency,
                timeout_s=self.timeout_s,
                slo=self.slo,
                sweep=name,
            )
            for concurrency in self.concurrencies
        }


class Rates(Stanza, frozen=True, kw_only=True, tag="rates", tag_field="kind"):
    """An open loop at one rate after the other: to the knee, where answers no longer keep pace with arrivals.

    Each level becomes a scenario `<name>-<rate>` (0.5 is 0-5). Its arrivals go on for `seconds`, and until there
    are `requests_at_least`, after `warmup_requests`.
    """

    title: str
    rates_req_s: Annotated[list[Annotated[float, msgspec.Meta(gt=0)]], msgspec.Meta(min_length=1)]
    arrivals: Literal["poisson", "constant"]
    max_in_flight: Count
    seconds: Seconds
    requests_at_least: Count
    warmup_requests: Annotated[int, msgspec.Meta(ge=0)]
    timeout_s: Seconds
    slo: Name | None = None
    until: Saturation | None = None

    @property
    def loads(self) -> Sequence[float]:
        """What its levels differ in."""
        return self.rates_req_s

    def levels(self, name: str) -> dict[str, Open]:
        """The scenarios that it stands for, by name."""
        return {
            f"{name}-{rate:g}".replace(".", "-"): Open(
                title=f"{self.title}, {rate:g} requests a second",
                rate_req_s=rate,
                arrivals=self.arrivals,
                max_in_flight=self.max_in_flight,
                requests=max(self.requests_at_least, math.ceil(self.seconds * rate)),
                warmup_requests=self.warmup_requests,
                timeout_s=self.timeout_s,
                slo=self.slo,
                sweep=name,
            )
            for rate in self.rates_req_s
        }


Scenario = Closed | Open | Offline
