import asyncio
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import plan, trace
from pipeline.collect import night as nights
from pipeline.collect.limits import DAY_S, MINUTE_S, Book, Limiter, LimitReachedError
from pipeline.plan import Limits
from tests import plans
from tests.collect.test_night import collect
from tests.servers import HELLO, chunked, serving

ROOT = plan.DEFAULT.parent.parent
NOON = 1_800_000_000.0


class Clock:
    """Time that passes only when it is waited for."""

    def __init__(self, at=NOON):
        self.at = at

    def __call__(self):
        return self.at


def limiter(tmp_path, clock, **limits):
    return Limiter(tmp_path / "groq-m.json", Limits(**limits), clock)


def granted(tmp_path, asked, clock=None, **limits):
    """When each request of so many tokens is granted, in seconds from noon."""
    clock = clock or Clock()
    times = []
    for tokens in asked:
        one = limiter(tmp_path, clock, **limits)  # a new process each time
        while (wait := one._try(tokens)) > 0:
            clock.at += wait
        times.append(clock.at - NOON)
    return times


def test_without_limits_nothing_waits_and_nothing_is_written(tmp_path):
    assert granted(tmp_path, [100] * 50) == [0] * 50
    assert list(tmp_path.iterdir()) == []


def test_requests_a_minute_are_kept_to_across_processes(tmp_path):
    assert granted(tmp_path, [1] * 7, requests_per_minute=3) == [0, 0, 0, 60, 60, 60, 120]


def test_tokens_a_minute_are_kept_to(tmp_path):
    assert granted(tmp_path, [60, 30, 30, 90], tokens_per_minute=100) == [0, 0, 60, 120]


@given(
    gaps=st.lists(st.floats(0, 90), min_size=1, max_size=60),
    tokens=st.integers(1, 40),
    limit=st.integers(1, 9),
)
def test_no_minute_and_no_day_ever_holds_more_than_allowed(tmp_path_factory, gaps, tokens, limit):
    clock, folder, times = Clock(), tmp_path_factory.mktemp("limits"), []
    limits = {"requests_per_minute": limit, "requests_per_day": 4 * limit, "tokens_per_minute": 3 * 40}
    for gap in gaps:
        clock.at += gap
        times += [at + NOON for at in granted(folder, [tokens], clock, **limits)]
    for start in times:
        assert sum(start <= at < start + MINUTE_S - 1e-3 for at in times) <= min(limit, 3 * 40 // tokens)
        assert sum(start <= at < start + DAY_S - 1e-3 for at in times) <= 4 * limit


def test_a_request_that_never_fits_is_an_error_with_the_cure(tmp_path):
    with pytest.raises(
        LimitReachedError, match=r"groq-m: one request of up to 101 tokens never fits tokens_per_minute"
    ):
        limiter(tmp_path, Clock(), tokens_per_minute=100)._try(101)


def test_a_wait_that_is_too_long_ends_in_an_error_that_says_how_long(tmp_path):
    one = limiter(tmp_path, Clock(), requests_per_day=1)
    asyncio.run(one.acquire(5, 60))
    with pytest.raises(LimitReachedError, match="in 86400 s"):
        asyncio.run(one.acquire(5, 60))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2m59.56s"}, 179.56),
        ({"x-ratelimit-remaining-tokens": "49", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"x-ratelimit-remaining-tokens": "50", "x-ratelimit-reset-tokens": "7.66s"}, 0),
        ({"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "12.5"}, 12.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int((NOON + 30) * 1000))}, 30),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOON + 30))}, 30),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": datetime.fromtimestamp(NOON + 9, UTC).isoformat(),
            },
            9,
        ),
        ({"x-ratelimit-remaining-requests": "0"}, 0),
        ({"x-ratelimit-remaining-requests": "none", "x-ratelimit-reset-requests": "9s"}, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"}, 0),
    ],
)
def test_what_a_server_says_of_its_limits_is_kept_to(headers, seconds, tmp_path):
    clock = Clock()
    limiter(tmp_path, clock).learn(200, headers.items(), 50)
    assert granted(tmp_path, [50], clock) == [pytest.approx(seconds)]


def test_a_refusal_keeps_every_stream_away_until_its_retry_after(tmp_path):
    clock = Clock()
    limiter(tmp_path, clock).learn(429, [("retry-after", "17")], 50)
    assert granted(tmp_path, [1, 1], clock) == [17, 17]


