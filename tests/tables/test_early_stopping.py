import pytest

from pipeline.tables.early_stopping import LIMITS
from tests import streams
from tests.tables.test_golden import build


def limits(n, failed=0, family="llama-8b", **more):
    """The limits after n golden streams (TTFT 300 ms, 16.7 ms a token), of which `failed` were refused."""
    requests = [
        streams.request(i, end_ns=1050 * streams.MS, **({"http_status": 500} if i < failed else {}))
        for i in range(n)
    ]
    script = [(300, streams.chunk("one")), (800, streams.chunk(" two" * 30)), *streams.GOLDEN[-3:]]
    rows = [read for i in range(failed, n) for read in streams.reads(script, f"run/{i:04d}")]
    run = streams.manifest(target=streams.target(family=family, **more))
    found = build(streams.recorded(requests, rows, run))["early_stopping"].to_dicts()
    return {(row["benchmark"], row["metric"]): row for row in found}


@pytest.mark.parametrize(("n", "is_shown"), [(458, False), (459, True)])
def test_a_limit_that_all_keep_is_shown_from_459_requests_on(n, is_shown):
    found = limits(n)
    assert len(found) == 4
    assert {row["is_shown"] for row in found.values()} == {is_shown}
    assert {(row["n"], row["over"], row["needed_under"]) for row in found.values()} == {(n, 0, 459)}


def test_a_failed_request_is_over_every_limit():
    found = limits(500, failed=1)
    assert {(row["n"], row["over"], row["needed_under"], row["is_shown"]) for row in found.values()} == {
        (500, 1, 661, False)
    }


def test_what_is_too_slow_is_over():
    found = limits(20, family="llama-70b")
    assert found["Llama 2 70B server", "ttft_ms"]["over"] == 0
    assert limits(20, failed=20)["Llama 3.1 8B interactive", "ttft_ms"]["over"] == 20


def test_the_limits_are_mlperfs():
    assert {family: [(one.ttft_ms, one.tpot_ms) for one in ones] for family, ones in LIMITS.items()} == {
        "llama-8b": [(2000, 100), (500, 30)],
        "llama-70b": [(2000, 200), (450, 40)],
    }


def test_other_families_have_no_limits():
    assert limits(20, family="smollm2-135m") == {}
