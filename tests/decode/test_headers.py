import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode import headers, limits
from pipeline.decode.limits import Limit

DATE = "Tue, 20 Jan 2026 09:49:20 GMT"


def test_headers_say_who_answered_where_and_in_what_time() -> None:
    found = headers.read(
        {
            "cf-ray": "9c0da945e9e4bde7-PRG",
            "x-request-id": "req_1",
            "x-groq-region": "yul",
            "x-inference-provider": "groq",
            "fireworks-server-time-to-first-token": "7.328",
            "server-timing": 'total;dur=8190.0;desc="Total Response Time"',
        }
    )
    assert (found.provider_request_id, found.region, found.edge, found.served_by) == ("req_1", "yul", "PRG", "groq")
    assert (found.ttft_ms, found.head_ms) == (7328, 8190)


@pytest.mark.parametrize(
    ("name", "value", "head_ms"),
    [
        ("server-timing", "gfet4t7; dur=2499", 2499),
        ("server-timing", 'request_id;dur=0;desc="f1b1"', None),
        ("server-timing", 'a;desc="x;y";dur=5, b;dur=7', 7),
        ("server-timing", "miss, db", None),
        ("openai-processing-ms", "124", 124),
        ("x-envoy-upstream-service-time", "311", 311),
        ("x-envoy-upstream-service-time", "soon", None),
    ],
)
def test_the_front_end_s_time_is_read_in_ms(name: str, value: str, head_ms: float | None) -> None:
    assert headers.read({name: value}).head_ms == head_ms


def test_of_several_headers_of_one_name_the_first_counts_whatever_its_case() -> None:
    pairs = [{"name": "X-Request-Id", "value": "a"}, {"name": "x-request-id", "value": "b"}]
    assert headers.by_name(pairs) == {"x-request-id": "a"}
    assert headers.by_name(None) == {}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (
            {
                "x-groq-region": "yul",
                "x-ratelimit-limit-requests": "14400",
                "x-ratelimit-remaining-requests": "14393",
                "x-ratelimit-reset-requests": "34m33.6s",
                "x-ratelimit-limit-tokens": "6000",
                "x-ratelimit-reset-tokens": "130ms",
            },
            [Limit("requests", "day", 14400, 14393, 2_073_600), Limit("tokens", "minute", 6000, None, 130)],
        ),
        (
            {"x-ratelimit-limit-requests-day": "1440000", "x-ratelimit-reset-requests-day": "24477.5"},
            [Limit("requests", "day", 1440000, None, 24_477_500)],
        ),
        (
            {
                "date": DATE,
                "anthropic-ratelimit-requests-limit": "4000",
                "anthropic-ratelimit-input-tokens-remaining": "2000000",
                "anthropic-ratelimit-input-tokens-reset": "2026-01-20T09:49:50Z",
            },
            [Limit("input_tokens", "minute", None, 2000000, 30_000), Limit("requests", "minute", 4000, None, None)],
        ),
        ({"x-ratelimit-limit-req-minute": "60"}, [Limit("requests", "minute", 60, None, None)]),
        ({"x-tokenlimit-remaining": "7"}, [Limit("tokens", None, None, 7, None)]),
        (
            {"date": DATE, "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1768902570000"},
            [Limit("requests", None, None, 0, 10_000)],
        ),
        ({"x-ratelimit-remaining-tokens-day": "9223372036854767616"}, []),
        ({"x-ratelimit-tokens-query-cost": "14", "x-ratelimit-over-limit": "no"}, []),
        ({"retry-after": "2"}, [Limit("retry", None, None, None, 2000)]),
        ({"retry-after": "1", "retry-after-ms": "0"}, [Limit("retry", None, None, None, 1000)]),
        ({"date": DATE, "retry-after": "Tue, 20 Jan 2026 09:49:25 GMT"}, [Limit("retry", None, None, None, 5000)]),
        ({"retry-after": "later"}, []),
    ],
)
def test_limits_are_told_by_subject_and_period(stated: dict[str, str], expected: list[Limit]) -> None:
    assert limits.read(stated) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("42s", 42_000),
        ("11.739999999s", pytest.approx(11_740)),
        ("1h2m3s", 3_723_000),
        ("1d", 86_400_000),
        ("0s", 0),
        ("2026-01-20T09:49:19Z", 0),
        ("2026-01-20T09:49:21", None),
        ("", None),
        (None, None),
        ("5 parsecs", None),
    ],
)
def test_a_reset_is_a_duration_or_a_moment(value: str | None, expected: float | None) -> None:
    assert limits.duration_ms(value, DATE) == expected


def test_a_moment_without_the_response_s_date_is_unknown() -> None:
    assert limits.duration_ms("2026-01-20T09:49:50Z", None) is None


NAMES = ["retry-after", "retry-after-ms", "date", "server-timing", "cf-ray", "x-ratelimit-reset", "x-request-id"]
NAMES += ["x-ratelimit-limit-tokens-minute", "anthropic-ratelimit-tokens-reset", "ratelimit-remaining"]


@given(
    st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30) | st.floats().map(str) | st.integers().map(str))
)
def test_no_header_can_raise(stated: dict[str, str]) -> None:
    headers.read(stated)
    for limit in limits.read(stated):
        assert all(part is None or part >= 0 for part in limit[2:])