@pytest.mark.parametrize(
    ("headers", "stated"),
    [
        ({"x-ratelimit-limit-requests": "30"}, {"requests_per_minute": 30}),
        ({"x-ratelimit-limit-tokens-minute": "6000"}, {"tokens_per_minute": 6000}),
        ({"x-ratelimit-limit-requests-day": "900"}, {"requests_per_day": 900}),
        ({"x-ratelimit-limit-req-minute": "60"}, {"requests_per_minute": 60}),
        ({"anthropic-ratelimit-requests-limit": "50"}, {"requests_per_minute": 50}),
        ({"x-ratelimit-limit-tokens-minute": "49"}, {}),  # not one request: the server will say so itself
        ({"x-ratelimit-limit-requests": "0", "x-ratelimit-limit-tokens": "-1", "x-ratelimit-limit": "9"}, {}),
        ({"x-ratelimit-limit-tokens-generated": "600", "x-ratelimit-limit-requests-hour": "9"}, {}),
        ({"x-ratelimit-limit-requests": "many", "anthropic-ratelimit-requests-remaining": "3"}, {}),
    ],
)
def test_limits_that_a_server_names_are_learned(headers, stated, tmp_path):
    one = limiter(tmp_path, Clock())
    one.learn(200, headers.items(), 50)
    assert one._read().stated == stated
    assert one.path.exists() == bool(stated)


def test_the_lower_of_plan_and_server_holds_and_the_server_may_change_its_mind(tmp_path):
    clock = Clock()
    limiter(tmp_path, clock).learn(200, [("x-ratelimit-limit-requests", "2")], 1)
    assert granted(tmp_path, [1] * 3, clock, requests_per_minute=9) == [0, 0, 60]
    clock.at += 3600
    limiter(tmp_path, clock).learn(200, [("x-ratelimit-limit-requests", "90")], 1)
    assert granted(tmp_path, [1] * 10, clock, requests_per_minute=9)[-2:] == [60 + 3600, 60 + 60 + 3600]


BUCKET = """
import asyncio, sys
from pathlib import Path
from pipeline.collect.limits import Limiter, LimitReachedError
from pipeline.plan import Limits

async def take():
    one, granted = Limiter(Path(sys.argv[1]), Limits(requests_per_minute=41)), 0
    try:
        while True:
            await one.acquire(1, 0.0)
            granted += 1
    except LimitReachedError:
        print(granted)

asyncio.run(take())
"""


def test_two_processes_share_one_bucket(tmp_path):
    command = [sys.executable, "-c", BUCKET, str(tmp_path / "groq-m.json")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    granted = [int(process.communicate(timeout=60)[0]) for process in both]
    assert sum(granted) == 41
    assert [process.returncode for process in both] == [0, 0]


def test_the_book_stays_small(tmp_path):
    clock = Clock()
    for _ in range(300):
        clock.at += 1
        granted(tmp_path, [10], clock, requests_per_day=100_000)
    book = msgspec.json.decode((tmp_path / "groq-m.json").read_bytes(), type=Book)
    assert len(book.grants) <= 70
    assert sum(requests for _, _, requests in book.grants) == 300


def test_a_night_keeps_to_the_limits_of_its_endpoint(layout, tmp_path):
    with serving(HELLO) as server:
        path = plans.write(
            tmp_path, server.url, requests=6, warmup=0, extra="limits = { requests_per_minute = 4 }\n"
        )
        (manifest,) = collect(layout, path)
        assert len(server.requests) == 4
    assert (manifest.outcome, manifest.requests_recorded) == ("stopped", 4)
    assert "p-m: its limits leave room for another request in" in manifest.error


def test_a_night_learns_from_headers(layout, tmp_path):
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        b"x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 300ms\r\n"
    )
    with serving(chunked(b"data: [DONE]\n\n", head=head)) as server:
        collect(layout, plans.write(tmp_path, server.url, requests=3, warmup=0))
    requests, _ = trace.load(layout.traces, nights.tonight())
    sent, end = requests["sent_ns"], requests["sent_ns"] + requests["end_ns"]
    assert all(after - before >= 0.29e9 for before, after in zip(end[:-1], sent[1:], strict=True))
